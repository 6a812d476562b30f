"""Segmentation networks in PyTorch: encoders, decoders, and the `Network` that joins them."""

from segmentare.errors import MissingPackageError
from segmentare.models.architecture import NetworkSpec

try:
    from segmentare.networks.network import Network, activate, build_network
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise MissingPackageError(
        "This needs PyTorch, which is not installed. Run: pip install 'segmentare[torch]'"
    ) from error

__all__ = ["Network", "NetworkSpec", "activate", "build_network"]
