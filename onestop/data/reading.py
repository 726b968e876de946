"""Reading and preparing images one by one, in threads, a few batches ahead.

Legend: n images in a chunk, C channels, h and w height and width as prepared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from onestop.data.augmentation import Change, Moves
from onestop.data.batch import Chunk
from onestop.data.prefetch import prefetch
from onestop.data.targets import Indices
from onestop.errors import BadImageError

Crop: TypeAlias = tuple[float, float, float, float]
"""Top, left, height and width of a crop, as fractions of the image's height and width."""
Prepare: TypeAlias = Callable[[int], tuple[Tensor, Crop | None]]
"""Maps an image index to the prepared image [C, h, w] and its crop, if any."""


@dataclass(frozen=True)
class Reader:
    """Reads images by index.

    Attributes:
        workers: Threads; 0 reads each image when it is requested.
        bad: Index of each unreadable image, with the reason; extended, and never tried again.
        empty: The images of a chunk of which none is readable, [0, C, h, w].
    """

    workers: int
    bad: dict[int, str]
    empty: Tensor

    def chunks(self, plan: Iterable[Indices], prepare: Prepare) -> Iterator[Chunk]:
        """The readable images of a plan: one chunk per entry."""

        def load(index: int) -> tuple[Tensor, Crop | None] | None:
            if index in self.bad:
                return None
            try:
                return prepare(index)
            except BadImageError as error:
                self.bad[index] = str(error)
                return None

        batches = list(plan)
        loaded = prefetch([indices.tolist() for indices in batches], load, self.workers)
        for indices, pairs in zip(batches, loaded, strict=True):
            readable = indices[[pair is not None for pair in pairs]]
            yield self._stacked([pair for pair in pairs if pair is not None], readable)

    def changed(self, plan: Iterable[Indices], prepare: Prepare, change: Change) -> Iterator[Chunk]:
        """The same, augmented; slow changes are made in the threads, image by image.

        Flipping and cropping a whole batch is faster than distributing it to threads.
        """
        if not change.augmentation.recolors:
            for chunk in self.chunks(plan, prepare):
                yield chunk.changed(change)
            return

        def prepare_changed(index: int) -> tuple[Tensor, Crop | None]:
            image, crop = prepare(index)
            images, _ = change(image[None], np.array([index]))
            return images[0], crop

        for chunk in self.chunks(plan, prepare_changed):
            moves = change.moves(chunk.images, chunk.indices, chunk.moves.crop)
            yield Chunk(chunk.images, chunk.indices, moves)

    def _stacked(self, pairs: Sequence[tuple[Tensor, Crop | None]], indices: Indices) -> Chunk:
        images = torch.stack([image for image, _ in pairs]) if pairs else self.empty
        crops = [crop for _, crop in pairs if crop]
        return Chunk(images, indices, Moves(np.array(crops) if crops else None))
