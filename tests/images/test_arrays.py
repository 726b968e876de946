"""Arrays of numpy and torch as images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from onestop.errors import BadImageError
from onestop.images.arrays import image_array, images_array


@pytest.mark.parametrize(
    ("given", "shape"),
    [((2, 8, 9), (2, 8, 9, 1)), ((2, 8, 9, 1), (2, 8, 9, 1)), ((2, 8, 9, 3), (2, 8, 9, 3)),
     ((2, 8, 9, 4), (2, 8, 9, 4)), ((2, 1, 8, 9), (2, 8, 9, 1)), ((2, 3, 8, 9), (2, 8, 9, 3)),
     ((2, 4, 8, 9), (2, 8, 9, 4)), ((0, 8, 9), (0, 8, 9, 1))],
)  # fmt: skip
def test_channels_are_found_first_or_last(given: tuple[int, ...], shape: tuple[int, ...]) -> None:
    values = np.arange(np.prod(given)).reshape(given).astype(np.uint8)
    images = images_array(values)
    assert images.shape == shape
    last = values[..., None] if len(given) == 3 else values
    if last.shape != shape:
        last = np.moveaxis(last, 1, -1)
    np.testing.assert_array_equal(images, last)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (np.array([0, 7, 255], np.uint8), [0, 7, 255]),
        (np.array([0, 7, 255], np.int64), [0, 7, 255]),
        (np.array([0, 7, 255], np.uint16), [0, 7, 255]),
        (np.array([0, 0.5, 1], np.float32), [0, 128, 255]),
        (np.array([0, 0.5, 1], np.float16), [0, 128, 255]),
        (np.array([0, 0.25, 1], np.float64), [0, 64, 255]),
        (np.array([False, True, True]), [0, 255, 255]),
        (torch.tensor([0, 0.5, 1]), [0, 128, 255]),
    ],
)
def test_whole_numbers_and_fractions_become_greys(values: Any, wanted: list[int]) -> None:
    images = images_array(values.reshape(1, 1, 3))
    assert images.dtype == np.uint8
    assert images.ravel().tolist() == wanted


def test_fractions_of_eight_bits_come_back_exactly() -> None:
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    for dtype in (np.float16, np.float32, np.float64):
        np.testing.assert_array_equal(images_array((every / 255.0).astype(dtype))[..., 0], every)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(4), r"shape \(4,\) is not an image"),
        (np.zeros((2, 3, 4, 5, 6)), "is not an image"),
        (np.zeros((2, 8, 8, 2)), "1, 3 or 4 channels"),
        (np.full((1, 2, 2), 1.5), "0..1, not 1.5"),
        (np.full((1, 2, 2), 256), "0..255, not 256"),
        (np.full((1, 2, 2), -1), "negative"),
        (np.full((1, 2, 2), np.nan), "has pixels that are NaN or infinite"),
        (np.full((1, 2, 2), "a"), "are not pixels"),
        (np.zeros((1, 2, 2), complex), "are not pixels"),
    ],
)
def test_arrays_that_are_no_images_are_refused(values: NDArray[Any], message: str) -> None:
    with pytest.raises(BadImageError, match=message):
        images_array(values)


def test_one_image_is_taken_in_the_same_shapes() -> None:
    assert image_array(np.zeros((8, 9), np.uint8)).shape == (8, 9, 1)
    assert image_array(np.zeros((8, 9, 3), np.uint8)).shape == (8, 9, 3)
    assert image_array(torch.zeros(3, 8, 9)).shape == (8, 9, 3)
    with pytest.raises(BadImageError, match="is not an image"):
        image_array(np.zeros(9))
