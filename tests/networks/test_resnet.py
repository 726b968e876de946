"""ResNet-18, 34 and 50 for small images: torchvision's blocks behind a small stem."""

from __future__ import annotations

from functools import partial

import pytest
from torch import nn
from torchvision import models

from onestop.networks.resnet import DEPTHS
from tests.networks.comparing import CLASSES, check_same_outputs, shapes, small_stem


def resnet(name: str) -> nn.Module:
    return small_stem(models.get_model(name, num_classes=CLASSES))


@pytest.mark.parametrize("depth", DEPTHS)
def test_same_outputs_as_torchvisions(depth: int) -> None:
    check_same_outputs(f"resnet{depth}_small", partial(resnet, f"resnet{depth}"))


@pytest.mark.parametrize(("depth", "times"), [(18, 1), (34, 1), (50, 4)])
@pytest.mark.thorough
def test_each_stage_has_the_shape_that_the_source_states(depth: int, times: int) -> None:
    found = shapes(f"resnet{depth}_small")
    assert found["stem"] == [64, 32, 32]
    assert [found[f"stage{number}"] for number in range(1, 5)] == [
        [64 * times, 32, 32], [128 * times, 16, 16], [256 * times, 8, 8], [512 * times, 4, 4],
    ]  # fmt: skip
