"""The networks in Keras 3 on TensorFlow: the same layers, weights and maps as in `networks`."""

from segmentare.errors import MissingPackageError
from segmentare.keras.starting import quietly

try:
    with quietly():
        import keras
except ModuleNotFoundError as error:
    if error.name not in {"keras", "tensorflow"}:
        raise
    raise MissingPackageError(
        "This needs TensorFlow, which is not installed. Run: pip install 'segmentare[tensorflow]'"
    ) from error

if keras.config.backend() != "tensorflow":
    raise MissingPackageError(
        f"Keras must run on TensorFlow, but it is set to run on {keras.config.backend()!r}. "
        "Set the environment variable KERAS_BACKEND to tensorflow (it comes with: "
        "pip install 'segmentare[tensorflow]')."
    )

from segmentare.keras.network import Network, activate, build_network
from segmentare.models.architecture import NetworkSpec

__all__ = ["Network", "NetworkSpec", "activate", "build_network"]
