"""GoogLeNet for small images: torchvision's inception modules, and the shapes of the source."""

from __future__ import annotations

import torch
from torch import nn
from torchvision.models.googlenet import BasicConv2d, GoogLeNet, Inception

from onestop.networks import build
from tests.networks.comparing import CLASSES, check_same_outputs, shapes


def googlenet() -> nn.Module:
    network = GoogLeNet(CLASSES, aux_logits=False, init_weights=False)
    network.conv1 = BasicConv2d(3, 192, kernel_size=3, padding=1)
    for name in ("maxpool1", "conv2", "conv3", "maxpool2"):
        setattr(network, name, nn.Identity())
    network.maxpool3 = network.maxpool4 = nn.MaxPool2d(3, 2, padding=1)
    network.avgpool = nn.AvgPool2d(7, 1)
    network.fc = nn.Linear(4096, CLASSES)
    for module in network.modules():
        if isinstance(module, Inception):
            width = module.branch3[1].conv.out_channels
            module.branch3.append(BasicConv2d(width, width, kernel_size=3, padding=1))
        elif isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-5
    return network  # type: ignore[no-any-return]


def test_same_outputs_as_torchvisions() -> None:
    check_same_outputs("googlenet_small", googlenet, size=32)


def test_each_stage_has_the_shape_that_the_source_states() -> None:
    found = shapes("googlenet_small")
    assert [found[name] for name in ("stem", "stage3.0", "stage3", "stage4", "stage5")] == [
        [192, 32, 32], [256, 32, 32], [480, 32, 32], [832, 16, 16], [1024, 8, 8],
    ]  # fmt: skip


def test_the_classifier_sees_all_places_that_a_window_of_seven_leaves() -> None:
    for size, side in ((25, 1), (32, 2), (33, 3), (64, 10)):
        with torch.device("meta"):
            network = build("googlenet_small", 4, image_size=size)
        fc = network.get_submodule("fc")
        assert isinstance(fc, nn.Linear)
        assert fc.in_features == 1024 * side * side
