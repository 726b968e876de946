"""Building blocks shared by several families of networks.

Legend: B images in a batch, C channels, H and W height and width.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

Block = Callable[[int, int, int], nn.Module]
"""Makes a block from its input channels, output channels and stride."""


def conv_norm_act(
    inputs: int,
    outputs: int,
    kernel: int,
    stride: int = 1,
    *,
    groups: int = 1,
    act: Callable[[], nn.Module] = nn.ReLU,
) -> nn.Sequential:
    """Convolution, BatchNorm, activation: [B, inputs, H, W] -> [B, outputs, H/stride, W/stride].

    Sizes are rounded up. The convolution has no bias, since BatchNorm would subtract it.
    """
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        act(),
    )


def norm_act_conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """The same in pre-activation order, in which nothing follows the sum of a residual block.

    He et al. 2016, "Identity mappings in deep residual networks", https://arxiv.org/abs/1603.05027
    """
    return nn.Sequential(
        nn.BatchNorm2d(inputs),
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
    )


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow does: size of the output is that of the input / stride.

    Sizes are rounded up. What cannot be padded evenly goes to the right and to the bottom.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """[B, C, H, W] -> [B, O, H/stride, W/stride]."""
        (tall, wide), (down, across) = self.kernel_size, self.stride
        height, width = _missing(input.shape[2], tall, down), _missing(input.shape[3], wide, across)
        sides = (width // 2, width - width // 2, height // 2, height - height // 2)
        return self._conv_forward(F.pad(input, sides), self.weight, self.bias)  # type: ignore[no-any-return]


def _missing(size: int, kernel: int, stride: int) -> int:
    """Pixels to add along a side of `size` pixels."""
    return max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)


class Residual(nn.Module):
    """act(skip(x) + body(x)): the body learns a residual."""

    def __init__(
        self, body: nn.Module, skip: nn.Module | None = None, act: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.body = body
        self.skip = skip or nn.Identity()
        self.act = act or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the output shape of body and skip."""
        return self.act(self.skip(x) + self.body(x))  # type: ignore[no-any-return]


def projection(inputs: int, outputs: int, stride: int) -> nn.Module:
    """A shortcut: the identity, or a 1x1 convolution if width or size change."""
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return conv_norm_act(inputs, outputs, 1, stride, act=nn.Identity)


class BasicBlock(Residual):
    """Two 3x3 convolutions with a shortcut, for residual networks of up to 34 layers."""

    def __init__(
        self, inputs: int, outputs: int, stride: int, shortcut: Block = projection
    ) -> None:
        body = nn.Sequential(
            conv_norm_act(inputs, outputs, 3, stride),
            conv_norm_act(outputs, outputs, 3, act=nn.Identity),
        )
        super().__init__(body, shortcut(inputs, outputs, stride), nn.ReLU())


class Bottleneck(Residual):
    """A bottleneck block: 1x1 to `width`, 3x3 in `groups`, 1x1 to `outputs`."""

    def __init__(
        self, inputs: int, outputs: int, stride: int, *, width: int | None = None, groups: int = 1
    ) -> None:
        """`width` is a quarter of `outputs` by default, as in ResNet-50 and deeper."""
        width = width or outputs // 4
        body = nn.Sequential(
            conv_norm_act(inputs, width, 1),
            conv_norm_act(width, width, 3, stride, groups=groups),
            conv_norm_act(width, outputs, 1, act=nn.Identity),
        )
        super().__init__(body, projection(inputs, outputs, stride), nn.ReLU())


def stage(block: Block, inputs: int, outputs: int, count: int, stride: int) -> nn.Sequential:
    """A sequence of `count` blocks, the first of which changes width and size."""
    first = block(inputs, outputs, stride)
    return nn.Sequential(first, *(block(outputs, outputs, 1) for _ in range(count - 1)))


def he_init(network: nn.Module) -> None:
    """Draw convolution weights from a normal distribution with variance 2 / fan_out; zero biases.

    The factor 2 compensates for ReLU, which halves the mean square of its input. With fan_out, the
    number of outputs that each input contributes to, gradients keep their scale through any number of
    layers in the backward pass, so that deep networks learn from the first step.
    He et al. 2015, "Delving deep into rectifiers", section 2.2, https://arxiv.org/abs/1502.01852
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
