"""torchvision's networks by name; their published weights, from a stand-in for its server."""

from __future__ import annotations

import pytest
import torch
from torchvision import models

from onestop.errors import ArchitectureError, UsageError
from onestop.networks import build, find
from onestop.networks.torchvision_zoo import entry, names, release


def test_a_set_is_chosen_by_its_name() -> None:
    for name in (
        "default",
        "IMAGENET1K_V1",
        "imagenet1k_v1",
        "SqueezeNet1_1_Weights.IMAGENET1K_V1",
    ):
        found = release("squeezenet1_1", name)
        assert (found.network, found.tag) == ("squeezenet1_1", "IMAGENET1K_V1")
        assert found.file == "squeezenet1_1-b8a52dc0.pth"
    assert release("resnet50").tag == "IMAGENET1K_V2"


def test_a_set_states_how_its_images_are_prepared_and_what_its_outputs_are() -> None:
    found = release("squeezenet1_1")
    assert found.names()[263] == "Pembroke"
    assert str(found.inputs).startswith("224 of 256 pixels, bilinear, mean 0.485")
    assert release("inception_v3").inputs.mean == (0.5, 0.5, 0.5)


def test_an_unknown_set_is_told_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        release("resnet50", "IMAGENET1K_V3")
    assert str(caught.value) == (
        "--weights IMAGENET1K_V3: no such file, and torchvision has no such weights for resnet50; "
        "it has IMAGENET1K_V1, IMAGENET1K_V2"
    )


def test_names_of_torchvision_build_torchvision() -> None:
    network = build("resnet18", 5)
    assert type(network).__module__ == "torchvision.models.resnet"
    assert find("torchvision:resnet18") == find("resnet18")
    assert network.eval()(torch.rand(1, 3, 64, 64)).shape == (1, 5)


@pytest.mark.parametrize("channels", [1, 4])
def test_torchvision_takes_other_channels(channels: int) -> None:
    network = build("resnet18", 5, channels)
    assert network.eval()(torch.rand(1, channels, 64, 64)).shape == (1, 5)


def test_an_entry_is_what_torchvision_states_of_the_best_weights() -> None:
    weights = models.ResNet50_Weights.IMAGENET1K_V2
    resnet = entry("resnet50")
    assert resnet.parameters == weights.meta["num_params"] == 25_557_032
    assert (resnet.origin, resnet.weights, resnet.image_size) == ("torchvision", True, 224)
    assert resnet.accuracy == 80.858
    assert {"resnet50", "vit_b_16"} <= set(names())


def test_a_size_that_tables_cannot_be_made_for_names_its_neighbours() -> None:
    with pytest.raises(ArchitectureError, match="set --image-size 96 or 112"):
        build("vit_b_16", 5, image_size=100)


def test_small_images_leave_out_an_auxiliary_classifier() -> None:
    with torch.device("meta"):
        small, large = (build("inception_v3", 5, image_size=size) for size in (128, 299))
    assert not [name for name in small.state_dict() if name.startswith("AuxLogits")]
    assert [name for name in large.state_dict() if name.startswith("AuxLogits")]
