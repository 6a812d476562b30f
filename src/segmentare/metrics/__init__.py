"""Predicted annotations against the true ones."""
