"""Training in PyTorch, on Lightning Fabric."""
