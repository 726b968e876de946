"""Features of networks: what the last layer takes in, for every kind of network."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import onestop
from onestop.errors import ArchitectureError
from onestop.networks import build
from onestop.networks.features import Features, feature_layer, pooled
from onestop.networks.tta import augmented


@pytest.mark.parametrize(
    ("name", "channels", "size", "layer", "width"),
    [
        ("lenet5", 1, 32, "fc3", 84),
        ("resnet20", 3, 32, "fc", 64),
        ("nested", 3, 24, "fc", 16),
        ("capsnet", 1, 28, "", 11),
        pytest.param("torchvision:squeezenet1_1", 3, 64, "classifier.1", 512,
                     marks=pytest.mark.thorough),
        pytest.param("torchvision:vit_b_16", 3, 32, "heads.head", 768, marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_images_have_one_vector_each(
    name: str, channels: int, size: int, layer: str, width: int
) -> None:
    network = build(name, classes=10, channels=channels, image_size=size).eval()
    shape = (channels, size, size)
    assert feature_layer(network, shape) == layer
    with torch.inference_mode(), Features(network, layer) as features:
        found = [features.take(network(torch.rand(count, *shape))) for count in (3, 2)]
    assert [tuple(vectors.shape) for vectors in found] == [(3, width), (2, width)]


def test_vectors_have_inputs_and_outputs_if_there_is_no_last_layer() -> None:
    network, inputs = build("linear", classes=1, channels=3), torch.rand(4, 3)
    assert feature_layer(network, (3,)) == ""
    with torch.no_grad(), Features(network, "") as features:
        outputs = network(inputs)
        assert features.take(outputs).tolist() == torch.cat([inputs, outputs], 1).tolist()


def test_features_are_the_inputs_of_the_layer() -> None:
    network = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    inputs = torch.rand(4, 3)
    with torch.no_grad(), Features(network, "2") as features:
        vectors = features.take(network(inputs))
    assert torch.equal(vectors, network[:2](inputs).detach())


def test_mirror_images_are_averaged() -> None:
    network = build("resnet20", classes=4, channels=3, image_size=32).eval()
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad(), Features(network, "fc") as features:
        one = features.take(network(images))
        other = features.take(network(images.flip(-1)))
    both = augmented(network, "flip")
    with torch.no_grad(), Features(both, "fc") as features:
        assert torch.allclose(features.take(both(images)), (one + other) / 2, atol=1e-6)


def test_nothing_is_left_behind() -> None:
    network = build("lenet5", classes=4, channels=1, image_size=32)
    with Features(network, "fc3"):
        pass
    assert not any(module._forward_pre_hooks for module in network.modules())
    with pytest.raises(ArchitectureError, match="has no layer 'gone'"):
        Features(network, "gone")


@pytest.mark.parametrize(
    ("shape", "width"),
    [
        ((2, 7), 7),
        ((2, 7, 3, 4), 7),
        ((2, 5, 7), 7),
        ((2,), 1),
        ((2, 4097), 2049),
        ((2, 10_000), 3334),
    ],
)
def test_features_of_any_shape_become_vectors(shape: tuple[int, ...], width: int) -> None:
    assert tuple(pooled(torch.rand(shape)).shape) == (2, width)


def test_positions_are_averaged() -> None:
    maps: Tensor = torch.arange(24.0).reshape(1, 2, 3, 4)
    assert pooled(maps).tolist() == [[5.5, 17.5]]
    assert pooled(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])).tolist() == [[2.0, 3.0]]


def test_networks_that_cannot_be_looked_into_have_inputs_and_outputs() -> None:
    class Odd(nn.Linear):
        def forward(self, inputs: Tensor) -> Tensor:
            return super().forward(inputs.detach())

    assert feature_layer(Odd(3, 2), (3,)) == ""
    assert feature_layer(nn.Linear(4, 2), (3,)) == "", "it does not take such inputs"


def test_looking_for_the_layer_changes_nothing() -> None:
    network = build("resnet20", classes=4, channels=3, image_size=32).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert feature_layer(network, (3, 32, 32)) == "fc"
    assert network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.slow
def test_every_network_of_the_catalogue_has_features() -> None:
    without = set()
    for entry in onestop.models():
        own = entry.image_size or entry.min_size or 1
        size = 224 if "vit" in entry.name else 75 if entry.origin == "torchvision" else own
        shape = (3, size, size) if entry.image_size or entry.min_size else (3,)
        classes = 1 if len(shape) == 1 else 5
        network = build(entry.name, classes=classes, channels=3, image_size=size).eval()
        layer = feature_layer(network, shape)
        without |= set() if layer else {entry.name}
        with torch.inference_mode(), Features(network, layer) as features:
            vectors = features.take(network(torch.rand(2, *shape)))
        assert vectors.shape[0] == 2, entry.name
        assert vectors.shape[1] >= 3, entry.name
    assert without == {"linear", "capsnet"}
