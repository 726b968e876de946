"""Samples on their way to a step: a `Chunk` of prepared ones, then a `Batch` of normalised ones.

Legend: n samples of a chunk, B of a batch, C channels, h and w height and width, F values of a vector.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from onestop.data.augmentation import UNMOVED, Change, Moves
from onestop.data.targets import Indices, TargetBatch


@dataclass(frozen=True)
class Chunk:
    """Prepared samples of one batch, or of several that are handled together.

    Attributes:
        images: [n, C, h, w] of uint8, or vectors [n, F] of float32.
        indices: Their numbers in the split, [n].
        moves: Where their pixels were moved.
        cuts: Places between the batches.
    """

    images: Tensor
    indices: Indices
    moves: Moves = UNMOVED
    cuts: Sequence[int] = ()

    def changed(self, change: Change) -> Chunk:
        """The same samples, augmented."""
        images, moves = change(self.images, self.indices, self.moves.crop)
        return Chunk(images, self.indices, moves, self.cuts)


@dataclass(frozen=True)
class Batch:
    """The input of a step.

    B is smaller than planned if images could not be read, and can be 0.

    Attributes:
        inputs: Normalised, [B, ...].
        targets: One per input; see `onestop.data.targets`. For mixed images the share of each class.
        indices: Numbers of the samples in their split, [B].
    """

    inputs: Tensor
    targets: TargetBatch
    indices: Indices

    def __len__(self) -> int:
        return len(self.indices)

    def cut(self, places: Sequence[int]) -> Iterator[Batch]:
        """The parts between the places, in order, without copying."""
        if not places:
            yield self
            return
        starts, ends = (0, *places), (*places, len(self))
        parts = self.inputs.tensor_split(tuple(places))
        for inputs, start, end in zip(parts, starts, ends, strict=True):
            yield Batch(inputs, self.targets[start:end], self.indices[start:end])

    def split(self, parts: int) -> Iterator[Batch]:
        """So many parts, whose sizes differ by one at most."""
        size, more = divmod(len(self), parts)
        return self.cut([part * size + min(part, more) for part in range(1, parts)])
