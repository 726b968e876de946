"""MobileNet v2 for small images: torchvision's with two smaller strides."""

from __future__ import annotations

import pytest
from torch import nn
from torchvision import models

from onestop.networks.mobilenet import GROUPS
from tests.networks.comparing import CLASSES, check_same_outputs, shapes


def mobilenet() -> nn.Module:
    network = models.mobilenet_v2(num_classes=CLASSES)
    network.features[0][0].stride = (1, 1)
    network.features[2].conv[1][0].stride = (1, 1)
    return network  # type: ignore[no-any-return]


def test_same_outputs_as_torchvisions() -> None:
    check_same_outputs("mobilenet_v2_small", mobilenet)


@pytest.mark.thorough
def test_each_group_has_the_shape_that_the_source_states() -> None:
    found, side = shapes("mobilenet_v2_small"), 32
    for number, (_, channels, _, stride) in enumerate(GROUPS):
        side //= stride
        assert found[f"stages.{number}"] == [channels, side, side]
    assert found["last"] == [1280, 4, 4]
