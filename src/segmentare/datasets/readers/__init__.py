"""One file per layout of annotated images on disk."""
