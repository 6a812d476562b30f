"""Annotated images in the formats of other tools."""
