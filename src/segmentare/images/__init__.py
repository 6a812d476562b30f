"""Reading pictures of any kind, whole or in parts."""
