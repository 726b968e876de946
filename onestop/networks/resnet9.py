"""ResNet-9: a small residual network for fast training on CIFAR-10.

David Page 2018, "How to train your ResNet", part 4 (Architecture),
https://myrtle.ai/learn/how-to-train-your-resnet-4-architecture/: 94 % test accuracy on CIFAR-10 in
24 epochs, 79 seconds on one V100, which led the DAWNBench competition. Eight convolutions and a linear
layer, 6.6 M parameters for 10 classes.

Legend: B images in a batch, C channels, S image size (32 in the shapes below), K classes.
"""

from __future__ import annotations

from torch import Tensor, nn

from onestop.networks.blocks import Residual, conv_norm_act, he_init

_SCALE = 0.125
"""Factor of the outputs; a small one keeps the softmax soft while the learning rate is high."""


def down(inputs: int, outputs: int) -> nn.Sequential:
    """[B, inputs, H, W] -> [B, outputs, H/2, W/2] (rounded down)."""
    return nn.Sequential(conv_norm_act(inputs, outputs, 3), nn.MaxPool2d(2))


def residual(width: int) -> Residual:
    """Two 3x3 convolutions with activations, added to their input."""
    return Residual(nn.Sequential(conv_norm_act(width, width, 3), conv_norm_act(width, width, 3)))


class ResNet9(nn.Module):
    """A stem, three convolutions with pooling, residual blocks after the first and the last."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.stem = conv_norm_act(channels, 64, 3)
        self.stage1 = nn.Sequential(down(64, 128), residual(128))
        self.stage2 = down(128, 256)
        self.stage3 = nn.Sequential(down(256, 512), residual(512))
        self.fc = nn.Linear(512, classes, bias=False)
        he_init(self)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, S, S] -> [B, K]."""
        x = self.stem(x)  # [B, 64, 32, 32]
        x = self.stage1(x)  # [B, 128, 16, 16]
        x = self.stage2(x)  # [B, 256, 8, 8]
        x = self.stage3(x)  # [B, 512, 4, 4]
        x = x.amax((-2, -1))  # [B, 512]
        return self.fc(x) * _SCALE  # type: ignore[no-any-return]
