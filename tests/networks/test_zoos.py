from __future__ import annotations

import pytest

from onestop.errors import UsageError
from onestop.networks import find, release
from onestop.networks.zoos import detector_entry, find_in_zoos, trunk_entry


def test_names_of_the_zoos() -> None:
    resnet = find_in_zoos("torchvision:ResNet18")
    assert resnet is not None
    assert (resnet.name, resnet.origin) == ("resnet18", "torchvision")
    assert find_in_zoos("lenet5") is None
    assert find_in_zoos("nothing") is None


@pytest.mark.parametrize("name", ["timm:tf_efficientnet_lite0", "tf_efficientnet_lite0"])
def test_inputs_are_those_of_the_architecture(name: str) -> None:
    """A file of weights has none: mean and deviation are the architecture's own, not ImageNet's."""
    if name.startswith("timm:"):
        pytest.importorskip("timm")
    lite = release(find(name)).inputs
    assert (lite.mean, lite.std, lite.interpolation) == ((0.5,) * 3, (0.5,) * 3, "bicubic")


def test_weights_that_are_not_published() -> None:
    with pytest.raises(UsageError, match="there are no published weights for lenet5"):
        release(find("lenet5"))


def test_backbones_are_classifiers_of_colour_images() -> None:
    assert trunk_entry("rcnn:TF-EfficientNet-lite0").name == "tf_efficientnet_lite0"
    assert trunk_entry("rcnn:resnet50").origin == "torchvision"
    for name in ("rcnn:lenet5", "rcnn:linear", "rcnn:nothing"):
        with pytest.raises(UsageError, match="cannot be its backbone; name a classifier"):
            trunk_entry(name)


def test_a_detector_over_a_classifier() -> None:
    entry = detector_entry("rcnn64:MobileNet_v3_small")
    assert (entry.name, entry.whole, entry.depthwise) == ("rcnn64:mobilenet_v3_small", False, True)
    assert (entry.image_size, entry.min_size) == (320, 64)
