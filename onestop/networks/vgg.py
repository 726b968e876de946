"""VGG for small images: 3x3 convolutions in five stages, each followed by pooling.

Simonyan & Zisserman 2015, "Very deep convolutional networks for large-scale image recognition",
table 1 (columns A, B, D, E), https://arxiv.org/abs/1409.1556. The convolutions are those of the
paper; of its three linear layers, designed for 7x7 positions, one remains, since 32 pixels are reduced
to a single position. With 10 classes VGG-11, 13, 16 and 19 have 9.2, 9.4, 14.7 and 20.0 M parameters;
the `bn` variants have BatchNorm after every convolution (Ioffe & Szegedy 2015,
https://arxiv.org/abs/1502.03167), which is newer than the paper.

Legend: B images in a batch, C channels, S image size (32 in the shapes below), K classes.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from onestop.networks.blocks import conv_norm_act, he_init

WIDTHS = (64, 128, 256, 512, 512)
COUNTS = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
"""Convolutions per stage; with the paper's three linear layers they add up to the name."""


def conv_act(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    """A convolution that preserves the size, and ReLU."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), nn.ReLU())


class VGG(nn.Module):
    """Stages that halve the size, global average pooling, a classifier."""

    def __init__(self, classes: int, channels: int, *, depth: int, norm: bool = False) -> None:
        """`depth` is a key of `COUNTS`; with `norm`, BatchNorm follows every convolution."""
        super().__init__()
        conv = conv_norm_act if norm else conv_act
        self.stages = nn.Sequential()
        for (inputs, width), count in zip(
            pairwise((channels, *WIDTHS)), COUNTS[depth], strict=True
        ):
            widths = pairwise((inputs, *[width] * count))
            self.stages.append(nn.Sequential(*(conv(i, o, 3) for i, o in widths), nn.MaxPool2d(2)))
        self.fc = nn.Linear(WIDTHS[-1], classes)
        he_init(self)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, S, S] -> [B, K]."""
        # [B, 64, 16, 16], [B, 128, 8, 8], [B, 256, 4, 4], [B, 512, 2, 2], [B, 512, 1, 1]
        x = self.stages(x)
        return self.fc(x.mean((-2, -1)))  # type: ignore[no-any-return]
