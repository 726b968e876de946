"""Any number of labels per sample, including none.

Legend: N samples of a split, B of a batch, L labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from onestop.data.targets import Indices, TargetBatch, Targets
from onestop.errors import DataError
from onestop.text import listing

if TYPE_CHECKING:
    from torch import Tensor

    from onestop.data.augmentation import Moves

NO_LABEL = "no label"
"""How the target of a sample without labels is shown."""


class Multihot(Targets):
    """Several labels per sample: a row of flags each."""

    task = "multilabel"
    nouns = ("label", "labels")
    differ = "with different labels"

    values: NDArray[np.bool_]

    def __init__(self, values: NDArray[Any], names: Sequence[str]) -> None:
        """`values` are [N, L]."""
        self.values = np.asarray(values, np.bool_)
        self.names = tuple(names)

    @classmethod
    def of_sets(cls, sets: Sequence[Iterable[str]], names: Sequence[str]) -> Self:
        """Targets from the labels of each sample, all of which must be in `names`."""
        place = {name: k for k, name in enumerate(names)}
        values = np.zeros((len(sets), len(names)), np.bool_)
        for row, labels in zip(values, sets, strict=True):
            row[[place[label] for label in labels]] = True
        return cls(values, names)

    def take(self, indices: Indices) -> Self:
        return type(self)(self.values[indices], self.names)

    def identity(self) -> bytes:
        return np.ascontiguousarray(self.values).tobytes()

    def batch(self, indices: Indices, moves: Moves | None = None) -> Tensor:  # noqa: ARG002
        """1 for the labels of each sample and 0 for the others, float32 [B, L]."""
        import torch

        return torch.from_numpy(self.values[indices].astype(np.float32))

    def shares(self, batch: TargetBatch) -> Tensor:
        """The batch as it is, float32 [B, L]."""
        return batch  # type: ignore[no-any-return]

    def words(self, index: int) -> tuple[str, ...]:
        return tuple(self.names[k] for k in np.flatnonzero(self.values[index]))

    def text(self, index: int) -> str:
        return super().text(index) or NO_LABEL

    def unlabelled(self) -> Indices:
        return np.flatnonzero(~self.values.any(1))

    def strata(self) -> Indices | None:
        return None

    def members(self) -> tuple[Indices, Indices]:
        samples, labels = np.nonzero(self.values)
        return samples, labels

    def onto(self, names: Sequence[str]) -> Self:
        """The same targets on another list of names; no sample has the labels that are added."""
        if not names:
            raise DataError("has labels as targets, the model gives numbers")
        used = [self.names[k] for k in np.flatnonzero(self.counts())]
        if unknown := sorted(set(used) - set(names)):
            raise DataError(
                f"has labels the model does not know: {listing(unknown)}; it knows {listing(names)}"
            )
        place = {name: k for k, name in enumerate(self.names)}
        values = np.zeros((len(self), len(names)), np.bool_)
        for k, name in enumerate(names):
            if name in place:
                values[:, k] = self.values[:, place[name]]
        return type(self)(values, names)
