"""AlexNet for small images: five convolutions and one classifier.

Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks", section 5,
https://arxiv.org/abs/1404.5997, the one-column form of the network that won ImageNet in 2012
(Krizhevsky, Sutskever & Hinton). The convolutions are those of the paper; pooling is 2x2 instead of
3x3, and the two hidden linear layers, with 95 % of the paper's 61 M parameters, are omitted, since 32
pixels are reduced to a single position. 2.47 M parameters for 10 classes.

Legend: B images in a batch, C channels, S image size (32 in the shapes below), K classes.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from onestop.networks.blocks import he_init


class AlexNet(nn.Module):
    """Large kernels first, then small ones; pooling after the first, second and last convolution."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 64, 11, stride=4, padding=5)
        self.conv2 = nn.Conv2d(64, 192, 5, padding=2)
        self.conv3 = nn.Conv2d(192, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 256, 3, padding=1)
        self.conv5 = nn.Conv2d(256, 256, 3, padding=1)
        self.fc = nn.Linear(256, classes)
        he_init(self)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, S, S] -> [B, K]."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)  # [B, 64, 8, 8] -> [B, 64, 4, 4]
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)  # [B, 192, 4, 4] -> [B, 192, 2, 2]
        x = F.relu(self.conv3(x))  # [B, 384, 2, 2]
        x = F.relu(self.conv4(x))  # [B, 256, 2, 2]
        x = F.max_pool2d(F.relu(self.conv5(x)), 2)  # [B, 256, 1, 1]
        x = x.mean((-2, -1))  # [B, 256]; an average only for larger images
        return self.fc(x)  # type: ignore[no-any-return]
