"""Findings about a data set: a kind, a level, and the images concerned."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from onestop.data.dataset import Dataset

Level = Literal["leak", "warning", "note"]


@dataclass(frozen=True, order=True)
class Place:
    """The location of an image in a data set: its split and its index there."""

    split: str
    index: int


@dataclass(frozen=True)
class Finding:
    """A problem of a data set, or something unusual.

    Attributes:
        kind: A short name, such as `copies across splits`.
        level: `leak` (an evaluation split overlaps with training data), `warning` or `note`.
        text: A one-line description.
        groups: Images that belong together (copies of each other), or groups of one.
        reasons: A detail for each group; empty if the text is sufficient.
    """

    kind: str
    level: Level
    text: str
    groups: tuple[tuple[Place, ...], ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def images(self) -> int:
        """Number of images concerned."""
        return sum(map(len, self.groups))

    def to_json(self, dataset: Dataset) -> dict[str, Any]:
        """All fields, with images by name and class."""
        groups = [[described(place, dataset) for place in group] for group in self.groups]
        fields = {**dataclasses.asdict(self), "images": self.images, "groups": groups}
        return {**fields, "reasons": list(self.reasons)}


def described(place: Place, dataset: Dataset) -> dict[str, str]:
    """Split, name and class of an image."""
    samples = dataset.splits[place.split]
    description = {"split": place.split, "image": samples.name(place.index)}
    if dataset.classes:
        description["class"] = ", ".join(words_of(place, dataset))
    return description


def words_of(place: Place, dataset: Dataset) -> tuple[str, ...]:
    """The target of an image as text."""
    return dataset.splits[place.split].targets.words(place.index)


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """Leaks, then warnings, then notes; a stable sort."""
    order = {"leak": 0, "warning": 1, "note": 2}
    return sorted(findings, key=lambda finding: order[finding.level])
