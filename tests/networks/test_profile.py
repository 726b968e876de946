"""The properties of a network that precision and memory format follow from."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from onestop.errors import ArchitectureError
from onestop.networks import build, find
from onestop.networks.catalog import OWN
from onestop.networks.profile import Traits, traits, traits_of


def test_traits_are_counted_in_a_run() -> None:
    network = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.Flatten(), nn.Linear(8 * 36, 5))
    work = 8 * 36 * 4 * 9 + 8 * 36 * 5
    assert traits_of(network, (4, 6, 6)) == Traits(work, convolutions=True, depthwise=False)
    assert traits_of(nn.Linear(7, 2), (7,)) == Traits(14, convolutions=False, depthwise=False)
    with pytest.raises(ArchitectureError, match="does not accept 3x6x6 inputs"):
        traits_of(network, (3, 6, 6))


@pytest.mark.parametrize(("groups", "depthwise"), [(1, False), (2, False), (4, True)])
def test_a_group_per_channel_is_depthwise(groups: int, depthwise: bool) -> None:
    network = nn.Sequential(nn.Conv2d(4, 8, 3, groups=groups))
    assert traits_of(network, (4, 6, 6)).depthwise == depthwise


@pytest.mark.parametrize("name", ["lenet5", "resnet20", "mobilenet_v2_small"])
def test_what_the_catalogue_states_is_what_a_run_counts(name: str) -> None:
    entry = OWN[name]
    with torch.device("meta"):
        network = build(name, 10)
    size = entry.image_size
    assert traits(entry, 10, 3, size) == traits_of(network, (entry.channels, size, size))


def test_work_grows_with_the_area() -> None:
    known = traits(OWN["resnet20"], 10, 3, 64)
    assert known is not None
    assert known.multiply_adds == 4 * OWN["resnet20"].multiply_adds


def test_without_the_catalogue_a_run_on_shapes_counts() -> None:
    assert traits(find("linear"), 1, 13, 0) == Traits(0, convolutions=False, depthwise=False)
    pytest.importorskip("timm", reason="the extra `timm` is not installed")
    known = traits(find("timm:test_efficientnet"), 5, 3, 64)
    assert known is not None
    assert (known.convolutions, known.depthwise) == (True, True)


def test_code_of_a_user_is_not_run_for_it() -> None:
    assert traits(find("(given in Python) Anything"), 5, 3, 64) is None


@pytest.mark.parametrize(
    ("network", "precision"),
    [
        (Traits(9_999_999, convolutions=True, depthwise=False), "fp32"),
        (Traits(10_000_000, convolutions=True, depthwise=True), "fp32"),
        (Traits(10_000_000, convolutions=True, depthwise=False), "bf16"),
    ],
)
def test_heavy_networks_without_depthwise_convolutions_are_trained_in_16_bits(
    network: Traits, precision: str
) -> None:
    chosen, why = network.precision()
    assert chosen == precision
    assert why
