"""LeNet-5 and variants.

LeCun et al. 1998, "Gradient-based learning applied to document recognition", section II.B,
http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf; with ReLU and plain pooling, as it is usually
taught. 61,706 parameters for 10 classes of grey images. The paper uses average pooling; the variants
use max pooling, or 3x3 instead of 5x5 convolutions.

Legend: B images in a batch, C channels, S image size (32 in the shapes below), K classes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

POOLS: dict[str, Callable[[Tensor, int], Tensor]] = {"average": F.avg_pool2d, "max": F.max_pool2d}


class LeNet(nn.Module):
    """Two convolutions with pooling, three linear layers."""

    def __init__(
        self, classes: int, channels: int, image_size: int, *, kernel: int, pool: str
    ) -> None:
        """`kernel` is the size of both convolutions, `pool` a key of `POOLS`."""
        super().__init__()
        self.pool = POOLS[pool]
        self.conv1 = nn.Conv2d(channels, 6, kernel)
        self.conv2 = nn.Conv2d(6, 16, kernel)
        side = ((image_size - kernel + 1) // 2 - kernel + 1) // 2
        self.fc1 = nn.Linear(16 * side * side, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, S, S] -> [B, K]; shapes for kernel 5."""
        x = self.pool(F.relu(self.conv1(x)), 2)  # [B, 6, 28, 28] -> [B, 6, 14, 14]
        x = self.pool(F.relu(self.conv2(x)), 2)  # [B, 16, 10, 10] -> [B, 16, 5, 5]
        x = F.relu(self.fc1(x.flatten(1)))  # [B, 400] -> [B, 120]
        x = F.relu(self.fc2(x))  # [B, 84]
        return self.fc3(x)  # type: ignore[no-any-return]
