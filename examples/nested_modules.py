"""Nested modules: one block, used three times in a larger module, which registers them all.

Run it: python examples/nested_modules.py
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """Two convolutions that keep height and width: [B, inputs, H, W] -> [B, outputs, H, W]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        # A module assigned to `self` is registered: its parameters become the block's.
        self.first = nn.Conv2d(inputs, 3, 3, padding="same")
        self.second = nn.Conv2d(3, outputs, 2)

    def forward(self, images: Tensor) -> Tensor:
        features = torch.relu(self.first(images))
        # A 2x2 kernel needs one row and one column of padding, at one side only, to keep the size.
        out: Tensor = self.second(F.pad(features, (0, 1, 0, 1)))
        return torch.relu(out)


class Tower(nn.Module):
    """Three blocks, the last two of which share their weights: gradients of both uses are added."""

    def __init__(self) -> None:
        super().__init__()
        self.entry = Block(1, 4)
        self.shared = Block(4, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        features = self.shared(self.shared(self.entry(images)))
        out: Tensor = self.head(features.mean((2, 3)))  # global average pooling, [B, 4]
        return out


def main() -> None:
    torch.manual_seed(0)
    tower = Tower()
    # A module used twice is listed once; names are paths from the outermost module.
    for name, parameter in tower.named_parameters():
        print(f"{name}: {list(parameter.shape)}")
    print(f"parameters: {sum(p.numel() for p in tower.parameters())}")
    print(f"blocks: {sum(isinstance(module, Block) for module in tower.modules())}")
    outputs = tower(torch.rand(8, 1, 28, 28))
    print(f"outputs: {list(outputs.shape)}")


if __name__ == "__main__":
    main()
