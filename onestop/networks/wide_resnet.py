"""Wide residual networks: WRN-d-k has d layers, k times as wide as the CIFAR-10 ResNets.

Zagoruyko & Komodakis 2016, "Wide residual networks", section 2 and table 1,
https://arxiv.org/abs/1605.07146. Blocks use pre-activation (BatchNorm, ReLU, convolution); if width or
size change, block and shortcut share the same activated input. With 10 classes WRN-28-10 has 36.5 M
parameters and WRN-16-4 has 2.7 M; WRN-28-10's test error on CIFAR-10 is 4.00 % in the paper. The
paper's optional dropout inside the blocks is omitted.

Legend: B images in a batch, C channels, H and W height and width inside, S image size (32 in the shapes
below), k width factor, K classes.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from onestop.networks.blocks import he_init, norm_act_conv, stage


class WideBlock(nn.Module):
    """Two pre-activated 3x3 convolutions with a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.conv2 = norm_act_conv(outputs, outputs, 3)
        self.projection = (
            nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            if stride != 1 or inputs != outputs
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H/stride, W/stride]."""
        active = F.relu(self.norm1(x))
        skip = self.projection(active) if self.projection else x
        return skip + self.conv2(self.conv1(active))  # type: ignore[no-any-return]


class WideResNet(nn.Module):
    """A narrow stem, three wide stages, a final activation, a classifier."""

    def __init__(self, classes: int, channels: int, *, depth: int, factor: int) -> None:
        """`depth` is d, 6n+4; `factor` is k."""
        super().__init__()
        count = (depth - 4) // 6
        self.stem = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        self.stage1 = stage(WideBlock, 16, 16 * factor, count, 1)
        self.stage2 = stage(WideBlock, 16 * factor, 32 * factor, count, 2)
        self.stage3 = stage(WideBlock, 32 * factor, 64 * factor, count, 2)
        self.norm = nn.BatchNorm2d(64 * factor)
        self.fc = nn.Linear(64 * factor, classes)
        he_init(self)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, S, S] -> [B, K]."""
        x = self.stem(x)  # [B, 16, 32, 32]
        x = self.stage1(x)  # [B, 16k, 32, 32]
        x = self.stage2(x)  # [B, 32k, 16, 16]
        x = self.stage3(x)  # [B, 64k, 8, 8]
        x = F.relu(self.norm(x)).mean((-2, -1))  # [B, 64k]
        return self.fc(x)  # type: ignore[no-any-return]
