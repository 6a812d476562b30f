"""The model folder: its description, its weights, and the network that they belong to."""
