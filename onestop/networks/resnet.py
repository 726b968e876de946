"""ResNet-18, 34 and 50 for small images.

He et al. 2016, "Deep residual learning for image recognition", table 1,
https://arxiv.org/abs/1512.03385. The four stages are the paper's. The paper's stem, a 7x7 convolution
and pooling that reduce 224 pixels to 56, is replaced by a 3x3 convolution that keeps all 32; the
bottleneck has its stride in the 3x3 convolution, as is now usual ("v1.5"). Shortcuts are 1x1
convolutions if width or size change (option B). With 10 classes 11.2, 21.3 and 23.5 M parameters (with
1,000 classes and the large stem 11.7, 21.8 and 25.6 M).

Legend: B images in a batch, C channels, S image size (32 in the shapes below), K classes, x4 four times
as wide (ResNet-50).
"""

from __future__ import annotations

from torch import Tensor, nn

from onestop.networks.blocks import BasicBlock, Block, Bottleneck, conv_norm_act, he_init, stage

DEPTHS: dict[int, tuple[Block, tuple[int, int, int, int], int]] = {
    # block, blocks in each stage, channels after the first stage
    18: (BasicBlock, (2, 2, 2, 2), 64),
    34: (BasicBlock, (3, 4, 6, 3), 64),
    50: (Bottleneck, (3, 4, 6, 3), 256),
}


class ResNet(nn.Module):
    """A 3x3 stem, four stages that double the width and halve the size, a classifier."""

    def __init__(self, classes: int, channels: int, *, depth: int) -> None:
        """`depth` is the number of layers with weights, a key of `DEPTHS`."""
        super().__init__()
        block, counts, width = DEPTHS[depth]
        self.stem = conv_norm_act(channels, 64, 3)
        self.stage1 = stage(block, 64, width, counts[0], 1)
        self.stage2 = stage(block, width, 2 * width, counts[1], 2)
        self.stage3 = stage(block, 2 * width, 4 * width, counts[2], 2)
        self.stage4 = stage(block, 4 * width, 8 * width, counts[3], 2)
        self.fc = nn.Linear(8 * width, classes)
        he_init(self)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, S, S] -> [B, K]."""
        x = self.stem(x)  # [B, 64, 32, 32]
        x = self.stage1(x)  # [B, 64 (x4), 32, 32]
        x = self.stage2(x)  # [B, 128 (x4), 16, 16]
        x = self.stage3(x)  # [B, 256 (x4), 8, 8]
        x = self.stage4(x)  # [B, 512 (x4), 4, 4]
        return self.fc(x.mean((-2, -1)))  # type: ignore[no-any-return]
