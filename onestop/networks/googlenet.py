"""GoogLeNet (Inception v1) for small images: each module combines several kernel sizes.

Szegedy et al. 2015, "Going deeper with convolutions", section 5 and table 1,
https://arxiv.org/abs/1409.4842. The nine modules have the paper's widths. The stem is a single
convolution that keeps all 32 pixels; every convolution is followed by BatchNorm; and the 5x5
convolutions are two 3x3 ones, with the same receptive field and fewer weights (Szegedy et al. 2016,
section 3.1, https://arxiv.org/abs/1512.00567). 6.2 M parameters for 10 classes.

Legend: B images in a batch, C channels, H and W height and width inside, S image size (32 in the shapes
below), K classes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from onestop.networks.blocks import conv_norm_act, he_init


class Inception(nn.Module):
    """Four parallel branches, concatenated."""

    def __init__(
        self, inputs: int, one: int, reduce3: int, three: int, reduce5: int, five: int, pooled: int
    ) -> None:
        """Table 1's columns: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj."""
        super().__init__()
        self.branch1 = conv_norm_act(inputs, one, 1)
        self.branch3 = nn.Sequential(
            conv_norm_act(inputs, reduce3, 1), conv_norm_act(reduce3, three, 3)
        )
        self.branch5 = nn.Sequential(
            conv_norm_act(inputs, reduce5, 1),
            conv_norm_act(reduce5, five, 3),
            conv_norm_act(five, five, 3),
        )
        self.branch_pool = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1), conv_norm_act(inputs, pooled, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, one + three + five + pooled, H, W]."""
        branches = (self.branch1, self.branch3, self.branch5, self.branch_pool)
        return torch.cat([branch(x) for branch in branches], 1)


class GoogLeNet(nn.Module):
    """A stem, nine inception modules in three stages, average pooling and a classifier."""

    def __init__(self, classes: int, channels: int, image_size: int) -> None:
        super().__init__()
        self.stem = conv_norm_act(channels, 192, 3)
        self.stage3 = nn.Sequential(
            Inception(192, 64, 96, 128, 16, 32, 32),
            Inception(256, 128, 128, 192, 32, 96, 64),
        )
        self.stage4 = nn.Sequential(
            Inception(480, 192, 96, 208, 16, 48, 64),
            Inception(512, 160, 112, 224, 24, 64, 64),
            Inception(512, 128, 128, 256, 24, 64, 64),
            Inception(512, 112, 144, 288, 32, 64, 64),
            Inception(528, 256, 160, 320, 32, 128, 128),
        )
        self.stage5 = nn.Sequential(
            Inception(832, 256, 160, 320, 32, 128, 128),
            Inception(832, 384, 192, 384, 48, 128, 128),
        )
        side = (image_size + 3) // 4 - 6  # two poolings halve and round up, a window of 7 removes 6
        self.fc = nn.Linear(1024 * side * side, classes)
        he_init(self)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, S, S] -> [B, K]."""
        x = self.stem(x)  # [B, 192, 32, 32]
        x = self.stage3(x)  # [B, 256, 32, 32] -> [B, 480, 32, 32]
        x = F.max_pool2d(x, 3, stride=2, padding=1)  # [B, 480, 16, 16]
        x = self.stage4(x)  # [B, 512, 16, 16] four times -> [B, 832, 16, 16]
        x = F.max_pool2d(x, 3, stride=2, padding=1)  # [B, 832, 8, 8]
        x = self.stage5(x)  # [B, 832, 8, 8] -> [B, 1024, 8, 8]
        x = F.avg_pool2d(x, 7, stride=1)  # [B, 1024, 2, 2]
        return self.fc(x.flatten(1))  # type: ignore[no-any-return]  # [B, 4096] -> [B, K]
