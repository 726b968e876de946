"""Batches and image sizes that a network cannot be trained on are refused before the first step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import onestop
from onestop.errors import ArchitectureError, UsageError
from onestop.networks import build
from onestop.networks.surgery import find_heads
from onestop.training.feasibility import refuse_impossible

Photos = Callable[..., Path]


def trial(
    network: nn.Module, shape: tuple[int, ...], batch: int, heads: Any = (), **settings: Any
) -> None:
    recipe = onestop.resolve("digits", model="lenet5", batch_size=batch, **settings).recipe
    refuse_impossible(recipe, network, list(heads), shape)


class Small(nn.Module):
    """Its feature map shrinks to a 32nd, and is normalised over the batch."""

    def __init__(self, norm: type[nn.Module] = nn.BatchNorm2d) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, 32, 1)
        self.norm = norm(4)
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.norm(self.conv(x)).mean((2, 3)))  # type: ignore[no-any-return]


def test_one_image_whose_map_is_one_pixel_is_too_little() -> None:
    with pytest.raises(
        UsageError,
        match=r"--batch-size 1: lenet5 normalises over a batch, and one image of 32 pixels leaves a "
        r"single value to normalise; use --batch-size 2 or more, or --image-size 64$",
    ):
        trial(Small(), (3, 32, 32), 1)
    trial(Small(), (3, 32, 32), 2)
    trial(Small(), (3, 64, 64), 1)
    trial(Small(nn.Identity), (3, 32, 32), 1)


def test_what_fails_for_every_batch_names_a_larger_size() -> None:
    network = Small(nn.InstanceNorm2d)
    for batch in (1, 8):
        with pytest.raises(
            ArchitectureError, match=r"cannot be trained: Small: .*; use --image-size 64$"
        ):
            trial(network, (3, 32, 32), batch)


def test_vectors_have_no_image_size() -> None:
    network = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    with pytest.raises(UsageError, match=r"one image of 5 values .*; use --batch-size 2 or more$"):
        trial(network, (5,), 1)


def test_what_is_frozen_is_not_normalised_anew() -> None:
    network = build("resnet18", 2, 3, 32)
    heads = find_heads(network, (3, 32, 32))
    with pytest.raises(UsageError, match="--batch-size 1"):
        trial(network, (3, 32, 32), 1, heads)
    trial(network, (3, 32, 32), 1, heads, freeze="backbone")


class Measures(nn.Module):
    """Looks at values, which shapes alone do not have."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.mean((2, 3))) * float(x.mean() + 1)  # type: ignore[no-any-return]


def test_a_network_that_needs_values_is_run_on_zeros_and_left_as_it_is() -> None:
    trial(Measures(), (3, 8, 8), 1)
    network = Small()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    generator = torch.get_rng_state()
    trial(network, (3, 64, 64), 1)
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())
    assert torch.equal(generator, torch.get_rng_state())


@pytest.mark.thorough
def test_train_says_it_before_it_makes_a_folder(photos: Photos) -> None:
    source = photos({"a": 4, "b": 4})
    for name in ("resnet18", "mobilenet_v2"):
        with pytest.raises(UsageError, match=r"--batch-size 1: \w+ normalises over a batch"):
            onestop.train(source, image_size=32, batch_size=1, quiet=True, model=name)
    assert not Path("runs").exists()


@pytest.mark.thorough
@pytest.mark.parametrize("settings", [{"batch_size": 2}, {"batch_size": 3, "accumulate": 3}])
def test_a_last_batch_of_one_image_is_no_obstacle(settings: dict[str, Any], photos: Photos) -> None:
    source = photos({"a": 4, "b": 3})
    run = onestop.train(
        source, model="resnet18", image_size=32, epochs=1, val_fraction=0, quiet=True, **settings
    )
    assert run.metrics["images"] == 7
