"""Two introductory convolutional networks: a single layer, and nested modules.

Legend: B images in a batch, C channels, S image size, K classes.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class OneLayerCNN(nn.Module):
    """One 3x3 convolution and a classifier on all of its outputs."""

    def __init__(self, classes: int, channels: int, image_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 16, 3)
        self.fc = nn.Linear(16 * (image_size - 2) ** 2, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, S, S] -> [B, K]."""
        x = F.relu(self.conv(x))  # [B, 16, S-2, S-2]: 224 -> 222
        return self.fc(x.flatten(1))  # type: ignore[no-any-return]


class Block(nn.Module):
    """A 3x3 convolution to 3 channels, then a 2x2 one; height and width stay the same."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, 3, 3, padding=1)
        self.conv2 = nn.Conv2d(3, outputs, 2)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H, W]."""
        x = F.relu(self.conv1(x))
        # A 2x2 kernel keeps the size with one row of padding below and one column to the right.
        return F.relu(self.conv2(F.pad(x, (0, 1, 0, 1))))


class Nested(nn.Module):
    """Three blocks in sequence, and a classifier on their averaged outputs."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(Block(channels, 4), Block(4, 8), Block(8, 16))
        self.fc = nn.Linear(16, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, K]."""
        x = self.blocks(x)  # [B, 16, H, W]
        return self.fc(x.mean((-2, -1)))  # type: ignore[no-any-return]
