"""ResNet-20, 32, 44, 56 and 110: the residual networks designed for CIFAR-10.

He et al. 2016, "Deep residual learning for image recognition", section 4.2,
https://arxiv.org/abs/1512.03385. 6n+2 layers: a convolution, three stages of n blocks with two
convolutions each, a linear layer. Shortcuts have no parameters (option A). With 10 classes 0.27,
0.46, 0.66, 0.85 and 1.7 M parameters; the paper's test errors on CIFAR-10 are 8.75, 7.51, 7.17,
6.97 and 6.43 %.

Legend: B images in a batch, C channels, H and W height and width inside, S image size (32 in the shapes
below), K classes.
"""

from __future__ import annotations

from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from onestop.networks.blocks import BasicBlock, conv_norm_act, he_init, stage


class PaddedShortcut(nn.Module):
    """Option A: every `stride`-th pixel unchanged, and zeros for the new channels."""

    def __init__(self, new_channels: int, stride: int) -> None:
        super().__init__()
        self.new_channels = new_channels
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C + new, H/stride, W/stride] (rounded up)."""
        # Equals x[..., ::s, ::s], whose backward pass is several times slower.
        x = F.avg_pool2d(x, 1, self.stride)
        return F.pad(x, (0, 0, 0, 0, 0, self.new_channels))


def padded(inputs: int, outputs: int, stride: int) -> nn.Module:
    """A shortcut without parameters: the identity, or padded if width or size change."""
    same = stride == 1 and inputs == outputs
    return nn.Identity() if same else PaddedShortcut(outputs - inputs, stride)


class CifarResNet(nn.Module):
    """A 3x3 stem, three stages of equal depth and growing width, a classifier."""

    def __init__(self, classes: int, channels: int, *, depth: int) -> None:
        """`depth` is 6n+2."""
        super().__init__()
        count = (depth - 2) // 6
        block = partial(BasicBlock, shortcut=padded)
        self.stem = conv_norm_act(channels, 16, 3)
        self.stage1 = stage(block, 16, 16, count, 1)
        self.stage2 = stage(block, 16, 32, count, 2)
        self.stage3 = stage(block, 32, 64, count, 2)
        self.fc = nn.Linear(64, classes)
        he_init(self)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, S, S] -> [B, K]."""
        x = self.stem(x)  # [B, 16, 32, 32]
        x = self.stage1(x)  # [B, 16, 32, 32]
        x = self.stage2(x)  # [B, 32, 16, 16]
        x = self.stage3(x)  # [B, 64, 8, 8]
        return self.fc(x.mean((-2, -1)))  # type: ignore[no-any-return]
