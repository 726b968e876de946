"""Airbench: a plain convolutional network for fast training on CIFAR-10.

Keller Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU",
https://arxiv.org/abs/2404.00498, section 3: six convolutions after a first one that is not trained,
2.0 M parameters for 10 classes. `airbench94` has the widths of the paper's table 1; `airbench_small` is
half as wide, with a quarter of the parameters and a third of the work, for machines without a GPU.

Besides its size, it trains fast because the first layer whitens patches of 2x2 pixels and is computed
from the training images (section 3.2); later convolutions are initialised to the identity (section
3.3); and BatchNorm has no weights, with 64 times the learning rate for its biases (section 3.4).

Legend: B images in a batch, C channels, S image size (32 in the shapes below), K classes, N images.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_SCALE = 1 / 9
"""Factor of the outputs; a small one keeps the softmax soft while the learning rate is high."""
_PATCH = 2  # kernel size of the first layer
_EPSILON = 5e-4  # limits the amplification of directions with little variance
_BIAS_RATE = 64.0


class Airbench(nn.Module):
    """The whitening layer, three groups that halve the image, and a linear layer."""

    def __init__(self, classes: int, channels: int, *, widths: tuple[int, int, int]) -> None:
        """`widths` are the output channels of the three groups."""
        super().__init__()
        first = 2 * channels * _PATCH**2  # each principal direction of a patch and its negative
        self.whiten = nn.Conv2d(channels, first, _PATCH)
        self.whiten.weight.requires_grad_(False)
        self.act = nn.GELU()
        inputs = (first, *widths[:2])
        self.groups = nn.Sequential(*(Group(i, o) for i, o in zip(inputs, widths, strict=True)))
        self.fc = nn.Linear(widths[2], classes, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, S, S] -> [B, K]."""
        x = self.act(self.whiten(x))  # [B, 8 C, 31, 31]
        x = self.groups(x)  # [B, widths[2], 3, 3]
        x = x.amax((-2, -1))
        return self.fc(x) * _SCALE  # type: ignore[no-any-return]

    def start_from(self, inputs: Tensor) -> None:
        """Make the first layer whiten patches of normalised images [N, C, S, S].

        Its filters are the principal directions of the patches, each divided by its standard deviation,
        so that the outputs are uncorrelated and have equal variance.
        """
        with torch.no_grad():
            patches = inputs.unfold(2, _PATCH, 1).unfold(3, _PATCH, 1)  # [N, C, S-1, S-1, 2, 2]
            shape = self.whiten.weight.shape[1:]
            rows = patches.permute(0, 2, 3, 1, 4, 5).reshape(-1, shape.numel())
            variances, directions = torch.linalg.eigh(rows.T @ rows / len(rows))
            filters = (directions / (variances + _EPSILON).sqrt()).T.reshape(-1, *shape)
            self.whiten.weight.copy_(torch.cat([filters, -filters]))
            assert self.whiten.bias is not None
            self.whiten.bias.zero_()

    def rate_scales(self) -> dict[str, float]:
        """Learning-rate factors by parameter name; 1 for all others."""
        return {
            f"{name}.bias": _BIAS_RATE
            for name, module in self.named_modules()
            if isinstance(module, nn.BatchNorm2d)
        }


class Group(nn.Module):
    """Convolution, pooling, BatchNorm, activation; convolution, BatchNorm, activation."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = _conv(inputs, outputs), _norm(outputs)
        self.conv2, self.norm2 = _conv(outputs, outputs), _norm(outputs)
        self.pool, self.act = nn.MaxPool2d(2), nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H/2, W/2] (rounded down)."""
        x = self.act(self.norm1(self.pool(self.conv1(x))))
        return self.act(self.norm2(self.conv2(x)))  # type: ignore[no-any-return]


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3x3 convolution with its first filters initialised to the identity."""
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    nn.init.dirac_(conv.weight[:inputs])
    return conv


def _norm(width: int) -> nn.BatchNorm2d:
    """BatchNorm without a learned scale and with fast running statistics."""
    norm = nn.BatchNorm2d(width, momentum=0.4)
    norm.weight.requires_grad_(False)
    return norm
