"""Small networks as models, and one of which it is known where it looks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from onestop.data.preprocess import ImagePreprocessing
from onestop.inference.model import Model
from onestop.storage.model_file import Card


def model_of(
    network: nn.Module,
    size: tuple[int, int] = (32, 32),
    channels: int = 3,
    classes: tuple[str, ...] = ("a", "b", "c"),
) -> Model:
    """A model whose inputs are pixels from -1 (black) over 0 (grey) to 1."""
    middle = (0.5,) * channels
    preprocessing = ImagePreprocessing(channels, size, middle, middle)
    arguments = {"classes": max(1, len(classes)), "channels": channels, "image_size": size[0]}
    return Model(
        network, Card("(given in Python) Own", arguments, classes, preprocessing.to_json())
    )


class SeesBrightPatches(nn.Module):
    """Outputs for `plain` and `patch`: the more bright squares of 3x3 there are, the more a patch."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.fc = nn.Linear(1, 2)
        with torch.no_grad():
            self.conv.weight.fill_(1 / 9)
            self.conv.bias.fill_(-0.6)  # type: ignore[union-attr]
            self.fc.weight.copy_(torch.tensor([[-100.0], [100.0]]))
            self.fc.bias.copy_(torch.tensor([1.0, -1.0]))

    def forward(self, x: Tensor) -> Tensor:
        """[B, 1, h, w] -> [B, 2]."""
        return self.fc(self.act(self.conv(x)).mean((2, 3)))  # type: ignore[no-any-return]


@pytest.fixture
def sees_patches() -> Model:
    return model_of(SeesBrightPatches(), (24, 32), 1, ("plain", "patch"))


@pytest.fixture
def patched() -> Callable[[int, int], NDArray[np.uint8]]:
    """A function that makes grey noise, 24x32, with a bright patch of 8x8 from a row and column on."""

    def make(row: int, column: int) -> NDArray[np.uint8]:
        pixels = np.random.default_rng(row).integers(60, 160, (24, 32, 1), dtype=np.uint8)
        pixels[row : row + 8, column : column + 8] = 250
        return pixels

    return make
