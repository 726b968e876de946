"""What a look at a data set found: findings, each of one kind, with the images it is about."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from onestop.data.dataset import Dataset

Level = Literal["leak", "warning", "note"]


@dataclass(frozen=True, order=True)
class Place:
    """Where an image stands in a data set: its split, and its number in it."""

    split: str
    index: int


@dataclass(frozen=True)
class Finding:
    """One thing that is odd about a data set.

    Attributes:
        kind: What it is, in a word or two, such as `copies across splits`.
        level: `leak` (a split is no longer fit to judge what another taught), `warning`, `note`.
        text: A sentence about it.
        groups: Images that belong together (copies of each other), or groups of one.
        reasons: For each group, what there is to say of it; empty where the text says all.
    """

    kind: str
    level: Level
    text: str
    groups: tuple[tuple[Place, ...], ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def images(self) -> int:
        """How many images it is about."""
        return sum(map(len, self.groups))

    def to_json(self, dataset: Dataset) -> dict[str, Any]:
        """All of it, with images by name and target."""
        groups = [[described(place, dataset) for place in group] for group in self.groups]
        found = {**dataclasses.asdict(self), "images": self.images, "groups": groups}
        return {**found, "reasons": list(self.reasons)}


def described(place: Place, dataset: Dataset) -> dict[str, str]:
    """Split and name of an image, and its class or labels."""
    samples = dataset.splits[place.split]
    named = {"split": place.split, "image": samples.name(place.index)}
    if dataset.classes:
        named[dataset.targets.nouns[0]] = samples.targets.text(place.index)
    return named


def words_of(place: Place, dataset: Dataset) -> tuple[str, ...]:
    """The target of an image in words."""
    return dataset.splits[place.split].targets.words(place.index)


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """Leaks, then warnings, then notes, else in the order given."""
    order = {"leak": 0, "warning": 1, "note": 2}
    return sorted(findings, key=lambda finding: order[finding.level])
