"""AlexNet for small images: torchvision's convolutions, and the shapes that the source states."""

from __future__ import annotations

import torch
from torch import nn
from torchvision import models

from onestop.networks import build
from tests.networks.comparing import CLASSES, check_same_outputs, shapes


def alexnet() -> nn.Module:
    network = models.alexnet(num_classes=CLASSES)
    network.features[0].padding = (5, 5)
    for place in (2, 5, 12):
        network.features[place] = nn.MaxPool2d(2)
    network.avgpool = nn.AdaptiveAvgPool2d(1)
    network.classifier = nn.Linear(256, CLASSES)
    return network  # type: ignore[no-any-return]


def test_same_outputs_as_torchvisions() -> None:
    check_same_outputs("alexnet_small", alexnet, size=32)


def test_each_convolution_has_the_shape_that_the_source_states() -> None:
    found = shapes("alexnet_small")
    assert [found[f"conv{number}"] for number in range(1, 6)] == [
        [64, 8, 8], [192, 4, 4], [384, 2, 2], [256, 2, 2], [256, 2, 2],
    ]  # fmt: skip


def test_larger_images_are_averaged_over_their_places() -> None:
    network = build("alexnet_small", 3).eval()
    assert network(torch.rand(2, 3, 128, 128)).shape == (2, 3)
