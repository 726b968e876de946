"""Data augmentation: random draws, the geometric moves they imply, and their effect on the pixels.

Every draw is a pure function of (seed, epoch, image). The draws determine the moves, which targets with
a position in the image can follow, and then the pixels.

Legend: B images in a batch, C channels, H and W height and width of a stored image, h and w of a
prepared one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from onestop.data.auto_augment import AUTO_DRAWS, auto_augmented
from onestop.data.colors import JITTER_DRAWS, jittered
from onestop.data.erasing import ERASE_DRAWS, erased
from onestop.data.memory_format import dense, rows, taken
from onestop.data.mixing import MIX_DRAWS, mixed
from onestop.data.targets import Indices
from onestop.data.zooming import ZOOM_DRAWS, windows, zoomed
from onestop.runtime.rng import key_for, uniform

if TYPE_CHECKING:
    from onestop.recipe import Augment, AutoAugment

SMALLEST_PART = 0.35
"""Smallest fraction of the area that `resized-crop` keeps."""
_TRIES = 10

Crops: TypeAlias = NDArray[np.float64] | None
"""See `Moves.crop`."""


@dataclass(frozen=True)
class Draw:
    """The key of the random numbers: the run's seed, an epoch counted from 0, and image indices [B]."""

    seed: int
    epoch: int
    indices: Indices

    def uniform(self, purpose: str, count: int) -> NDArray[np.float64]:
        """Uniform numbers in [0, 1) for a purpose, [B, count]; they differ between epochs."""
        return uniform(key_for(self.seed, purpose, self.epoch), self.indices, count)


@dataclass(frozen=True)
class Moves:
    """Geometric changes of each image of a batch, applied in this order; None: unchanged.

    Attributes:
        crop: The crop that was resized: top, left, height and width as fractions of the image's
            height and width, [B, 4].
        window: The part of the prepared image that is shown, top, left, height and width as fractions,
            [B, 4]; it may reach beyond the image, where there is black.
        shift: Pixels by which the prepared image was moved down and right, [B, 2]; the uncovered
            border is black.
        flip: Whether it was mirrored left-right, [B].
    """

    crop: Crops = None
    window: NDArray[np.float64] | None = None
    shift: NDArray[np.int64] | None = None
    flip: NDArray[np.bool_] | None = None


UNMOVED = Moves()


@dataclass(frozen=True)
class Augmentation:
    """The random changes made to training images; none by default.

    Attributes:
        policy: `flip` mirrors half of the images left-right, and the other half in the next epoch:
            alternating flips train better than random ones (Jordan 2024, section 3.6,
            https://arxiv.org/abs/2404.00498). `crop` pads with black and crops the original size at a
            random position (He et al. 2015, section 4.2, https://arxiv.org/abs/1512.03385).
            `resized-crop` resizes a random crop of the image (see `part_of`), and flips.
        padding: Pixels that `crop` adds on each side; None is an eighth of height and width.
        auto: TrivialAugment or RandAugment; see `onestop.data.auto_augment`. Rotations and shears
            are not recorded in `Moves`.
        color: Strength of the changes of brightness, contrast, saturation and hue, 0 to 1; see
            `onestop.data.colors`.
        erase: Fraction of the images in which a rectangle is erased; see `onestop.data.erasing`.
        mixup: Parameter alpha of MixUp, for whole batches; see `onestop.data.mixing`.
        cutmix: Parameter alpha of CutMix. If both are above 0, each batch gets one of them at random.
        seed: The run's seed.
        zoom: How much larger or smaller images are shown; see `onestop.data.zooming`.
    """

    policy: Augment = "none"
    padding: int | None = None
    auto: AutoAugment = "none"
    color: float = 0.0
    erase: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    seed: int = 0
    zoom: float = 0.0

    @property
    def cuts_parts(self) -> bool:
        """Whether each epoch prepares different crops of the images."""
        return self.policy == "resized-crop"

    @property
    def recolors(self) -> bool:
        """Whether it changes pixel values too, which is much slower than flips and crops."""
        return self.auto != "none" or self.color > 0 or self.erase > 0

    @property
    def mixes(self) -> bool:
        """Whether the images of a batch are mixed with each other."""
        return self.mixup > 0 or self.cutmix > 0

    def moves(
        self,
        draw: Draw,
        size: Sequence[int],
        crop: Crops = None,
        focus: NDArray[np.float64] | None = None,
    ) -> Moves:
        """The geometric changes of some images.

        Args:
            draw: The draw for B images.
            size: h and w.
            crop: See `Moves`, if crops were made while preparing.
            focus: What `zoom` should leave whole; see `windows`.
        """
        window = shift = flip = None
        if self.zoom:
            window = windows(self.zoom, draw.uniform("zoom", ZOOM_DRAWS), focus)
        if self.policy in ("crop", "flip-crop"):
            padding = np.array(
                [eighth(side) if self.padding is None else self.padding for side in size]
            )
            positions = draw.uniform("crop", 2) * (2 * padding + 1)
            shift = padding - positions.astype(np.int64)
        if self.policy in ("flip", "flip-crop", "resized-crop"):
            first = uniform(key_for(draw.seed, "flip"), draw.indices, 1)[:, 0] < 0.5
            flip = first != bool(draw.epoch % 2)
        return Moves(crop, window, shift, flip)

    def apply(
        self, images: Tensor, moves: Moves, draw: Draw, mean: Sequence[float] = (0.0,)
    ) -> Tensor:
        """Augment prepared images: move, auto-augment, jitter colours, erase.

        Args:
            images: uint8 [B, C, h, w], on any device; not modified. Any tensor if nothing is enabled.
            moves: The result of `moves` for the same draw; the crop was made while preparing.
            draw: The draw for these images.
            mean: Fill value of erased rectangles, one per channel or one for all, in [0, 1].
        """
        if moves.window is not None:
            images = zoomed(images, moves.window)
        if moves.shift is not None:
            images = _shifted(images, moves.shift)
        if moves.flip is not None:
            images = _mirrored(images, moves.flip)
        if self.auto != "none":
            images = auto_augmented(images, self.auto, draw.uniform("auto", AUTO_DRAWS[self.auto]))
        if self.color:
            images = jittered(images, self.color, draw.uniform("color", JITTER_DRAWS))
        if self.erase:
            images = erased(images, self.erase, mean, draw.uniform("erase", ERASE_DRAWS))
        return images

    def mix(self, inputs: Tensor, shares: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
        """Mix the inputs of a batch with each other, and their target shares accordingly.

        The random numbers are keyed by the batch's first image, which identifies it within an epoch
        even if the run was resumed in between.
        """
        first = Draw(draw.seed, draw.epoch, draw.indices[:1])
        return mixed(inputs, shares, self.mixup, self.cutmix, first.uniform("mix", MIX_DRAWS)[0])


NONE = Augmentation()


@dataclass(frozen=True)
class Change:
    """The augmentation of one epoch, for one network.

    Attributes:
        augmentation: The changes to make.
        epoch: Counted from 0.
        mean: The mean of the network's preprocessing, which fills erased rectangles.
        focus: Gives what zooming should leave whole in each image of a draw; see `Targets.focus`.
    """

    augmentation: Augmentation
    epoch: int
    mean: Sequence[float] = (0.0,)
    focus: Callable[[Draw], NDArray[np.float64] | None] | None = None

    def draw(self, indices: Indices) -> Draw:
        """The draw for some samples."""
        return Draw(self.augmentation.seed, self.epoch, indices)

    def moves(self, images: Tensor, indices: Indices, crop: Crops = None) -> Moves:
        """The geometric changes of prepared samples [B, ...]; see `Augmentation.moves`."""
        draw = self.draw(indices)
        focus = self.focus(draw) if self.focus and self.augmentation.zoom else None
        return self.augmentation.moves(draw, images.shape[-2:], crop, focus)

    def __call__(
        self, images: Tensor, indices: Indices, crop: Crops = None
    ) -> tuple[Tensor, Moves]:
        """Augmented samples [B, ...] and their geometric changes."""
        moves = self.moves(images, indices, crop)
        return self.augmentation.apply(images, moves, self.draw(indices), self.mean), moves


def part_of(height: int, width: int, draw: Draw) -> tuple[int, int, int, int]:
    """Top, left, height and width of a random crop of one image of H x W pixels.

    The crop has between `SMALLEST_PART` and all of the area, and an aspect ratio of 3:4 to 4:3
    (Szegedy et al. 2015, section 6, https://arxiv.org/abs/1409.4842).
    """
    return _part(height, width, draw.uniform("part", 2 * _TRIES + 2)[0])


def _mirrored(images: Tensor, flip: NDArray[np.bool_]) -> Tensor:
    indices = torch.from_numpy(np.flatnonzero(flip)).to(images.device)
    images = dense(images).clone()
    rows(images).index_copy_(0, indices, rows(dense(taken(images, indices).flip(-1))))
    return images


def eighth(size: int) -> int:
    """An eighth of a side, at least 1: 4 pixels of 32."""
    return max(1, size // 8)


def _shifted(images: Tensor, shift: NDArray[np.int64]) -> Tensor:
    height, width = images.shape[-2:]
    down, right = np.abs(shift).max(0, initial=0).tolist()
    padded = F.pad(images, (right, right, down, down))
    # [B, C, 2*down+1, 2*right+1, h, w]: a view of every possible crop; nothing is copied yet.
    crops = padded.unfold(2, height, 1).unfold(3, width, 1)
    y, x = down - shift[:, 0], right - shift[:, 1]
    if crops.device.type == "cpu":  # numpy copies whole rows of pixels, torch single pixels
        return torch.from_numpy(crops.numpy()[np.arange(len(y)), :, y, x])
    image, top, left = (
        torch.from_numpy(index).to(images.device) for index in (np.arange(len(y)), y, x)
    )
    return crops[image, :, top, left]


def _part(height: int, width: int, draws: NDArray[np.float64]) -> tuple[int, int, int, int]:
    """Top, left, height and width of a random crop; the largest central one if none fits."""
    down, right = draws[-2:]
    for area, shape in draws[:-2].reshape(_TRIES, 2):
        size = height * width * (SMALLEST_PART + (1 - SMALLEST_PART) * area)
        ratio = math.exp((2 * shape - 1) * math.log(4 / 3))
        h, w = round(math.sqrt(size / ratio)), round(math.sqrt(size * ratio))
        if 0 < h <= height and 0 < w <= width:
            return int(down * (height - h + 1)), int(right * (width - w + 1)), h, w
    h, w = min(height, round(width * 4 / 3)), min(width, round(height * 4 / 3))
    return (height - h) // 2, (width - w) // 2, h, w
