from __future__ import annotations

import pytest

from onestop.errors import UsageError
from onestop.networks import find
from onestop.networks.zoos import detector_entry, find_in_zoos, published_weights, usual_inputs


def test_names_of_the_zoos() -> None:
    resnet = find_in_zoos("torchvision:ResNet18")
    assert resnet is not None
    assert (resnet.name, resnet.origin) == ("resnet18", "torchvision")
    assert find_in_zoos("lenet5") is None
    assert find_in_zoos("nothing") is None


def test_inputs_are_those_of_the_architecture() -> None:
    """A file of weights has none: mean and deviation are the architecture's own, not ImageNet's."""
    pytest.importorskip("timm")
    lite = usual_inputs(find("timm:tf_efficientnet_lite0"))
    assert lite is not None
    assert (lite.mean, lite.std, lite.interpolation) == ((0.5,) * 3, (0.5,) * 3, "bicubic")
    assert usual_inputs(find("lenet5")) is None


def test_weights_that_are_not_published() -> None:
    with pytest.raises(UsageError, match="there are no published weights for lenet5"):
        published_weights(find("lenet5"))


def test_a_detector_over_a_classifier() -> None:
    entry = detector_entry("rcnn64:MobileNet_v3_small")
    assert (entry.name, entry.whole, entry.depthwise) == ("rcnn64:mobilenet_v3_small", False, True)
    assert (entry.image_size, entry.min_size) == (320, 64)
