"""Gradients in deep networks: 40 convolutions, plain, with BatchNorm, residual and dense, plotted.

Each layer scales the gradient that passes through it: by less than one, so that the first layers do not
learn; with BatchNorm by more than one, so that their gradients explode. Sums and concatenations give
the gradient a path around the layers.

Run it: python examples/gradients_in_deep_networks.py
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn

from onestop.networks.blocks import BasicBlock, conv_norm_act
from onestop.networks.densenet import dense_block

DEPTH, WIDTH = 40, 16  # convolutions, channels


def stacks() -> dict[str, nn.Module]:
    """The same number of convolutions in sequence, in four variants."""
    plain = (nn.Sequential(nn.Conv2d(WIDTH, WIDTH, 3, padding=1), nn.ReLU()) for _ in range(DEPTH))
    return {
        "plain": nn.Sequential(*plain),
        "plain + BatchNorm": nn.Sequential(*(conv_norm_act(WIDTH, WIDTH, 3) for _ in range(DEPTH))),
        "residual": nn.Sequential(*(BasicBlock(WIDTH, WIDTH, 1) for _ in range(DEPTH // 2))),
        "dense (1x1 and 3x3)": dense_block(WIDTH, 4, DEPTH // 2),
    }


def gradients(stack: nn.Module, images: Tensor, targets: Tensor) -> list[float]:
    """Gradient norms of the weights, from the first convolution on."""
    features = stack(nn.Conv2d(1, WIDTH, 3, padding=1)(images)).mean((2, 3))
    F.cross_entropy(nn.Linear(features.shape[1], 10)(features), targets).backward()
    weights = (module.weight for module in stack.modules() if isinstance(module, nn.Conv2d))
    return [float(weight.grad.norm()) for weight in weights if weight.grad is not None]


def main() -> None:
    torch.manual_seed(0)
    images, targets = torch.randn(64, 1, 8, 8), torch.randint(10, (64,))  # arbitrary
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot(yscale="log", title=f"{DEPTH} convolutions before the first step")
    axes.set(xlabel="convolution, counted from the image", ylabel="norm of its weights' gradient")
    for name, stack in stacks().items():
        norms = gradients(stack, images, targets)
        axes.plot(range(1, DEPTH + 1), norms, marker=".", label=name)
        print(f"{name}: {norms[0]:.2g} / {norms[-1]:.2g} = {norms[0] / norms[-1]:.2g}")
    axes.grid(alpha=0.3)
    axes.legend()
    Path("runs").mkdir(exist_ok=True)
    figure.savefig("runs/gradients.png", dpi=130)
    print("first / last convolution; plot: runs/gradients.png")


if __name__ == "__main__":
    main()
