"""VGG for small images: torchvision's convolutions, as many as the name says."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn
from torchvision import models

from onestop.networks import build
from tests.networks.comparing import CLASSES, check_same_outputs, shapes


def vgg(name: str) -> nn.Module:
    network = models.get_model(name, num_classes=CLASSES)
    network.avgpool = nn.AdaptiveAvgPool2d(1)
    network.classifier = nn.Linear(512, CLASSES)
    return network  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", ["vgg11", "vgg13", "vgg16", "vgg19"])
@pytest.mark.parametrize("norm", ["", "_bn"])
def test_same_outputs_as_torchvisions(kind: str, norm: str) -> None:
    check_same_outputs(f"{kind}{norm}_small", partial(vgg, f"{kind}{norm}"), size=32)


@pytest.mark.parametrize("depth", [11, 13, 16, 19])
def test_with_the_papers_three_linear_layers_the_depth_is_that_of_the_name(depth: int) -> None:
    with torch.device("meta"):
        network = build(f"vgg{depth}_bn_small", 10)
    kinds = [type(module) for module in network.modules()]
    convolutions = sum(issubclass(kind, nn.Conv2d) for kind in kinds)
    assert (convolutions, kinds.count(nn.Linear)) == (depth - 3, 1)
    assert kinds.count(nn.BatchNorm2d) == convolutions


def test_each_stage_halves_the_size() -> None:
    found = shapes("vgg16_small")
    assert [found[f"stages.{number}"] for number in range(5)] == [
        [64, 16, 16], [128, 8, 8], [256, 4, 4], [512, 2, 2], [512, 1, 1],
    ]  # fmt: skip
