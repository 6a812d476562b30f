"""Segmentation networks in PyTorch: encoders, decoders, and the `Network` that joins them."""

from segmentare.networks.network import Network, NetworkSpec, activate, build_network

__all__ = ["Network", "NetworkSpec", "activate", "build_network"]
