"""ResNeXt-29 for CIFAR: bottlenecks with a grouped 3x3 convolution.

Xie et al. 2017, "Aggregated residual transformations for deep neural networks", section 5.3,
https://arxiv.org/abs/1611.05431. `GxWd` means G groups (the paper's cardinality), each W channels wide
in the first stage. 8x64d has 34.4 M parameters for 10 classes and a test error of 3.65 % on
CIFAR-10 in the paper; 2x64d, with the same stages, has 9.1 M.

Legend: B images in a batch, C channels, S image size (32 in the shapes below), K classes.
"""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from onestop.networks.blocks import Bottleneck, conv_norm_act, he_init, stage


class ResNeXt(nn.Module):
    """A 3x3 stem, three stages of three bottlenecks, a classifier: 29 layers."""

    def __init__(self, classes: int, channels: int, *, groups: int, group_width: int) -> None:
        """`groups` is G, `group_width` is W."""
        super().__init__()
        width = groups * group_width
        self.stem = conv_norm_act(channels, 64, 3)
        self.stage1 = stage(partial(Bottleneck, width=width, groups=groups), 64, 256, 3, 1)
        self.stage2 = stage(partial(Bottleneck, width=2 * width, groups=groups), 256, 512, 3, 2)
        self.stage3 = stage(partial(Bottleneck, width=4 * width, groups=groups), 512, 1024, 3, 2)
        self.fc = nn.Linear(1024, classes)
        he_init(self)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, S, S] -> [B, K]."""
        x = self.stem(x)  # [B, 64, 32, 32]
        x = self.stage1(x)  # [B, 256, 32, 32]
        x = self.stage2(x)  # [B, 512, 16, 16]
        x = self.stage3(x)  # [B, 1024, 8, 8]
        return self.fc(x.mean((-2, -1)))  # type: ignore[no-any-return]
