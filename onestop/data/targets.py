"""What is to be learned about each sample: a column of targets beside the samples of a split.

Everything that depends on the kind of target (one class, a number) is a method here. Code elsewhere
never asks which kind it is, so a new kind is a new class in this file.

torch is not imported until a batch is asked for: data sets are opened, and their faults reported,
without it.

Legend: N samples of a split, B of a batch, K names.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from onestop.data.names import places
from onestop.errors import DataError
from onestop.text import listing

if TYPE_CHECKING:
    from torch import Tensor

    from onestop.data.augmentation import Moves
    from onestop.data.preprocess import Preprocessing
    from onestop.images.pillow import Pixels
    from onestop.runtime.device import Engine

Indices: TypeAlias = NDArray[np.int64]
"""Numbers of samples in their split."""
TargetBatch: TypeAlias = Any
"""The targets of B samples: a tensor [B] or [B, K], or a list of B entries if their number differs from
sample to sample. It can be sliced; beyond that only the task that learns from them knows what it is."""


_KINDS = 5  # of numbers


class Targets(ABC):
    """The targets of the samples of a split, in their order; to numpy, an array of their values.

    Attributes:
        task: Name of the task that learns from them; see `onestop.tasks`.
        nouns: What names are called, singular and plural.
        differ: How copies of a sample with different targets are described.
        names: Classes or labels, in the order of the network's outputs; empty for numbers.
        mirrors: Whether targets are known for mirrored images too.
        values: As they are stored, an entry per sample: an array [N] or [N, K], or a list.
    """

    task: ClassVar[str]
    nouns: ClassVar[tuple[str, str]] = ("class", "classes")
    differ: ClassVar[str] = "of two classes"
    names: tuple[str, ...] = ()
    mirrors: bool = True
    values: Any

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, place: Any) -> Any:
        return self.values[place]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.values, dtype=dtype, copy=copy)

    @abstractmethod
    def take(self, indices: Indices) -> Self:
        """The targets of some of the samples, in the order given."""

    def joined(self, others: Sequence[Self]) -> Self:
        """These targets, then those of other splits, which have the same names."""
        joined = copy.copy(self)
        parts = [self.values, *(other.values for other in others)]
        arrays = all(isinstance(part, np.ndarray) for part in parts)
        joined.values = np.concatenate(parts) if arrays else [v for part in parts for v in part]
        return joined

    @abstractmethod
    def identity(self) -> bytes:
        """Bytes that change when a target does (names not included)."""

    @abstractmethod
    def batch(
        self,
        indices: Indices,
        moves: Moves | None = None,
        preprocessing: Preprocessing | None = None,
    ) -> TargetBatch:
        """The targets of some of the samples to train on or to compare outputs with, on the CPU.

        Args:
            indices: [B].
            moves: What augmentation did to the pixels of each of them, for targets that lie somewhere
                in the image; None if they are as they were prepared.
            preprocessing: How the pixels were prepared, likewise; None if they are the original ones.
        """

    def send(self, batch: TargetBatch, engine: Engine) -> TargetBatch:
        """A batch of targets brought to the engine's device."""
        return engine.send(batch)

    @abstractmethod
    def shares(self, batch: TargetBatch) -> Tensor:
        """A batch of targets as floats [B, ...] that may be averaged when samples are mixed."""

    @abstractmethod
    def words(self, index: int) -> tuple[str, ...]:
        """The target of a sample in words: a class name, a number as text, or several labels."""

    def text(self, index: int) -> str:
        """The target of a sample as people read it."""
        return ", ".join(self.words(index))

    def draw(self, target: Any, pixels: Pixels, longest: int = 0) -> Pixels:  # noqa: ARG002
        """The picture of a sample with its target drawn over it, if that lies somewhere in it.

        Args:
            target: An entry of a batch.
            pixels: Of the same preparation and moves, [H, W, C].
            longest: Pixels that the longer side should have, if something is drawn; 0 keeps the size.
        """
        return pixels

    def unlabelled(self) -> Indices:
        """The samples that have no label, where samples may have none."""
        return np.zeros(0, np.int64)

    @abstractmethod
    def strata(self) -> Indices | None:
        """The stratum of each sample, [N]: images are held out of each in proportion.

        None if samples do not have exactly one stratum each: then images are held out in proportion for
        each name, or, without names, at random.
        """

    @abstractmethod
    def members(self) -> tuple[Indices, Indices]:
        """Which samples belong to which names: sample indices [M] and numbers of names [M].

        A sample may be there several times, or not at all.
        """

    def kinds(self) -> tuple[Indices, Indices]:
        """What parts of a split should have alike, as `members`: each sample is of one kind or more.

        Names, and a further kind for samples without one; numbers are of a kind by their size.
        """
        samples, numbers = self.members()
        without = np.setdiff1d(np.arange(len(self)), samples)
        extra = np.full(len(without), len(self.names))
        return np.concatenate([samples, without]), np.concatenate([numbers, extra])

    def counts(self) -> Indices:
        """Samples of each name, [K]."""
        return np.bincount(self.members()[1], minlength=len(self.names))

    def focus(
        self,
        indices: Indices,  # noqa: ARG002
        draws: NDArray[np.float64],  # noqa: ARG002
        preprocessing: Preprocessing,  # noqa: ARG002
    ) -> NDArray[np.float64] | None:
        """What should stay whole when images are zoomed: a thing in each, chosen by a number in [0, 1).

        Returns:
            Boxes as fractions of the prepared image, [B, 4], NaN where there is none; None if targets
            have no places.
        """
        return None

    def renamed(self, names: Sequence[str]) -> Self:
        """The same targets under other names; two of which may be the same until `onto` joins them."""
        renamed = copy.copy(self)
        renamed.names = tuple(names)
        return renamed

    def tallies(self) -> Mapping[str, Indices]:
        """What else there is of each name, beside samples, in the plural: {"objects": [K]}."""
        return {}

    def doubts(self, index: int) -> Iterable[tuple[str, str]]:  # noqa: ARG002
        """What may be wrong with the target of a sample by itself: the kind of fault, and details.

        `onestop lint` asks; kinds are in the plural ("tiny boxes").
        """
        return ()

    @abstractmethod
    def onto(self, names: Sequence[str]) -> Self:
        """The same targets, numbered as another list of names: those that a model knows.

        Raises:
            DataError: A name is not on that list, or targets are numbers where names are known.
        """


class Classes(Targets):
    """One class per sample."""

    task = "classification"

    values: Indices

    def __init__(self, values: Indices, names: Sequence[str]) -> None:
        """`values` are class numbers [N]: positions in `names`."""
        self.values = np.asarray(values, np.int64)
        self.names = tuple(names)

    def take(self, indices: Indices) -> Self:
        return type(self)(self.values[indices], self.names)

    def identity(self) -> bytes:
        return self.values.tobytes()

    def batch(
        self,
        indices: Indices,
        moves: Moves | None = None,  # noqa: ARG002
        preprocessing: Preprocessing | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Class numbers, int64 [B]."""
        return _tensor(self.values[indices])

    def shares(self, batch: TargetBatch) -> Tensor:
        """1 for the sample's class and 0 for the others, float32 [B, K]."""
        from torch.nn.functional import one_hot

        return one_hot(batch, len(self.names)).float()

    def words(self, index: int) -> tuple[str, ...]:
        return (self.names[int(self.values[index])],)

    def strata(self) -> Indices:
        return self.values

    def members(self) -> tuple[Indices, Indices]:
        return np.arange(len(self.values)), self.values

    def onto(self, names: Sequence[str]) -> Self:
        if not names:
            raise DataError("has class names as targets, the model gives numbers")
        place = places(self.names, names)
        used = {self.names[k] for k in np.flatnonzero(self.counts())}
        if unknown := sorted(name for name in used if place[name] is None):
            raise DataError(
                f"has classes the model does not know: {listing(unknown)}; it knows {listing(names)}"
            )
        numbers = np.array([place[name] or 0 for name in self.names], dtype=np.int64)
        return type(self)(numbers[self.values], names)


class Numbers(Targets):
    """A number to predict per sample."""

    task = "regression"

    values: NDArray[np.float32]

    def __init__(self, values: NDArray[np.floating[Any]]) -> None:
        """`values` are [N]."""
        self.values = np.asarray(values, np.float32)

    def take(self, indices: Indices) -> Self:
        return type(self)(self.values[indices])

    def identity(self) -> bytes:
        return self.values.tobytes()

    def batch(
        self,
        indices: Indices,
        moves: Moves | None = None,  # noqa: ARG002
        preprocessing: Preprocessing | None = None,  # noqa: ARG002
    ) -> Tensor:
        """float32 [B]."""
        return _tensor(self.values[indices])

    def shares(self, batch: TargetBatch) -> Tensor:
        """The numbers as they are, float32 [B]."""
        return batch  # type: ignore[no-any-return]

    def words(self, index: int) -> tuple[str, ...]:
        """The number with six digits."""
        return (f"{float(self.values[index]):.6g}",)

    def strata(self) -> Indices | None:
        return None

    def members(self) -> tuple[Indices, Indices]:
        return np.empty(0, np.int64), np.empty(0, np.int64)

    def kinds(self) -> tuple[Indices, Indices]:
        """Of a kind are the smallest fifth of the numbers, the next, and so on."""
        rank = np.argsort(np.argsort(self.values, kind="stable"), kind="stable")
        return np.arange(len(self)), rank * _KINDS // max(len(self), 1)

    def onto(self, names: Sequence[str]) -> Self:
        if names:
            raise DataError("has numbers as targets, the model gives class names")
        return self


def _tensor(values: NDArray[Any]) -> Tensor:
    import torch

    return torch.from_numpy(values)
