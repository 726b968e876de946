"""Data sets: named splits of samples, skipped files and notes on anything unusual."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from onestop.data.samples import Samples
from onestop.data.targets import Indices, Targets
from onestop.data.value_counts import ValueCounts
from onestop.errors import BadImageError, DataError
from onestop.runtime.rng import key_for, permutation
from onestop.text import listing, plural


@dataclass(frozen=True)
class Skipped:
    """A file of the source that is not used, with the split it would belong to if that is known."""

    path: str
    reason: str
    split: str = field(default="", compare=False)


def named(files: Sequence[Skipped], limit: int = 3) -> str:
    """The first few files as text, each with its reason."""
    return listing((f"{file.path} ({file.reason})" for file in files), limit)


def require_none_skipped(skipped: Sequence[Skipped], name: str) -> None:
    """Refuse skipped files, for `--strict`.

    Raises:
        DataError: A file of the source cannot be used.
    """
    if skipped:
        raise DataError(
            f"{name}: {plural(len(skipped), 'file')} cannot be used: {named(skipped)}; fix or remove "
            "them, or omit --strict"
        )


@dataclass(frozen=True)
class Dataset:
    """Splits whose targets have the same type and share one list of names.

    Attributes:
        name: Display name.
        splits: Samples by split name: train, val, test.
        skipped: Files of the source that are not used.
        notes: Sentences on anything unusual.
        groups: By split, the group (a patient, a video) of each sample, if the source has any.
    """

    name: str
    splits: Mapping[str, Samples]
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    groups: Mapping[str, Indices] = field(default_factory=dict)

    @property
    def _first(self) -> Samples:
        return next(iter(self.splits.values()))

    @property
    def targets(self) -> Targets:
        """The targets of the first split; the others have the same type and names."""
        return self._first.targets

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes or labels; empty for regression."""
        return self.targets.names

    @property
    def task(self) -> str:
        """Name of the task that its targets are for."""
        return self.targets.task

    @property
    def is_image(self) -> bool:
        """Whether the inputs are images rather than vectors."""
        return self._first.is_image

    def split(self, name: str) -> Samples:
        """The samples of one split.

        Raises:
            DataError: There is no such split.
        """
        if name not in self.splits:
            raise DataError(f"{self.name}: has no split {name!r}; it has {listing(self.splits)}")
        return self.splits[name]

    def counts(self, split: str) -> Indices:
        """Number of images per class in a split, [K]."""
        return self.splits[split].targets.counts()

    def with_splits(self, splits: Mapping[str, Samples], *notes: str) -> Dataset:
        """The same data set with other splits and further notes."""
        return replace(self, splits=splits, notes=(*self.notes, *notes))

    def renamed(self, names: Mapping[str, str]) -> Dataset:
        """The same data set with other names of its classes, by those they have."""
        listed = [names.get(name, name) for name in self.classes]
        return replace(
            self,
            splits={
                split: samples.with_targets(samples.targets.renamed(listed))
                for split, samples in self.splits.items()
            },
        )

    def onto(self, names: Sequence[str]) -> Dataset:
        """The same data set with targets numbered by another list of names, such as a model's.

        Raises:
            DataError: A name is not on that list, or only one of the two has names.
        """
        try:
            splits = {
                split: samples.with_targets(samples.targets.onto(names))
                for split, samples in self.splits.items()
            }
        except DataError as error:
            raise DataError(f"{self.name}: {error}") from None
        return replace(self, splits=splits)

    def fingerprint(self) -> str:
        """A hash of class names, targets and inputs; for files, of their paths and sizes alone.

        What runs of earlier versions remember of their data. `onestop.data.contents` has more.
        """
        digest = hashlib.sha256("\0".join(self.classes).encode(errors="surrogateescape"))
        for name, samples in sorted(self.splits.items()):
            digest.update(f"\n{name} {len(samples)}\n".encode())
            digest.update(samples.targets.identity())
            digest.update(samples.identity())
        return digest.hexdigest()


@dataclass(frozen=True)
class DatasetInfo:
    """Properties of a data set from which the defaults of a recipe are derived.

    Attributes:
        values: Counts of the values of training images of more than 8 bits; None if there are none.
        mirrors: Whether targets are known for mirrored images too.
    """

    images: int
    classes: int
    channels: int
    height: int
    width: int
    splits: tuple[str, ...]
    vectors: bool = False
    task: str = "classification"
    values: ValueCounts | None = None
    mirrors: bool = True


def facts(dataset: Dataset, limit: int = 100) -> DatasetInfo:
    """Count, median size and channels of the training images, from at most `limit` headers."""
    train = dataset.splits["train"]
    if not train.is_image:
        return DatasetInfo(
            len(train), 1, train.features, 0, 0, tuple(dataset.splits), vectors=True,
            task=dataset.task,
        )  # fmt: skip
    shapes, first = [], ""
    for index in permutation(key_for("facts"), len(train)).tolist():
        try:
            shapes.append(train.measure(index))
        except BadImageError as error:
            first = first or f"{train.name(index)}: {error}"
            continue
        if len(shapes) == limit:
            break
    if not shapes:
        raise DataError(
            f"{dataset.name}: none of the {len(train)} training images can be read ({first})"
        )
    heights, widths, channels = zip(*shapes, strict=True)
    return DatasetInfo(
        images=len(train),
        classes=len(dataset.classes),
        channels=1 if max(channels) == 1 else 3,
        height=int(np.median(heights)),
        width=int(np.median(widths)),
        splits=tuple(dataset.splits),
        task=dataset.task,
    )
