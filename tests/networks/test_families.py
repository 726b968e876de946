"""Our own networks against what was published on them; what all must do is in `test_contract`."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch

from onestop.networks import build, count_parameters
from onestop.networks.catalog import OWN


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
_LITE = "the authors' table, github.com/tensorflow/tpu, models/official/efficientnet/lite"
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
    "tf_efficientnet_lite0": Published(4.7, 0.05, _LITE, 1000),
    "tf_efficientnet_lite1": Published(5.4, 0.05, _LITE, 1000),
    "tf_efficientnet_lite2": Published(6.1, 0.05, _LITE, 1000),
    "tf_efficientnet_lite3": Published(8.2, 0.05, _LITE, 1000),
    "tf_efficientnet_lite4": Published(13.0, 0.05, _LITE, 1000),
    "resnet9": Published(6.57, 0.005, "github.com/davidcpage/cifar10-fast, counted"),
    "airbench94": Published(1.97, 0.005, "github.com/KellerJordan/cifar10-airbench, counted"),
    "capsnet": Published(8.2, 0.05, "the paper, section 5"),
}


def test_linear_regression_has_the_catalogues_number_of_parameters() -> None:
    assert count_parameters(build("linear", 1)) == OWN["linear"].parameters


@pytest.mark.parametrize(("name", "published"), PUBLISHED.items(), ids=PUBLISHED)
def test_number_of_parameters_is_the_published_one(name: str, published: Published) -> None:
    with torch.device("meta"):  # shapes are enough to count
        network = build(name, published.classes)
    count = count_parameters(network) + published.more
    assert count / 1e6 == pytest.approx(published.millions, abs=published.tolerance)
