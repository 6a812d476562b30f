"""Images larger than memory: read, predicted and written in parts."""
