from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision import models

from onestop.errors import UsageError
from onestop.networks import build, torchvision_zoo
from onestop.networks.surgery import find_heads, replace_channels, replace_head


@pytest.mark.thorough
def test_auxiliary_heads_are_found_and_replaced_too() -> None:
    network = torchvision_zoo.build("googlenet", 10, 224)
    assert find_heads(network, (3, 224, 224)) == ["fc", "aux2.fc2", "aux1.fc2"]
    outputs = replace_head(network, 4).train()(torch.rand(2, 3, 224, 224))
    assert [tuple(output.shape) for output in outputs] == [(2, 4)] * 3


def test_our_own_networks_have_heads() -> None:
    assert find_heads(build("lenet5", 10), (1, 32, 32)) == ["fc3"]
    assert find_heads(build("nested", 10), (3, 32, 32)) == ["fc"]


def test_a_network_without_a_last_layer_is_refused() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten())
    with pytest.raises(UsageError, match="has no last layer with 7200 outputs"):
        find_heads(network, (3, 32, 32))
    with pytest.raises(UsageError, match="its first layer is not a plain convolution"):
        replace_channels(nn.Sequential(nn.Flatten(), nn.Linear(27, 4)), 1, (3, 3, 3))
    with pytest.raises(UsageError, match="does not accept 3x3x3 inputs"):
        find_heads(models.alexnet(), (3, 3, 3))


def test_looking_leaves_no_trace() -> None:
    network = build("lenet5", 10).train()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    find_heads(network, (1, 32, 32))
    assert network.training
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())
    assert all(not m._forward_pre_hooks for m in network.modules())


def test_a_grey_picture_gives_what_it_gave_as_a_colour_picture() -> None:
    torch.manual_seed(0)
    network = build("resnet18", 4).eval()
    grey = torch.rand(2, 1, 64, 64)
    wanted = network(grey.expand(2, 3, 64, 64))
    replace_channels(network, 1, (3, 64, 64))
    assert torch.allclose(network(grey), wanted, atol=1e-5)


class Branches(nn.Module):
    """Two convolutions see the image, and two layers are averaged."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Conv2d(3, 8, 3), nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.heads = nn.ModuleList([nn.Linear(8, 4), nn.Linear(8, 4)])
        self.gate = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = (x - 0.5) / 0.5
        x = self.norm(self.left(x) + self.right(x)).mean((2, 3))
        x = x * self.gate(x).sigmoid()
        outputs: torch.Tensor = self.heads[0](x) + self.heads[1](x)
        return outputs / 2


def test_all_layers_behind_the_outputs_are_heads() -> None:
    network = Branches()
    assert find_heads(network, (3, 8, 8)) == ["heads.0", "heads.1"]
    assert replace_head(network, 6, (3, 8, 8)).eval()(torch.rand(2, 3, 8, 8)).shape == (2, 6)


def test_all_convolutions_that_see_the_image_get_its_channels() -> None:
    network = replace_channels(Branches(), 1, (3, 8, 8))
    assert network.eval()(torch.rand(2, 1, 8, 8)).shape == (2, 4)


class Fixed(nn.Module):
    """Its outputs are scaled one by one, so that it cannot have another number of them."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(12, 4)
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.fc(x.flatten(1))
        return outputs * self.scale


@pytest.mark.parametrize(("classes", "reason"), [(5, "does not accept"), (1, "has 4 outputs")])
def test_a_head_that_does_not_fit_is_not_kept(classes: int, reason: str) -> None:
    network = Fixed()
    old = network.fc
    with pytest.raises(UsageError, match=rf"^Fixed: does not work with a new fc \([^\n]*{reason}"):
        replace_head(network, classes, (3, 2, 2))
    assert network.fc is old


class Shared(nn.Module):
    """A layer under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(12, 12)
        self.parts = nn.ModuleList([self.one, nn.Linear(12, 4)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.parts[1](self.parts[0](self.one(x.flatten(1))))  # type: ignore[no-any-return]


def test_a_layer_under_two_names_keeps_its_values() -> None:
    network = Shared()
    images = torch.rand(2, 3, 2, 2)
    before = network(images)
    assert find_heads(network, (3, 2, 2)) == ["parts.1"]
    assert torch.equal(network(images), before)


class Halved(nn.Linear):
    """A kind of layer that computes in a way of its own."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) / 2


def test_a_new_head_is_of_the_old_ones_kind() -> None:
    network = nn.Sequential(nn.Flatten(), Halved(12, 4, bias=False))
    replace_head(network, 5, (3, 2, 2))
    assert isinstance(network[1], Halved)
    assert {name: tuple(p.shape) for name, p in network[1].named_parameters()} == {
        "weight": (5, 12)
    }
    assert network[1].weight.any()
