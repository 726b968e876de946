"""The door to all networks: names and arguments; what each network must do is in `test_contract`."""

from __future__ import annotations

import pytest

from onestop.errors import ArchitectureError, UsageError
from onestop.networks import (
    build,
    count_parameters,
    detector_entry,
    entries,
    find,
    release,
    trunk_entry,
    whole_entries,
)


def test_every_name_is_listed_once() -> None:
    names = [entry.name for entry in entries()]
    assert len(names) == len(set(names))
    assert {"lenet5", "resnet50", "vit_b_16"} <= set(names)


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'lenet5'"):
        build("lenet", 10)


@pytest.mark.parametrize("name", ["LeNet5", "lenet5", "Lenet-3x3", "vgg16-BN-small"])
def test_case_and_hyphens_do_not_matter(name: str) -> None:
    assert find(name) == find(name.lower().replace("-", "_"))


def test_too_small_images_and_no_classes_are_refused() -> None:
    with pytest.raises(
        ArchitectureError, match="lenet5: images of 15 pixels are too small; it needs 16"
    ):
        build("lenet5", 10, image_size=15)
    with pytest.raises(UsageError, match=r"lenet5: needs at least one class \(got 0\)"):
        build("lenet5", 0)


def test_parameters_are_counted_frozen_or_not() -> None:
    assert count_parameters(build("lenet5", 10).requires_grad_(False)) == 61_706


def test_a_network_without_published_weights_says_so() -> None:
    with pytest.raises(UsageError, match="there are no published weights for lenet5"):
        release(find("lenet5"))


def test_a_set_that_there_is_not_names_those_there_are() -> None:
    with pytest.raises(UsageError, match="no such weights for tf_efficientnet_lite0; it has in1k"):
        release(find("tf_efficientnet_lite0"), "in21k")
    assert release(find("tf_efficientnet_lite0")) == release(find("tf_efficientnet_lite0"), "in1k")


def test_networks_with_published_weights_state_their_accuracy() -> None:
    for entry in whole_entries():
        assert entry.weights == (entry.accuracy > 0), entry.name


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
