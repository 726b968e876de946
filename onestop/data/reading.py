"""Images that are read and prepared one by one, by threads that are a few batches ahead.

Legend: n images of a chunk, C channels, h and w height and width as prepared.
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
from onestop.data.prefetch import ahead
from onestop.data.targets import Indices
from onestop.errors import BadImageError

Crop: TypeAlias = tuple[float, float, float, float]
"""The part of an image that was cut out: top, left, height and width, as shares of the image's."""
Prepare: TypeAlias = Callable[[int], tuple[Tensor, Crop | None]]
"""From the number of an image to the prepared image [C, h, w] and the part cut out for it, if any."""


@dataclass(frozen=True)
class Reader:
    """Reads images by their numbers.

    Attributes:
        workers: Threads; 0 reads an image when it is asked for.
        bad: Number of each image found unreadable so far, with the reason; added to, not tried again.
        nothing: What a chunk without readable images holds, [0, C, h, w].
    """

    workers: int
    bad: dict[int, str]
    nothing: Tensor

    def chunks(self, plan: Iterable[Indices], prepare: Prepare) -> Iterator[Chunk]:
        """The readable images of a plan: a chunk per entry."""

        def load(index: int) -> tuple[Tensor, Crop | None] | None:
            if index in self.bad:
                return None
            try:
                return prepare(index)
            except BadImageError as error:
                self.bad[index] = str(error)
                return None

        batches = list(plan)
        loaded = ahead([indices.tolist() for indices in batches], load, self.workers)
        for indices, pairs in zip(batches, loaded, strict=True):
            readable = indices[[pair is not None for pair in pairs]]
            yield self._stacked([pair for pair in pairs if pair is not None], readable)

    def changed(self, plan: Iterable[Indices], prepare: Prepare, change: Change) -> Iterator[Chunk]:
        """The same, augmented; slow changes are made by the threads, image by image.

        Flips and crops of a whole batch take less time than handing them out to threads would.
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
        images = torch.stack([image for image, _ in pairs]) if pairs else self.nothing
        crops = [crop for _, crop in pairs if crop]
        return Chunk(images, indices, Moves(np.array(crops) if crops else None))
