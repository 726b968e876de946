"""Every own network under one contract: sizes, shapes, gradients, and what is too small for it.

What needs no numbers runs on the "meta" device, where tensors have shapes only and cost nothing.
"""

from __future__ import annotations

import importlib
from typing import NamedTuple

import pytest
import torch
from torch import nn

from onestop.errors import UsageError
from onestop.networks import build, count_parameters
from onestop.networks.catalog import OWN, Entry
from onestop.networks.torchvision_zoo import names
from onestop.tasks import Classification

IMAGES = [entry for entry in OWN.values() if not entry.vectors]
CLASSES = ("a", "b", "c", "d", "e", "f", "g")

each_network = pytest.mark.parametrize("entry", IMAGES, ids=lambda entry: entry.name)


class Published(NamedTuple):
    """A published number of parameters, in millions, and how that network differs from ours."""

    millions: float
    tolerance: float
    source: str
    classes: int = 10
    more: int = 0  # parameters that only the published network has


_VGG = "the paper's table 2"
_VGG_LINEAR = (7 * 7 * 512 + 1) * 4096 + (4096 + 1) * 4096 + (4096 + 1) * 1000 - (512 + 1) * 10
_RESNET_STEM = 64 * 3 * (7 * 7 - 3 * 3)
_DENSE_STEM = _RESNET_STEM + 2 * 64
_TORCHVISION = "torchvision's table of weights"

PUBLISHED = {
    "lenet5": Published(0.060, 0.002, "the paper, section II.B"),
    "alexnet_small": Published(2.47, 0.005, "github.com/bearpaw/pytorch-classification"),
    "vgg11_small": Published(133, 0.5, _VGG, more=_VGG_LINEAR),
    "vgg13_small": Published(133, 0.5, _VGG, more=_VGG_LINEAR),
    "vgg16_small": Published(138, 0.5, _VGG, more=_VGG_LINEAR),
    "vgg19_small": Published(144, 0.5, _VGG, more=_VGG_LINEAR),
    "vgg11_bn_small": Published(132.9, 0.05, _TORCHVISION, more=_VGG_LINEAR),
    "vgg13_bn_small": Published(133.1, 0.05, _TORCHVISION, more=_VGG_LINEAR),
    "vgg16_bn_small": Published(138.4, 0.05, _TORCHVISION, more=_VGG_LINEAR),
    "vgg19_bn_small": Published(143.7, 0.05, _TORCHVISION, more=_VGG_LINEAR),
    "googlenet_small": Published(6.2, 0.05, "github.com/weiaicunzai/pytorch-cifar100"),
    "resnet20": Published(0.27, 0.005, "the paper's table 6"),
    "resnet32": Published(0.46, 0.005, "the paper's table 6"),
    "resnet44": Published(0.66, 0.005, "the paper's table 6"),
    "resnet56": Published(0.85, 0.005, "the paper's table 6"),
    "resnet110": Published(1.7, 0.05, "the paper's table 6"),
    "resnet18_small": Published(11.7, 0.05, _TORCHVISION, 1000, _RESNET_STEM),
    "resnet34_small": Published(21.8, 0.05, _TORCHVISION, 1000, _RESNET_STEM),
    "resnet50_small": Published(25.6, 0.05, _TORCHVISION, 1000, _RESNET_STEM),
    "wrn_28_10": Published(36.5, 0.05, "the paper's table 4"),
    "wrn_16_4": Published(2.77, 0.005, "github.com/clovaai/overhaul-distillation", 100),
    "resnext29_8x64d": Published(34.4, 0.05, "the paper's table 7"),
    "resnext29_2x64d": Published(9.13, 0.005, "github.com/kuangliu/pytorch-cifar, counted"),
    "densenet_bc_100_12": Published(0.8, 0.05, "the paper's table 2"),
    "densenet121_small": Published(8.0, 0.05, _TORCHVISION, 1000, _DENSE_STEM),
    "mobilenet_v2_small": Published(3.5, 0.05, _TORCHVISION, 1000),
    "resnet9": Published(6.57, 0.005, "github.com/davidcpage/cifar10-fast, counted"),
    "capsnet": Published(8.2, 0.05, "the paper, section 5"),
}


def shapes_only(
    name: str, classes: int, channels: int | None = None, size: int | None = None
) -> nn.Module:
    with torch.device("meta"):
        return build(name, classes, channels, size)


def odd(entry: Entry, least: int) -> int:
    """The smallest odd image size that the network takes, from `least` on."""
    return max(least, entry.min_size) | 1


@pytest.mark.parametrize("entry", OWN.values(), ids=lambda entry: entry.name)
def test_catalogue_has_the_number_of_parameters(entry: Entry) -> None:
    network = shapes_only(entry.name, 1 if entry.vectors else 10)
    assert count_parameters(network) == entry.parameters


@pytest.mark.parametrize(("name", "published"), PUBLISHED.items(), ids=PUBLISHED)
def test_number_of_parameters_is_the_published_one(name: str, published: Published) -> None:
    count = count_parameters(shapes_only(name, published.classes)) + published.more
    assert count / 1e6 == pytest.approx(published.millions, abs=published.tolerance)


def test_no_name_hides_one_of_torchvisions() -> None:
    assert not OWN.keys() & set(names())


@each_network
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_outputs_of_other_channels_at_an_odd_size(entry: Entry, channels: int) -> None:
    size = odd(entry, 33)
    network = shapes_only(entry.name, 7, channels, size)
    images = torch.empty(2, channels, size, size, device="meta")
    assert network.eval()(images).shape == (2, 7)


@each_network
def test_every_parameter_learns(entry: Entry) -> None:
    torch.manual_seed(0)
    size = odd(entry, 9)
    network = build(entry.name, 7, image_size=size)
    outputs = network(torch.randn(4, entry.channels, size, size))
    Classification(CLASSES).loss(outputs, torch.tensor([0, 3, 6, 3])).backward()  # type: ignore[no-untyped-call]
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.any(), name


@each_network
def test_smallest_image_works_in_training_and_after(entry: Entry) -> None:
    least, channels = entry.min_size, entry.channels
    network = build(entry.name, 2, image_size=least)
    images = torch.randn(2, channels, least, least)
    network(images)
    outputs = network.eval()(images)
    assert outputs.shape == (2, 2)
    assert torch.isfinite(outputs).all()


@pytest.mark.parametrize(
    "entry", [entry for entry in IMAGES if entry.min_size > 1], ids=lambda entry: entry.name
)
def test_smaller_image_is_refused_and_would_not_work(entry: Entry) -> None:
    size = entry.min_size - 1
    with pytest.raises(UsageError, match=f"images of {size} pixels are too small"):
        build(entry.name, 2, image_size=size)
    module, _, function = entry.where.partition(":")
    builder = getattr(importlib.import_module(module), function)

    def run() -> None:
        with torch.device("meta"):
            builder(2, entry.channels, size)(torch.empty(2, entry.channels, size, size))

    with pytest.raises((RuntimeError, UserWarning)):
        run()
