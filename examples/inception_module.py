"""The inception module: four parallel branches with different kernel sizes, concatenated.

The first of GoogLeNet's nine, with the widths of the paper's table 1; its 5x5 convolution is replaced
by two 3x3 ones with the same receptive field.

Run it: python examples/inception_module.py
"""

import torch
from torch import Tensor, nn

from onestop.networks import count_parameters
from onestop.networks.googlenet import Inception


def field(branch: nn.Module, features: Tensor) -> int:
    """Side of the receptive field of the central output pixel, for an input [B, C, H, W]."""
    inputs = features.clone().requires_grad_()
    outputs = branch(inputs)
    outputs[:, :, outputs.shape[2] // 2, outputs.shape[3] // 2].sum().backward()
    assert inputs.grad is not None
    return int((inputs.grad != 0).any(0).any(0).any(0).sum())


def main() -> None:
    torch.manual_seed(0)
    features = torch.rand(2, 192, 28, 28)  # features of two images, as computed by previous layers
    module = Inception(192, one=64, reduce3=96, three=128, reduce5=16, five=32, pooled=32)
    module.eval()  # else BatchNorm would make every pixel depend on all others
    print(f"input: {list(features.shape)}")

    # Every branch keeps height and width, so that their channels can be concatenated.
    for name, branch in module.named_children():
        shape, side = list(branch(features).shape), field(branch, features)
        print(f"{name}: {shape}, receptive field {side} x {side}")
    together = torch.cat([branch(features) for branch in module.children()], 1)
    assert torch.equal(together, module(features))
    print(f"together: {list(together.shape)}")

    # Large convolutions are expensive, so 1x1 ones reduce their input first: 16 channels, not 192.
    # A plain 5x5 convolution with the same number of output channels has many more parameters.
    plain = nn.Conv2d(192, together.shape[1], 5, padding=2, bias=False)
    print(f"parameters: {count_parameters(module):,}")
    print(f"parameters of a plain 5x5 convolution: {count_parameters(plain):,}")
    print(f"ratio: {count_parameters(plain) / count_parameters(module):.1f}")


if __name__ == "__main__":
    main()
