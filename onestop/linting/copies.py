"""Duplicate images: identical files, identical pixels, or near copies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from onestop.data.dataset import Dataset
from onestop.linting.findings import Finding, Level, Place, words_of
from onestop.linting.inspection import Inspection
from onestop.linting.near_duplicates import near_duplicates
from onestop.text import plural

_Key = TypeVar("_Key")


def exact_copies(inspections: Mapping[Place, Inspection], dataset: Dataset) -> list[Finding]:
    """Images with identical pixels."""
    digests = {place: image.digest for place, image in inspections.items() if not image.error}
    return copy_findings(group_by_key(digests), dataset, "copies", "exact copies of each other")


def near_copies(
    inspections: Mapping[Place, Inspection],
    dataset: Dataset,
    workers: int,
    watch: Callable[[int, int], None],
) -> list[Finding]:
    """Recompressed, resized, mirrored or slightly cropped copies."""
    by_digest: dict[bytes, list[Place]] = {}  # exact copies are compared only once
    for place in sorted(inspections):
        if not inspections[place].error and not inspections[place].plain:
            by_digest.setdefault(inspections[place].digest, []).append(place)
    places = list(by_digest.values())
    if len(places) < 2:
        return []
    images = [inspections[copies[0]] for copies in places]
    thumbs = np.stack([image.thumb for image in images if image.thumb is not None])
    colors = np.array([image.color for image in images], dtype=np.float32)
    pairs = near_duplicates(thumbs, colors, workers, watch)
    linked = [(first, second) for a, b in pairs for first in places[a] for second in places[b]]
    return copy_findings(connected(linked), dataset, "near copies", "nearly identical")


def group_by_key(keys: Mapping[Place, _Key]) -> list[list[Place]]:
    """Groups of at least two places that share a key."""
    by_key: dict[_Key, list[Place]] = {}
    for place, key in keys.items():
        by_key.setdefault(key, []).append(place)
    return sorted(sorted(group) for group in by_key.values() if len(group) > 1)


def connected(pairs: Iterable[tuple[Place, Place]]) -> list[list[Place]]:
    """Connected components of a graph of places whose edges are the pairs."""
    group_of: dict[Place, list[Place]] = {}
    for a, b in pairs:
        group, other = group_of.setdefault(a, [a]), group_of.setdefault(b, [b])
        if group is not other:
            group += other
            group_of.update(dict.fromkeys(other, group))
    return sorted(sorted(group) for group in {id(g): g for g in group_of.values()}.values())


def copy_findings(
    groups: Sequence[Sequence[Place]], dataset: Dataset, kind: str, relation: str
) -> list[Finding]:
    """Findings on groups of copies: across splits, with different targets, and the others."""
    leaking, conflicting, harmless = [], [], []
    for group in map(tuple, groups):
        if len({place.split for place in group}) > 1:
            leaking.append(group)
        if dataset.classes and len({words_of(place, dataset) for place in group}) > 1:
            conflicting.append(group)
        elif len({place.split for place in group}) == 1:
            harmless.append(group)
    kinds: tuple[tuple[str, Level, str, list[tuple[Place, ...]]], ...] = (
        (f"{kind} across splits", "leak", "are in several splits", leaking),
        (f"{kind} {dataset.targets.differ}", "warning", "have different labels", conflicting),
        (f"{kind} in a split", "note", "are in one split", harmless),
    )
    return [
        Finding(
            kind,
            level,
            f"{plural(sum(map(len, members)), 'image')}, {relation}, {problem}",
            tuple(members),
        )
        for kind, level, problem, members in kinds
        if members
    ]
