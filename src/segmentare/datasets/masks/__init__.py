"""Mask files as ids of categories: what a file holds, and the rule by which all are read."""
