"""DenseNet for small images: each layer uses the outputs of all previous layers in its block.

Huang et al. 2017, "Densely connected convolutional networks", section 3,
https://arxiv.org/abs/1608.06993. DenseNet-BC-100 with growth 12 is the paper's network for CIFAR:
0.8 M parameters, a test error of 4.51 % on CIFAR-10 (with augmentation). DenseNet-121 has the blocks
of the paper's network for ImageNet (table 1) after the stem of the former, a 3x3 convolution that
keeps all 32 pixels: 7.0 M parameters for 10 classes, 8.0 M for 1,000. The paper's dropout, used only
without augmentation, is omitted.

Legend: B images in a batch, C channels, H and W height and width inside, S image size, g growth rate,
K classes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from onestop.networks.blocks import he_init, norm_act_conv


class DenseLayer(nn.Module):
    """g new channels, concatenated with the input, after a bottleneck of 4g (the B of BC)."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.reduce = norm_act_conv(inputs, 4 * growth, 1)
        self.grow = norm_act_conv(4 * growth, growth, 3)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, inputs + g, H, W]."""
        return torch.cat([x, self.grow(self.reduce(x))], 1)


def dense_block(inputs: int, growth: int, count: int) -> nn.Sequential:
    """[B, inputs, H, W] -> [B, inputs + g * count, H, W]."""
    return nn.Sequential(*(DenseLayer(inputs + growth * i, growth) for i in range(count)))


def transition(inputs: int, outputs: int) -> nn.Sequential:
    """[B, inputs, H, W] -> [B, outputs, H/2, W/2] (rounded down)."""
    return nn.Sequential(norm_act_conv(inputs, outputs, 1), nn.AvgPool2d(2))


class DenseNet(nn.Module):
    """Dense blocks, separated by transitions that halve channels (the C of BC) and size."""

    def __init__(
        self, classes: int, channels: int, *, growth: int, counts: tuple[int, ...]
    ) -> None:
        """`growth` is g, `counts` are the numbers of layers per block."""
        super().__init__()
        width = 2 * growth
        self.stem = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.stages = nn.Sequential()
        for count in counts:
            if len(self.stages):
                self.stages.append(transition(width, width // 2))
                width //= 2
            self.stages.append(dense_block(width, growth, count))
            width += growth * count
        self.norm = nn.BatchNorm2d(width)
        self.fc = nn.Linear(width, classes)
        he_init(self)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, S, S] -> [B, K]; shapes of BC-100-12, then of 121, at 32 pixels."""
        x = self.stem(x)  # [B, 24, 32, 32]; [B, 64, 32, 32]
        # [B, 216, 32, 32] -> [B, 108, 16, 16], [B, 300, 16, 16] -> [B, 150, 8, 8], [B, 342, 8, 8];
        # [B, 256, 32, 32] -> [B, 128, 16, 16], [B, 512, 16, 16] -> [B, 256, 8, 8],
        # [B, 1024, 8, 8] -> [B, 512, 4, 4], [B, 1024, 4, 4]
        x = self.stages(x)
        x = F.relu(self.norm(x)).mean((-2, -1))  # [B, 342]; [B, 1024]
        return self.fc(x)  # type: ignore[no-any-return]
