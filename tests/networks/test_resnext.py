"""ResNeXt-29: torchvision's bottlenecks in groups."""

from __future__ import annotations

import pytest
from torch import nn
from torchvision.models.resnet import Bottleneck, ResNet

from tests.networks.comparing import CLASSES, check_same_outputs, shapes, small_stem


def resnext(groups: int) -> nn.Module:
    network = ResNet(Bottleneck, [3, 3, 3, 1], CLASSES, groups=groups, width_per_group=64)
    network.layer4 = nn.Identity()
    network.fc = nn.Linear(1024, CLASSES)
    return small_stem(network)


@pytest.mark.parametrize("groups", [8, 2])
def test_same_outputs_as_torchvisions(groups: int) -> None:
    check_same_outputs(f"resnext29_{groups}x64d", lambda: resnext(groups))


def test_each_stage_has_the_shape_that_the_source_states() -> None:
    found = shapes("resnext29_2x64d")
    assert [found[f"stage{number}"] for number in range(1, 4)] == [
        [256, 32, 32], [512, 16, 16], [1024, 8, 8],
    ]  # fmt: skip
