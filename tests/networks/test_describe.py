"""The settings of a layer in a few words."""

from __future__ import annotations

import pytest
from torch import nn

from onestop.networks.describe import by, details


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (nn.Conv2d(3, 64, 7, 2, 3, bias=False), "3→64 7x7, stride 2, pad 3, no bias"),
        (nn.Conv2d(8, 8, (1, 3), (1, 2), groups=8), "8→8 1x3, stride 1x2, 8 groups"),
        (nn.Conv2d(8, 8, 3, padding="same", dilation=2), "8→8 3x3, pad same, dilation 2"),
        (nn.ConvTranspose2d(8, 4, 2, 2), "8→4 2x2, stride 2"),
        (nn.Linear(512, 10, bias=False), "512→10, no bias"),
        (nn.MaxPool2d(3, 2, 1), "3x3, stride 2, pad 1"),
        (nn.AdaptiveAvgPool2d((1, 1)), "to 1x1"),
        (nn.BatchNorm2d(64), "64"),
        (nn.GroupNorm(4, 64), "64, 4 groups"),
        (nn.LayerNorm(768), "768"),
        (nn.Dropout(0.25), "0.25"),
        (nn.MultiheadAttention(8, 2), "8, 2 heads"),
        (nn.Embedding(100, 8), "100→8"),
        (nn.ReLU(), ""),
        (nn.Bilinear(2, 3, 4), "weight 4x2x3, bias 4"),
        (nn.GRUCell(2, 3), "weight_ih 9x2, weight_hh 9x3, and 2 more"),
    ],
)
def test_modules_say_what_they_were_built_with(module: nn.Module, text: str) -> None:
    assert details(module) == text


def test_subclasses_are_described_as_what_they_are_made_of() -> None:
    class Own(nn.Linear):
        pass

    assert details(Own(3, 4)) == "3→4"


def test_sizes_are_joined() -> None:
    assert by((64, 112, 112)) == "64x112x112"
    assert by(()) == ""
