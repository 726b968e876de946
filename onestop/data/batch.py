"""Chunks of prepared samples, and the normalised batches made from them.

Legend: n samples in a chunk, B in a batch, C channels, h and w height and width, F values of a vector.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from onestop.data.augmentation import UNMOVED, Change, Moves
from onestop.data.targets import Indices, TargetBatch


@dataclass(frozen=True)
class Chunk:
    """Prepared samples of one batch, or of several processed together.

    Attributes:
        images: uint8 [n, C, h, w], or vectors float32 [n, F].
        indices: Positions in the split, [n].
        moves: Their geometric changes.
        cuts: Boundaries between the batches.
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
    """The input of a training step.

    B is smaller than planned if images could not be read, and can be 0.

    Attributes:
        inputs: Normalised, [B, ...].
        targets: One per input; see `onestop.data.targets`. For mixed images, class shares.
        indices: Positions of the samples in their split, [B].
    """

    inputs: Tensor
    targets: TargetBatch
    indices: Indices

    def __len__(self) -> int:
        return len(self.indices)

    def cut(self, places: Sequence[int]) -> Iterator[Batch]:
        """Split at the places, in order, without copying."""
        if not places:
            yield self
            return
        starts, ends = (0, *places), (*places, len(self))
        parts = self.inputs.tensor_split(tuple(places))
        for inputs, start, end in zip(parts, starts, ends, strict=True):
            yield Batch(inputs, self.targets[start:end], self.indices[start:end])

    def split(self, parts: int) -> Iterator[Batch]:
        """Split into `parts` parts whose sizes differ by at most one."""
        size, remainder = divmod(len(self), parts)
        return self.cut([part * size + min(part, remainder) for part in range(1, parts)])
