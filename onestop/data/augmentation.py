"""Random changes to training images, each a function of (seed, epoch, image) and of nothing else.

Legend: B images of a batch, C channels, h and w height and width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from onestop.data.auto_augment import auto_augmented
from onestop.data.colors import JITTER_DRAWS, jittered
from onestop.data.erasing import ERASE_DRAWS, erased
from onestop.data.memory_format import dense, rows, taken
from onestop.data.preprocess import ImagePreprocessing, interpolate, pixel_tensor
from onestop.data.samples import Samples
from onestop.recipe import Augment, AutoAugment
from onestop.runtime.rng import key_for, uniform

SMALLEST_PART = 0.35
"""Least share of the area that `resized-crop` keeps."""
_TRIES = 10


@dataclass(frozen=True)
class Changes:
    """What is changed in training images beside their place and side.

    Attributes:
        auto: TrivialAugment or RandAugment; see `onestop.data.auto_augment`.
        color: Strength of changes of brightness, contrast, saturation and hue, 0 to 1; see
            `onestop.data.colors`.
        erase: Share of the images in which a rectangle is erased; see `onestop.data.erasing`.
    """

    auto: AutoAugment = "none"
    color: float = 0.0
    erase: float = 0.0

    def __bool__(self) -> bool:
        return self != NO_CHANGES


NO_CHANGES = Changes()


def augment_batch(
    images: Tensor,
    policy: Augment,
    seed: int,
    epoch: int,
    samples: NDArray[np.int64],
    changes: Changes = NO_CHANGES,
    mean: Sequence[float] = (0.0,),
    padding: int | None = None,
) -> Tensor:
    """Flip and shift a batch of prepared images, then change, recolour and erase.

    `flip` mirrors half of the images left-right, and in the next epoch the others: each image is
    seen both ways in turn, from which networks learn more than from chance (Jordan 2024, section
    3.6, https://arxiv.org/abs/2404.00498); `crop` adds black around and cuts the size out
    again at a random place (He et al. 2015, section 4.2, https://arxiv.org/abs/1512.03385).

    Args:
        images: uint8 [B, C, h, w], on any device; not changed.
        policy: What to do; `resized-crop` was done while preparing and only flips here.
        seed: The run's.
        epoch: Counted from 0.
        samples: [B], the number of each image in its split.
        changes: What else to do, in the order of its attributes.
        mean: What is erased becomes this, a value for each channel or one for all, in [0, 1].
        padding: Pixels that `crop` adds on each side; an eighth of height and width where not given.
    """
    if policy in ("crop", "flip-crop"):
        images = _shifted(images, uniform(key_for(seed, "crop", epoch), samples, 2), padding)
    if policy in ("flip", "flip-crop", "resized-crop"):
        first = uniform(key_for(seed, "flip"), samples, 1)[:, 0] < 0.5
        images = _mirrored(images, first != bool(epoch % 2))
    return _changed(images, changes, seed, epoch, samples, mean) if changes else images


def _changed(
    images: Tensor,
    changes: Changes,
    seed: int,
    epoch: int,
    samples: NDArray[np.int64],
    mean: Sequence[float],
) -> Tensor:
    if changes.auto != "none":
        images = auto_augmented(images, changes.auto, seed, epoch, samples)
    if changes.color:
        draws = uniform(key_for(seed, "color", epoch), samples, JITTER_DRAWS)
        images = jittered(images, changes.color, draws)
    if changes.erase:
        draws = uniform(key_for(seed, "erase", epoch), samples, ERASE_DRAWS)
        images = erased(images, changes.erase, mean, draws)
    return images


def prepare_part(
    samples: Samples, index: int, to: ImagePreprocessing, seed: int, epoch: int
) -> Tensor:
    """A random part of an image, resized: uint8 [C, h, w].

    The part has between `SMALLEST_PART` and all of the area and an aspect ratio of 3:4 to 4:3
    (Szegedy et al. 2015, section 6, https://arxiv.org/abs/1409.4842).
    """
    pixels = samples.read(index, to.channels)
    draws = uniform(key_for(seed, "part", epoch), np.array([index]), 2 * _TRIES + 2)[0]
    top, left, height, width = _part(pixels.shape[0], pixels.shape[1], draws)
    image = pixel_tensor(pixels[top : top + height, left : left + width])
    return interpolate(image, to.size, to.interpolation)[0]


def _mirrored(images: Tensor, which: NDArray[np.bool_]) -> Tensor:
    chosen = torch.from_numpy(np.flatnonzero(which)).to(images.device)
    images = dense(images).clone()
    rows(images).index_copy_(0, chosen, rows(dense(taken(images, chosen).flip(-1))))
    return images


def eighth(size: int) -> int:
    """An eighth of a side, 4 pixels of 32; at least 1."""
    return max(1, size // 8)


def _shifted(images: Tensor, places: NDArray[np.float64], padding: int | None) -> Tensor:
    height, width = images.shape[-2:]
    down, right = (eighth(side) if padding is None else padding for side in (height, width))
    padded = F.pad(images, (right, right, down, down))
    # [B, C, 2*down+1, 2*right+1, h, w]: every possible crop as a view; nothing is copied yet.
    crops = padded.unfold(2, height, 1).unfold(3, width, 1)
    y = (places[:, 0] * (2 * down + 1)).astype(np.int64)
    x = (places[:, 1] * (2 * right + 1)).astype(np.int64)
    if crops.device.type == "cpu":  # numpy copies runs of pixels, torch pixel by pixel
        return torch.from_numpy(crops.numpy()[np.arange(len(y)), :, y, x])
    chosen = (torch.from_numpy(numbers).to(images.device) for numbers in (np.arange(len(y)), y, x))
    image, top, left = chosen
    return crops[image, :, top, left]


def _part(height: int, width: int, draws: NDArray[np.float64]) -> tuple[int, int, int, int]:
    """Top, left, height and width of a random part; the whole middle where none fits."""
    down, right = draws[-2:]
    for area, shape in draws[:-2].reshape(_TRIES, 2):
        size = height * width * (SMALLEST_PART + (1 - SMALLEST_PART) * area)
        ratio = math.exp((2 * shape - 1) * math.log(4 / 3))
        h, w = round(math.sqrt(size / ratio)), round(math.sqrt(size * ratio))
        if 0 < h <= height and 0 < w <= width:
            return int(down * (height - h + 1)), int(right * (width - w + 1)), h, w
    h, w = min(height, round(width * 4 / 3)), min(width, round(height * 4 / 3))
    return (height - h) // 2, (width - w) // 2, h, w
