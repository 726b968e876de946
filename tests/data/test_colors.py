"""Changes of colours: exact values on single pixels, and torchvision's where it has the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional

from onestop.data.colors import jittered, recolored


def noise(channels: int = 3, count: int = 6) -> Tensor:
    pixels = np.random.default_rng(1).integers(0, 256, (count, channels, 9, 7), dtype=np.uint8)
    return torch.from_numpy(pixels)


def pixel(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.uint8).view(1, -1, 1, 1)


def test_brightness_multiplies_and_cuts_off() -> None:
    assert recolored(pixel(10, 100, 200), brightness=1.5).flatten().tolist() == [15, 150, 255]
    assert recolored(pixel(11), brightness=0.5).flatten().tolist() == [6]  # 5.5, to the even one


def test_contrast_is_about_the_mean_grey_of_the_image() -> None:
    image = torch.tensor([[[[0, 100, 200]]]], dtype=torch.uint8)
    assert recolored(image, contrast=0.5).flatten().tolist() == [50, 100, 150]
    assert recolored(image, contrast=0.0).flatten().tolist() == [100, 100, 100]
    both = recolored(image, brightness=0.5, contrast=0.5)  # darker first
    assert both.flatten().tolist() == [25, 50, 75]


def test_without_saturation_a_colour_is_its_grey() -> None:
    assert recolored(pixel(200, 100, 50), saturation=0.0).flatten().tolist() == [124] * 3
    assert recolored(pixel(200, 100, 50), saturation=0.5).flatten().tolist() == [162, 112, 87]


def test_turning_the_hue_keeps_the_grey_and_comes_round() -> None:
    image = pixel(150, 110, 90)
    assert torch.equal(recolored(image, turn=1.0), image)
    turned = recolored(image, turn=0.5).flatten().tolist()  # across the grey of 119.7
    assert turned == [round(2 * 119.7 - value) for value in (150, 110, 90)]
    third = recolored(image, turn=1 / 3).flatten().double()
    assert float(third @ torch.tensor([0.299, 0.587, 0.114]).double()) == pytest.approx(120, abs=1)
    assert int(third.argmax()) == 2  # from red to blue


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("name", "by_torchvision"),
    [
        ("brightness", functional.adjust_brightness),
        ("contrast", functional.adjust_contrast),
        ("saturation", functional.adjust_saturation),
    ],
)
def test_each_is_torchvisions_within_its_rounding(
    channels: int, name: str, by_torchvision: Callable[[Tensor, float], Tensor]
) -> None:
    for factor in (0.0, 0.3, 1.0, 1.7):
        given: dict[str, Any] = {name: factor}
        theirs = by_torchvision(noise(channels), factor).int()
        difference = (recolored(noise(channels), **given).int() - theirs).abs()
        assert difference.max() <= 2, factor  # torchvision rounds down, some of it twice


def test_each_image_has_its_own_factors() -> None:
    images = noise()
    factors = np.linspace(0.2, 1.8, 6)
    whole = recolored(images, factors, factors[::-1].copy(), factors, factors / 7)
    for i in range(6):
        alone = recolored(images[i : i + 1], factors[i], factors[5 - i], factors[i], factors[i] / 7)
        assert torch.equal(whole[i : i + 1], alone)


def test_alpha_stays_and_the_colours_are_those_without_it() -> None:
    images, factors = noise(4), np.full(6, 0.6)
    changed = recolored(images, factors, factors, factors, 0.1)
    assert torch.equal(changed[:, 3], images[:, 3])
    assert torch.equal(changed[:, :3], recolored(images[:, :3], factors, factors, factors, 0.1))


def test_grey_has_neither_saturation_nor_hue() -> None:
    assert torch.equal(recolored(noise(1), saturation=0.3, turn=0.2), noise(1))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_nothing_changes_at_a_strength_of_nothing(channels: int) -> None:
    draws = np.random.default_rng(0).random((6, 4))
    assert torch.equal(jittered(noise(channels), 0.0, draws), noise(channels))
    assert torch.equal(jittered(noise(channels), 0.7, np.full((6, 4), 0.5)), noise(channels))


def test_draws_say_how_much_of_each() -> None:
    images = noise(count=2)
    draws = np.array([[0.0, 0.5, 0.75, 0.5], [0.5, 0.25, 0.5, 1.0]])
    first, second = jittered(images, 0.4, draws)
    assert torch.equal(first, recolored(images[:1], brightness=0.6, saturation=1.2)[0])
    assert torch.equal(second, recolored(images[1:], contrast=0.8, turn=0.1)[0])
