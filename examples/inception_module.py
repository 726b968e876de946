"""The inception module: four branches look at one input at several sizes, and are put side by side.

The first of GoogLeNet's nine, with the widths of the paper's table 1; its 5x5 convolution is two of
3x3, which see as far.

Run it: python examples/inception_module.py
"""

import torch
from torch import Tensor, nn

from onestop.networks import count_parameters
from onestop.networks.googlenet import Inception


def field(branch: nn.Module, features: Tensor) -> int:
    """Pixels a side of the input [B, C, H, W] that one pixel in the middle of the output sees."""
    inputs = features.clone().requires_grad_()
    outputs = branch(inputs)
    outputs[:, :, outputs.shape[2] // 2, outputs.shape[3] // 2].sum().backward()
    assert inputs.grad is not None
    return int((inputs.grad != 0).any(0).any(0).any(0).sum())


def main() -> None:
    torch.manual_seed(0)
    features = torch.rand(2, 192, 28, 28)  # of two images, as the layers before it would give them
    module = Inception(192, one=64, reduce3=96, three=128, reduce5=16, five=32, pooled=32)
    module.eval()  # else BatchNorm would make every pixel see all the others
    print(f"input: {list(features.shape)}")

    # Every branch keeps height and width, so that their channels can be put side by side.
    for name, branch in module.named_children():
        shape, side = list(branch(features).shape), field(branch, features)
        print(f"{name}: {shape}, sees {side} x {side} pixels")
    together = torch.cat([branch(features) for branch in module.children()], 1)
    assert torch.equal(together, module(features))
    print(f"together: {list(together.shape)}")

    # Large convolutions are dear, so 1x1 ones make their input narrow first: 16 channels, not 192.
    # As many channels by one plain 5x5 convolution take far more parameters.
    plain = nn.Conv2d(192, together.shape[1], 5, padding=2, bias=False)
    print(f"parameters: {count_parameters(module):,}")
    print(f"parameters of a plain 5x5 convolution: {count_parameters(plain):,}")
    print(f"times as many: {count_parameters(plain) / count_parameters(module):.1f}")


if __name__ == "__main__":
    main()
