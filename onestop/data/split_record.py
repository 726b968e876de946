"""Which samples were trained on and which were held out, as a model file remembers it.

8 bytes for each training sample (the key of its content), 16 for each one held out (also short hashes
of its name and of its target, which tell copies apart and what has changed since).

Legend: N samples of a split.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onestop.data.contents import Contents
from onestop.data.dataset import Dataset
from onestop.data.digests import UNREADABLE, Keys, short_keys

MOST = 1_500_000
"""Samples that are remembered; with more, the description in a model file would be too long to read."""

Short = NDArray[np.uint32]


@dataclass(frozen=True)
class SplitKeys:
    """The samples of a split.

    Attributes:
        keys: Of their contents, [N].
        names: Short hashes of their names, [N]; none for the training split.
        targets: Short hashes of their targets in words, [N]; none for the training split.
    """

    keys: Keys
    names: Short
    targets: Short

    def to_json(self) -> dict[str, str]:
        """The arrays in base64."""
        parts = {"keys": self.keys.astype("<u8"), "names": self.names.astype("<u4")}
        parts["targets"] = self.targets.astype("<u4")
        texts = {name: base64.b64encode(part.tobytes()).decode() for name, part in parts.items()}
        return {name: text for name, text in texts.items() if text}


@dataclass(frozen=True)
class SplitRecord:
    """The samples of each split.

    Attributes:
        splits: By name, in the order of the data set.
        recognisable: Whether keys follow from contents; else from the numbers of the samples.
        before: The keys of samples that the weights it started from were trained on, besides these.
    """

    splits: Mapping[str, SplitKeys]
    recognisable: bool = True
    before: Keys = field(default_factory=lambda: np.zeros(0, np.uint64))

    @property
    def trained_on(self) -> Keys:
        """The keys of all samples that the weights were trained on."""
        return np.concatenate([self.splits["train"].keys, self.before])

    @property
    def held_out(self) -> Keys:
        """The keys of the samples of all other splits."""
        parts = [split.keys for name, split in self.splits.items() if name != "train"]
        return np.concatenate(parts) if parts else np.zeros(0, np.uint64)

    def started_from(self, earlier: SplitRecord) -> SplitRecord:
        """The same for weights that were trained on other samples before."""
        new = np.setdiff1d(earlier.trained_on, self.splits["train"].keys)
        return replace(self, before=new[:MOST])

    def count_trained_on(self, keys: Keys) -> int:
        """How many of these samples were trained on."""
        return int((np.isin(keys, self.trained_on) & (keys > UNREADABLE)).sum())

    def to_json(self) -> dict[str, Any]:
        """Everything, for a model file."""
        splits = {name: split.to_json() for name, split in self.splits.items()}
        before = base64.b64encode(self.before.astype("<u8").tobytes()).decode()
        by = "content" if self.recognisable else "number"
        return {"by": by, "splits": splits, **({"before": before} if before else {})}


def record_of(dataset: Dataset, contents: Contents) -> SplitRecord | None:
    """What to remember of a data set; None if it has too many samples."""
    if sum(map(len, dataset.splits.values())) > MOST:
        return None
    splits = {}
    for name, samples in dataset.splits.items():
        names = targets = np.zeros(0, np.uint32)
        if name != "train":
            names = short_keys(map(samples.name, range(len(samples))))
            targets = short_keys(map(samples.targets.text, range(len(samples))))
        splits[name] = SplitKeys(contents.keys[name], names, targets)
    return SplitRecord(splits, contents.recognisable)


def read_record(values: Any) -> SplitRecord | None:
    """The record in a model file; None if there is none, or it is damaged."""
    try:
        splits = {
            str(name): _split(parts, held_out=name != "train")
            for name, parts in values["splits"].items()
        }
        before = _keys(values.get("before", ""))
        if "train" not in splits:
            return None
        return SplitRecord(splits, values["by"] == "content", before)
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error):
        return None


def _split(parts: Mapping[str, str], *, held_out: bool) -> SplitKeys:
    keys = _keys(parts.get("keys", ""))
    short = [
        np.frombuffer(base64.b64decode(parts.get(name, ""), validate=True), "<u4")
        for name in ("names", "targets")
    ]
    if any(len(part) != len(keys) * held_out for part in short):
        raise ValueError("arrays of different lengths")
    names, targets = (part.astype(np.uint32) for part in short)
    return SplitKeys(keys, names, targets)


def _keys(text: str) -> Keys:
    return np.frombuffer(base64.b64decode(text, validate=True), "<u8").astype(np.uint64)
