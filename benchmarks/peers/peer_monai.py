"""MONAI: the U-Net of its tutorials (residual units, Dice loss, Adam 1e-3), in two dimensions.

Source: Project-MONAI/tutorials, 2d_segmentation/torch/unet_training_array.py: channels 16 to 256,
strides 2, two residual units, `DiceLoss(sigmoid=True)`, Adam 1e-3; intensities scaled to 0 to 1.
"""

from __future__ import annotations

from monai.losses import DiceLoss
from monai.networks.nets import UNet
from textbook import Recipe, begin, train
from torch import nn


def unet() -> nn.Module:
    return UNet(
        spatial_dims=2,
        in_channels=3,
        out_channels=1,
        channels=(16, 32, 64, 128, 256),
        strides=(2, 2, 2, 2),
        num_res_units=2,
    )


def main() -> None:
    job = begin()
    plain = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    train(Recipe("monai", unet, DiceLoss(sigmoid=True), normalize=plain), job)


if __name__ == "__main__":
    main()
