"""Two introductory networks: a single convolution, and modules made of modules."""

from __future__ import annotations

import torch

from onestop.networks import build
from onestop.networks.cnn import Block
from onestop.networks.layers import layers


def test_one_layer_cnn_keeps_222_pixels() -> None:
    rows = layers(build("cnn1", 10), (3, 224, 224))
    assert rows[0]["output"] == [16, 222, 222]


def test_nested_module_uses_one_block_three_times() -> None:
    names = [name for name, _ in build("nested", 10).named_children()]
    assert names == ["blocks", "fc"]
    kinds = {type(block).__name__ for block in build("nested", 10).blocks}  # type: ignore[union-attr]
    assert kinds == {"Block"}


def test_a_block_keeps_height_and_width() -> None:
    assert Block(3, 5)(torch.rand(2, 3, 7, 10)).shape == (2, 5, 7, 10)
