"""A data set: its splits, its class names, and what was odd about it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from onestop.data.samples import ArraySamples, Samples
from onestop.errors import DataError
from onestop.images.formats import BadImageError
from onestop.runtime.rng import key_for, permutation
from onestop.text import listing, plural


@dataclass(frozen=True)
class Skipped:
    """A file of the source that is not used, and the split it would belong to where that is known."""

    path: str
    reason: str
    split: str = field(default="", compare=False)


def named(files: Sequence[Skipped], limit: int = 3) -> str:
    """The first of some files, each with its reason."""
    return listing((f"{file.path} ({file.reason})" for file in files), limit)


def require_none_skipped(skipped: Sequence[Skipped], name: str) -> None:
    """What `--strict` asks for.

    Raises:
        DataError: A file of the source cannot be used.
    """
    if skipped:
        raise DataError(
            f"{name}: {plural(len(skipped), 'file')} cannot be used: {named(skipped)}; mend or remove "
            "what is named, or leave out --strict"
        )


@dataclass(frozen=True)
class Dataset:
    """Splits that share one list of classes.

    `classes` is empty when numbers are predicted instead (regression).
    """

    name: str
    classes: tuple[str, ...]
    splits: Mapping[str, Samples]
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    groups: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """Name of the task that learns from the targets; see `onestop.tasks.TASKS`."""
        return "classification" if self.classes else "regression"

    @property
    def vectors(self) -> bool:
        """Whether the inputs are vectors rather than images."""
        first = next(iter(self.splits.values()))
        return isinstance(first, ArraySamples) and first.vectors

    def split(self, name: str) -> Samples:
        """The samples of one split.

        Raises:
            DataError: There is no such split.
        """
        if name not in self.splits:
            have = listing(self.splits)
            raise DataError(f"{self.name}: has no split {name!r}; it has {have}")
        return self.splits[name]

    def counts(self, split: str) -> NDArray[np.int64]:
        """Images of each class in a split, [K]."""
        return np.bincount(self.splits[split].targets, minlength=len(self.classes))

    def with_splits(self, splits: Mapping[str, Samples], *notes: str) -> Dataset:
        """The same data set cut differently."""
        return replace(self, splits=splits, notes=(*self.notes, *notes))

    def fingerprint(self) -> str:
        """A hash of class names, targets and inputs (of files: paths and sizes)."""
        digest = hashlib.sha256("\0".join(self.classes).encode(errors="surrogateescape"))
        for name, samples in sorted(self.splits.items()):
            digest.update(f"\n{name} {len(samples)}\n".encode())
            digest.update(np.ascontiguousarray(samples.targets).tobytes())
            digest.update(samples.identity())
        return digest.hexdigest()


@dataclass(frozen=True)
class DatasetInfo:
    """What the defaults of a recipe are derived from."""

    images: int
    classes: int
    channels: int
    height: int
    width: int
    splits: tuple[str, ...]
    vectors: bool = False
    imbalance: float = 1.0


def facts(dataset: Dataset, look_at: int = 100) -> DatasetInfo:
    """Number, size and channels of the training images, from the headers of `look_at` of them."""
    train = dataset.splits["train"]
    if dataset.vectors:
        assert isinstance(train, ArraySamples)
        features = int(train.values.shape[1])
        return DatasetInfo(len(train), 1, features, 0, 0, tuple(dataset.splits), vectors=True)
    shapes = []
    for index in permutation(key_for("facts"), len(train)).tolist():
        try:
            shapes.append(train.measure(index))
        except BadImageError:
            continue
        if len(shapes) == look_at:
            break
    if not shapes:
        raise DataError(f"{dataset.name}: none of the {len(train)} training images can be read")
    heights, widths, channels = zip(*shapes, strict=True)
    counts = dataset.counts("train") if dataset.classes else np.array([1])
    return DatasetInfo(
        images=len(train),
        classes=len(dataset.classes),
        channels=1 if max(channels) == 1 else 3,
        height=int(np.median(heights)),
        width=int(np.median(widths)),
        splits=tuple(dataset.splits),
        imbalance=float(counts.max() / max(counts.min(), 1)),
    )
