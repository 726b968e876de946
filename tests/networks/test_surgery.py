from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision import models

from onestop.errors import UsageError
from onestop.networks import build, torchvision_zoo
from onestop.networks.filling import fill
from onestop.networks.surgery import (
    find_heads,
    replace_channels,
    replace_head,
    run_on_shapes,
    spread_channels,
)

# One or two of each family; the slow tier goes through all of them.
SAMPLE = [
    "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet",
    "inception_v3", "maxvit_t", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_y_400mf",
    "resnet18", "resnext50_32x4d", "shufflenet_v2_x0_5", "squeezenet1_0", "squeezenet1_1", "swin_t",
    "swin_v2_t", "vgg11_bn", "vit_b_32", "wide_resnet50_2",
]  # fmt: skip
HUGE = ("vit_h_14", "regnet_y_128gf", "vit_l_16", "vit_l_32", "regnet_y_32gf", "regnet_x_32gf")
REST = [n for n in torchvision_zoo.names() if n not in SAMPLE]


def check(name: str) -> None:
    entry = torchvision_zoo.entry(name)
    shape = (3, entry.image_size, entry.image_size)
    network = torchvision_zoo.build(name, 12, 3, entry.image_size)
    heads = find_heads(network, shape)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    assert replace_head(network, 5, shape) is network
    assert find_heads(network, shape) == heads
    after = network.state_dict()
    changed = {k for k in after if not torch.equal(after[k], before[k])}
    assert changed == {k for k in after if k.rpartition(".")[0] in heads}
    assert run_on_shapes(network, shape).shape == (2, 5)
    replace_channels(network, 1, shape)
    assert run_on_shapes(network, (1, *shape[1:])).shape == (2, 5)


@pytest.mark.parametrize("name", SAMPLE)
def test_any_networks_head_and_channels_are_replaced(name: str) -> None:
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in REST if n not in HUGE])
def test_the_rest_of_torchvision(name: str) -> None:
    check(name)


def test_auxiliary_heads_are_found_and_replaced_too() -> None:
    network = torchvision_zoo.build("googlenet", 10, 3, 224)
    assert find_heads(network, (3, 224, 224)) == ["fc", "aux2.fc2", "aux1.fc2"]
    outputs = replace_head(network, 4).train()(torch.rand(2, 3, 224, 224))
    assert [tuple(output.shape) for output in outputs] == [(2, 4)] * 3


def test_our_own_networks_have_heads() -> None:
    assert find_heads(build("lenet5", 10), (1, 32, 32)) == ["fc3"]
    assert find_heads(build("nested", 10), (3, 32, 32)) == ["fc"]


def test_a_network_without_a_last_layer_is_refused() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten())
    with pytest.raises(UsageError, match="has no single last layer"):
        find_heads(network, (3, 32, 32))
    with pytest.raises(UsageError, match="its first layer is no plain convolution"):
        replace_channels(nn.Sequential(nn.Flatten(), nn.Linear(27, 4)), 1, (3, 3, 3))
    with pytest.raises(UsageError, match="does not take 3x3x3 images"):
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


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_sum_of_the_weights_stays(channels: int) -> None:
    weight = torch.rand(5, 3, 2, 2)
    spread = spread_channels(weight, channels)
    assert spread.shape == (5, channels, 2, 2)
    if channels < 4:
        assert torch.allclose(spread.sum(1), weight.sum(1), atol=1e-6)


def test_weights_for_colour_fill_a_network_for_grey_images() -> None:
    colour, grey = build("lenet5_color", 10), build("lenet5", 10)
    filled = fill(grey, colour.state_dict(), "file")
    assert filled.share == 1.0
    wanted = colour.state_dict()["conv1.weight"].sum(1, keepdim=True)
    assert torch.equal(grey.state_dict()["conv1.weight"], wanted)
