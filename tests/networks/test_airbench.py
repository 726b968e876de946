"""What is special about airbench: its first layer, its first weights, its rates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import onestop
from onestop.networks import build
from onestop.networks.airbench import Airbench


@pytest.fixture
def network() -> Airbench:
    torch.manual_seed(0)
    built = build("airbench_small", 10, image_size=12)
    assert isinstance(built, Airbench)
    return built


def test_the_first_layer_whitens_patches(network: Airbench) -> None:
    spread = torch.tensor([1.0, 5.0, 0.2]).view(1, 3, 1, 1)
    images = torch.randn(200, 3, 12, 12).cumsum(-1) * spread  # neighbours are alike
    network.start_from(images)
    outputs = network.whiten(images)  # [200, 24, 11, 11]
    rows = outputs[:, :12].permute(1, 0, 2, 3).flatten(1)
    torch.testing.assert_close(rows @ rows.T / rows.shape[1], torch.eye(12), atol=0.03, rtol=0)
    torch.testing.assert_close(outputs[:, 12:], -outputs[:, :12])


def test_convolutions_begin_by_passing_their_inputs_on(network: Airbench) -> None:
    conv = network.get_submodule("groups.0.conv2")
    images = torch.randn(2, 32, 6, 6)
    torch.testing.assert_close(conv(images), images)


@pytest.mark.thorough
def test_runs_start_from_images_and_scale_rates() -> None:
    def source(shift: int) -> dict[str, Any]:
        pixels = np.random.default_rng(shift).integers(0, 200, (40, 12, 12, 3), dtype=np.uint8)
        return {"train": (pixels, np.arange(40) % 2), "val": (pixels, np.arange(40) % 2)}

    def first_layer(shift: int, **settings: Any) -> torch.Tensor:
        run = onestop.train(
            source(shift), model="airbench_small", image_size=12, epochs=1, quiet=True, threads=1,
            **settings,
        )  # fmt: skip
        network = run.model().network
        assert isinstance(network, Airbench)
        return network.whiten.weight.detach()

    assert torch.equal(first_layer(1), first_layer(1))
    assert not torch.equal(first_layer(1), first_layer(2))  # other images, other directions
    assert torch.equal(first_layer(1), first_layer(1, lr=1e-5))  # and nobody trains it


def test_biases_learn_faster(network: Airbench) -> None:
    scales = network.rate_scales()
    assert scales["groups.1.norm2.bias"] == 64
    assert len(scales) == 6
    assert set(scales) <= {name for name, _ in network.named_parameters()}
