"""The splits that a model was trained with, found again by content in what its source holds now.

Images may have been added, removed, renamed, moved or replaced since, and a split that was drawn at
random would be drawn differently. What was held out is therefore recognised by its content, so that
nothing that was trained on is scored as if it had been held out.

Legend: N samples of a split, P places: samples of all splits of the source, counted through.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from onestop.data.contents import Contents, contents_of
from onestop.data.dataset import Dataset
from onestop.data.digests import UNREADABLE, Keys, short_keys
from onestop.data.joined import taken
from onestop.data.samples import Samples
from onestop.data.split_record import SplitKeys, SplitRecord
from onestop.data.targets import Indices
from onestop.text import plural


@dataclass(frozen=True)
class Found:
    """A split found again, and what became of its samples.

    Attributes:
        places: Of the samples that are there with the same content, ascending.
        of: How many it had.
        changed: Names that are there with another content.
        relabelled: Samples that have another target now.
    """

    places: Indices
    of: int
    changed: int = 0
    relabelled: int = 0

    @property
    def gone(self) -> int:
        """Samples of which neither the content nor the name is there."""
        return max(0, self.of - len(self.places) - self.changed)


@dataclass(frozen=True)
class AsTrained:
    """A data set with the splits that a model was trained with.

    Attributes:
        dataset: Its splits hold what is still there of those in training.
        found: By split.
        new: Samples that neither were trained on nor held out.
    """

    dataset: Dataset
    found: dict[str, Found]
    new: int

    def changes(self, split: str) -> str:
        """What has changed since training that concerns the scoring of a split; empty if nothing."""
        found, training = self.found[split], self.found.get("train")
        whole = plural(found.of, f"{split} image")
        parts = [f"{plural(self.new, 'new image')} not scored"] if self.new else []
        if found.gone:
            parts.append(f"{found.gone:,} of the {whole} gone")
        if found.changed:
            parts.append(f"{found.changed:,} of the {whole} changed and not scored")
        if found.relabelled:
            parts.append(f"{found.relabelled:,} of the {whole} with another label")
        if training and split != "train" and len(training.places) < training.of:
            lost = plural(training.of - len(training.places), "training image")
            parts.append(f"{lost} gone or changed")
        return ", ".join(parts)


class _Pool:
    """All samples of a source, whatever its splits."""

    def __init__(self, dataset: Dataset, contents: Contents) -> None:
        self.parts: Sequence[Samples] = list(dataset.splits.values())
        self.keys: Keys = np.concatenate([contents.keys[name] for name in dataset.splits])
        self.free = np.ones(len(self.keys), np.bool_)
        self._ends = np.cumsum([len(part) for part in self.parts])

    def names(self, places: Indices) -> NDArray[np.uint32]:
        """Short hashes of the names of some samples."""
        return short_keys(part.name(index) for part, index in map(self._at, places.tolist()))

    def targets(self, places: Indices) -> NDArray[np.uint32]:
        """Short hashes of the targets of some samples, in words."""
        return short_keys(part.targets.text(i) for part, i in map(self._at, places.tolist()))

    def _at(self, place: int) -> tuple[Samples, int]:
        number = int(np.searchsorted(self._ends, place, side="right"))
        part = self.parts[number]
        return part, place - int(self._ends[number]) + len(part)


def as_trained(source: Dataset, record: SplitRecord) -> AsTrained:
    """Find the splits of a model's training in a source, which may have changed.

    Args:
        source: As it is now, with any splits.
        record: From the model file.
    """
    pool = _Pool(source, contents_of(source))
    known = np.concatenate([split.keys for split in record.splits.values()])
    new = ~np.isin(pool.keys, known)
    new_names = pool.names(np.flatnonzero(new))
    held_out_first = sorted(record.splits, key=lambda name: name == "train")
    found: dict[str, Found] = {}
    for name in held_out_first:
        split = record.splits[name]
        found[name] = _trained(split, pool) if name == "train" else _held_out(split, pool)
        pool.free[found[name].places] = False
        if name != "train":
            found[name] = _with_changed(found[name], split, pool, new_names)
    changed = sum(part.changed for part in found.values())
    splits = {name: taken(pool.parts, found[name].places) for name in record.splits}
    dataset = replace(source, splits=splits, groups={})
    return AsTrained(dataset, found, max(0, int(new.sum()) - changed))


def _trained(split: SplitKeys, pool: _Pool) -> Found:
    """The training samples: all that have the content of one."""
    places = np.flatnonzero(pool.free & np.isin(pool.keys, split.keys))
    there = int(np.isin(split.keys, pool.keys).sum())
    return Found(places, len(split.keys) + len(places) - there)


def _held_out(split: SplitKeys, pool: _Pool) -> Found:
    """One sample for each that was held out: of copies the one of the same name, else the first."""
    candidates = np.flatnonzero(pool.free & np.isin(pool.keys, split.keys))
    keys, names, targets = (
        part.tolist()
        for part in (pool.keys[candidates], pool.names(candidates), pool.targets(candidates))
    )
    by_name: dict[tuple[int, int], list[int]] = defaultdict(list)
    by_key: dict[int, list[int]] = defaultdict(list)
    for number in reversed(range(len(candidates))):
        by_name[keys[number], names[number]].append(number)
        by_key[keys[number]].append(number)
    used: dict[int, int] = {}  # the candidate for each sample that was held out
    wanted = list(zip(split.keys.tolist(), split.names.tolist(), strict=False))
    for sample, pair in enumerate(wanted):
        if by_name[pair]:
            used[sample] = by_name[pair].pop()
    taken_already = set(used.values())
    for sample, (key, _) in enumerate(wanted):
        while sample not in used and key > UNREADABLE and by_key[key]:
            if (number := by_key[key].pop()) not in taken_already:
                used[sample] = number
    relabelled = sum(targets[number] != split.targets[sample] for sample, number in used.items())
    places = np.sort(candidates[np.array(list(used.values()), np.int64)])
    return Found(places, len(split.keys), relabelled=relabelled)


def _with_changed(
    found: Found, split: SplitKeys, pool: _Pool, new_names: NDArray[np.uint32]
) -> Found:
    """With the number of names that are there, but with another content than ever seen in training."""
    if len(found.places) == found.of:
        return found
    kept = set(pool.names(found.places).tolist())
    lost = [name for name in split.names.tolist() if name not in kept]
    return replace(found, changed=int(np.isin(lost, new_names).sum()))
