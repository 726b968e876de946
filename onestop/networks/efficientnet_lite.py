"""EfficientNet-Lite: EfficientNet without squeeze-and-excitation and with ReLU6, for CPUs and phones.

Liu 2020, https://blog.tensorflow.org/2020/03/higher-accuracy-on-vision-models-with-efficientnet-lite.html,
after Tan & Le 2019, "EfficientNet: rethinking model scaling", table 1, https://arxiv.org/abs/1905.11946.
Stem and head keep their width in all sizes, and first and last stage their depth. 4.65 M parameters
for 1,000 classes in the smallest. Padded as TensorFlow does: the published weights were trained so,
and lose seven points of accuracy with symmetric padding. Layers have timm's names for
`tf_efficientnet_lite0`, so that its files of weights fit.

Legend: B images in a batch, C channels, S image size (224 in the shapes below), K classes.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from onestop.networks.blocks import SameConv

GROUPS = (
    # expansion, channels, blocks, stride, kernel; channels and shapes are those of lite0
    (1, 16, 1, 1, 3),  # [B, 16, 112, 112]
    (6, 24, 2, 2, 3),  # [B, 24, 56, 56]
    (6, 40, 2, 2, 5),  # [B, 40, 28, 28]
    (6, 80, 3, 2, 3),  # [B, 80, 14, 14]
    (6, 112, 3, 1, 5),  # [B, 112, 14, 14]
    (6, 192, 4, 2, 5),  # [B, 192, 7, 7]
    (6, 320, 1, 1, 3),  # [B, 320, 7, 7]
)
_STEM, _HEAD = 32, 1280


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    if stride > 1:
        return SameConv(inputs, outputs, kernel, stride, groups=groups, bias=False)
    return nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2, groups=groups, bias=False)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)  # as in TensorFlow


class Separable(nn.Module):
    """Depthwise convolution and 1x1 projection: the block of the first group."""

    def __init__(self, inputs: int, outputs: int, stride: int, kernel: int) -> None:
        super().__init__()
        self.conv_dw = _conv(inputs, inputs, kernel, stride, groups=inputs)
        self.bn1 = _norm(inputs)
        self.conv_pw = _conv(inputs, outputs, 1)
        self.bn2 = _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, O, H/stride, W/stride]."""
        y = F.relu6(self.bn1(self.conv_dw(x)))
        return _added(x, self.bn2(self.conv_pw(y)))


class Inverted(nn.Module):
    """1x1 expansion, depthwise convolution, and 1x1 projection without activation."""

    def __init__(self, inputs: int, outputs: int, stride: int, kernel: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.conv_pw = _conv(inputs, wide, 1)
        self.bn1 = _norm(wide)
        self.conv_dw = _conv(wide, wide, kernel, stride, groups=wide)
        self.bn2 = _norm(wide)
        self.conv_pwl = _conv(wide, outputs, 1)
        self.bn3 = _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, O, H/stride, W/stride]."""
        y = F.relu6(self.bn1(self.conv_pw(x)))
        y = F.relu6(self.bn2(self.conv_dw(y)))
        return _added(x, self.bn3(self.conv_pwl(y)))


def _added(x: Tensor, y: Tensor) -> Tensor:
    """A block's output with its shortcut, which it has if it changes neither width nor size."""
    return x + y if x.shape == y.shape else y


def _block(inputs: int, outputs: int, stride: int, kernel: int, expansion: int) -> nn.Module:
    if expansion == 1:
        return Separable(inputs, outputs, stride, kernel)
    return Inverted(inputs, outputs, stride, kernel, expansion)


def _rounded(channels: float) -> int:
    """The nearest multiple of 8, but less than a tenth below `channels`."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


class EfficientNetLite(nn.Module):
    """A 3x3 stem, seven groups of inverted residuals, a wide 1x1 convolution, a classifier."""

    def __init__(
        self,
        classes: int,
        channels: int,
        width: float = 1.0,
        depth: float = 1.0,
        dropout: float = 0.2,
    ) -> None:
        """`width` and `depth` scale the channels and the blocks of the groups."""
        super().__init__()
        self.conv_stem = _conv(channels, _STEM, 3, 2)
        self.bn1 = _norm(_STEM)
        self.blocks = nn.Sequential()
        inputs, last = _STEM, len(GROUPS) - 1
        for number, (expansion, wide, count, stride, kernel) in enumerate(GROUPS):
            outputs = _rounded(wide * width)
            repeats = count if number in (0, last) else math.ceil(count * depth)
            group = [_block(inputs, outputs, stride, kernel, expansion)]
            group += [_block(outputs, outputs, 1, kernel, expansion) for _ in range(repeats - 1)]
            self.blocks.append(nn.Sequential(*group))
            inputs = outputs
        self.conv_head = _conv(inputs, _HEAD, 1)
        self.bn2 = _norm(_HEAD)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(_HEAD, classes)
        _init(self)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, S, S] -> [B, K]."""
        x = F.relu6(self.bn1(self.conv_stem(x)))  # [B, 32, 112, 112]
        x = self.blocks(x)  # [B, 320, 7, 7]; see GROUPS
        x = F.relu6(self.bn2(self.conv_head(x)))  # [B, 1280, 7, 7]
        return self.classifier(self.dropout(x.mean((2, 3))))  # type: ignore[no-any-return]


def _init(network: nn.Module) -> None:
    """The authors': normal weights of variance 2 / fan_out, by group of channels.

    The classifier keeps torch's, which is theirs for 1,000 classes: their bound, the root of the number
    of classes, would let a new head for two classes start from a loss of 3.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = math.prod(module.kernel_size) * module.out_channels // module.groups
            nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
