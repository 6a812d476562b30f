"""Small networks of every kind, and heads of every kind, for tests of both frameworks."""

from segmentare.models.architecture import NetworkSpec
from segmentare.tasks.base import Head

HEADS = (
    Head("object", 1, "binary"),
    Head("parts", 4, "classes"),
    Head("peaks", 2, "heatmap"),
    Head("offsets", 2, "vectors"),
)
SPECS = {
    "resnet": NetworkSpec(
        encoder="resnet", width=0.125, blocks=1, decoder_channels=(24, 16, 8, 8, 8)
    ),
    "resnet detail": NetworkSpec(
        encoder="resnet", width=0.125, depth=3, detail=8, decoder_channels=()
    ),
    "resnet stride 2": NetworkSpec(
        encoder="resnet", width=0.125, blocks=1, stride=2, decoder_channels=(16,) * 4
    ),
    "lite0": NetworkSpec(encoder="lite0", width=0.25, decoder_channels=(24, 16, 8, 8, 8)),
    "lite1 detail": NetworkSpec(encoder="lite1", width=0.25, detail=8, depth=4),
    "plain": NetworkSpec(encoder="plain", width=0.125, depth=4, decoder_channels=()),
    "plain stride 4": NetworkSpec(encoder="plain", width=0.125, stride=4, decoder_channels=(8, 8)),
    "vgg": NetworkSpec(encoder="vgg", width=0.125, decoder_channels=()),
    "segnet": NetworkSpec(network="segnet", encoder="vgg", width=0.125),
}
