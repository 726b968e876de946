"""Comparing our own networks with others that have the same weights, layer by layer."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torchvision.models.resnet import ResNet

from onestop.networks import build, find
from onestop.networks.layers import tree

CLASSES = 7
LAYERS = (nn.Conv2d, nn.BatchNorm2d, nn.Linear)


def surprise(network: nn.Module) -> None:
    """Random statistics, scales and shifts, so that a layer left out or swapped is noticed."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)


@torch.no_grad()
def copy_layers(source: nn.Module, target: nn.Module) -> None:
    """Copy weights layer by layer, in order; a bias that the source lacks is zero."""
    ours = [module for module in source.modules() if isinstance(module, LAYERS)]
    theirs = [module for module in target.modules() if isinstance(module, LAYERS)]
    for own, other in zip(ours, theirs, strict=True):
        assert isinstance(own, type(other))
        if own.bias is None and other.bias is not None:
            nn.init.zeros_(other.bias)
        other.load_state_dict(own.state_dict(), strict=own.bias is not None)


def outputs_agree(own: nn.Module, other: nn.Module, size: int) -> None:
    images = torch.randn(2, 3, size, size)
    with torch.inference_mode():
        ours, theirs = own.eval()(images), other.eval()(images)
    assert ours.std() > 1e-3  # it says something at all
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4 * float(theirs.abs().max()))


def check_same_outputs(name: str, other: Callable[[], nn.Module], size: int = 16) -> None:
    """A network of ours by name gives what another of the same layers gives with its weights."""
    torch.manual_seed(0)
    network = build(name, CLASSES)
    surprise(network)
    with torch.device("meta"):
        theirs = other()
    theirs.to_empty(device="cpu")  # not initialised: what is not copied would be seen
    copy_layers(network, theirs)
    outputs_agree(network, theirs, size)


def small_stem(network: ResNet) -> nn.Module:
    network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    return network  # type: ignore[no-any-return]


def shapes(name: str) -> dict[str, list[int]]:
    """The output of each module of a network of ours, by its name, for one input of the usual size."""
    entry = find(name)
    with torch.device("meta"):
        network = build(name, 10)
    shape = (entry.channels, entry.image_size, entry.image_size)
    return {row["layer"]: row["output"] for row in tree(network, shape)}
