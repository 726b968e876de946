"""MobileNet v2 for small images: inverted residual blocks with depthwise convolutions.

Sandler et al. 2018, "MobileNetV2: inverted residuals and linear bottlenecks", table 2,
https://arxiv.org/abs/1801.04381. Widths and blocks are the paper's; the first two of its five
strides are 1, so that 32 pixels are reduced to 4 instead of 1. 2.2 M parameters for 10 classes,
3.5 M for 1,000.

Legend: B images in a batch, C channels, S image size (32 in the shapes below), K classes.
"""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from onestop.networks.blocks import Residual, conv_norm_act, he_init, stage

GROUPS = (
    # expansion, channels, blocks, stride
    (1, 16, 1, 1),  # [B, 16, 32, 32]
    (6, 24, 2, 1),  # [B, 24, 32, 32]; stride 2 in the paper
    (6, 32, 3, 2),  # [B, 32, 16, 16]
    (6, 64, 4, 2),  # [B, 64, 8, 8]
    (6, 96, 3, 1),  # [B, 96, 8, 8]
    (6, 160, 3, 2),  # [B, 160, 4, 4]
    (6, 320, 1, 1),  # [B, 320, 4, 4]
)

conv_norm_relu6 = partial(conv_norm_act, act=nn.ReLU6)


def inverted_residual(inputs: int, outputs: int, stride: int, *, expansion: int) -> nn.Module:
    """1x1 expansion, depthwise 3x3, and 1x1 projection without activation."""
    wide = inputs * expansion
    expand = [conv_norm_relu6(inputs, wide, 1)] if expansion > 1 else []
    body = nn.Sequential(
        *expand,
        conv_norm_relu6(wide, wide, 3, stride, groups=wide),
        conv_norm_act(wide, outputs, 1, act=nn.Identity),
    )
    return Residual(body) if stride == 1 and inputs == outputs else body


class MobileNetV2(nn.Module):
    """A 3x3 stem, seven groups of inverted residuals, a wide 1x1 convolution, a classifier."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.stem = conv_norm_relu6(channels, 32, 3)
        self.stages = nn.Sequential()
        width = 32
        for expansion, outputs, count, stride in GROUPS:
            block = partial(inverted_residual, expansion=expansion)
            self.stages.append(stage(block, width, outputs, count, stride))
            width = outputs
        self.last = conv_norm_relu6(width, 1280, 1)
        self.fc = nn.Linear(1280, classes)
        he_init(self)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, S, S] -> [B, K]."""
        x = self.stem(x)  # [B, 32, 32, 32]; stride 2 in the paper
        x = self.stages(x)  # [B, 320, 4, 4]; see GROUPS
        x = self.last(x)  # [B, 1280, 4, 4]
        return self.fc(x.mean((-2, -1)))  # type: ignore[no-any-return]
