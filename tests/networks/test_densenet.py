"""DenseNets for small images: torchvision's blocks behind a small stem."""

from __future__ import annotations

import pytest
from torch import nn
from torchvision import models

from tests.networks.comparing import CLASSES, check_same_outputs, shapes


def densenet(growth: int, counts: tuple[int, ...]) -> nn.Module:
    network = models.DenseNet(growth, counts, 2 * growth, num_classes=CLASSES)
    network.features.conv0 = nn.Conv2d(3, 2 * growth, 3, padding=1, bias=False)
    for name in ("norm0", "relu0", "pool0"):
        setattr(network.features, name, nn.Identity())
    return network  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("name", "growth", "counts"),
    [("densenet_bc_100_12", 12, (16, 16, 16)), ("densenet121_small", 32, (6, 12, 24, 16))],
)
def test_same_outputs_as_torchvisions(name: str, growth: int, counts: tuple[int, ...]) -> None:
    check_same_outputs(name, lambda: densenet(growth, counts))


@pytest.mark.thorough
def test_blocks_add_channels_and_transitions_halve_them() -> None:
    found = shapes("densenet_bc_100_12")
    assert [found[f"stages.{number}"] for number in range(5)] == [
        [216, 32, 32], [108, 16, 16], [300, 16, 16], [150, 8, 8], [342, 8, 8],
    ]  # fmt: skip
