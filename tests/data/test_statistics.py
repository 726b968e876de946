"""Mean and deviations against numpy's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from onestop.data.statistics import ChannelStatistics, combine, sums_of


def channel_statistics(images: torch.Tensor) -> ChannelStatistics:
    """Statistics of images [N, C, H, W] of one size, added up by parts as they are in training."""
    return combine([sums_of(chunk) for chunk in torch.split(images, 1024)])


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (5, 3, 7, 9), (1500, 1, 4, 4), (1024, 2, 3, 5)])
def test_equal_to_numpy(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    images[: len(images) // 2] //= 3  # so that images differ among each other
    found, values = channel_statistics(torch.from_numpy(images)), images / 255
    assert found.mean == pytest.approx(values.mean((0, 2, 3)), abs=1e-6)
    assert found.std == pytest.approx(values.std((0, 2, 3)), abs=1e-6)
    assert found.image_std == pytest.approx(values.std((2, 3)).mean(0), abs=1e-6)


def test_the_two_deviations_differ_where_images_do() -> None:
    images = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    images[1] = 255
    found = channel_statistics(images)
    assert (found.mean, found.std, found.image_std) == ((0.5,), (0.5,), (0.0,))


@pytest.mark.parametrize("value", [0, 1, 77, 255])
def test_constant_images_have_no_deviation(value: int) -> None:
    found = channel_statistics(torch.full((40, 3, 50, 50), value, dtype=torch.uint8))
    assert found.mean == pytest.approx((value / 255,) * 3, abs=1e-6)
    assert found.std == found.image_std == (0.0,) * 3


def test_sums_of_parts_are_those_of_the_whole() -> None:
    images = torch.randint(0, 256, (30, 3, 8, 8), dtype=torch.uint8)
    parts = [sums_of(part) for part in (images[:1], images[1:13], images[13:])]
    assert combine(parts) == combine([sums_of(images)]) == channel_statistics(images)


def test_images_of_different_sizes_count_by_their_pixels() -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (1, 1, side, 5), dtype=np.uint8) for side in (3, 8, 21)]
    found = combine([sums_of(torch.from_numpy(image)) for image in images])
    pixels = np.concatenate([image.ravel() for image in images]) / 255
    assert found.mean == pytest.approx((pixels.mean(),), abs=1e-6)
    assert found.std == pytest.approx((pixels.std(),), abs=1e-6)
    each = [(image / 255).std() for image in images]
    assert found.image_std == pytest.approx((np.mean(each),), abs=1e-6)
