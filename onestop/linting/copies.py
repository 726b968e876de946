"""Images that are there more than once: byte for byte, pixel for pixel, or nearly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from onestop.data.dataset import Dataset
from onestop.linting.findings import Finding, Level, Place, words_of
from onestop.linting.inspection import Look
from onestop.linting.near_duplicates import alike
from onestop.text import plural

_Key = TypeVar("_Key")


def exact_copies(looks: Mapping[Place, Look], dataset: Dataset) -> list[Finding]:
    """Images of exactly the same pixels."""
    digests = {place: look.digest for place, look in looks.items() if not look.error}
    return sort_out(same(digests), dataset, "copies", "exact copies of each other")


def near_copies(
    looks: Mapping[Place, Look],
    dataset: Dataset,
    workers: int,
    watch: Callable[[int, int], None],
) -> list[Finding]:
    """Images that were stored anew: compressed again, resized, mirrored, or slightly cropped."""
    places: dict[bytes, list[Place]] = {}  # exact copies are compared as one
    for place in sorted(looks):
        if not looks[place].error and not looks[place].plain:
            places.setdefault(looks[place].digest, []).append(place)
    several = list(places.values())
    if len(several) < 2:
        return []
    first = [looks[places[0]] for places in several]
    thumbs = np.stack([look.thumb for look in first if look.thumb is not None])
    colors = np.array([look.color for look in first], dtype=np.float32)
    pairs = alike(thumbs, colors, workers, watch)
    chained = [(one, other) for a, b in pairs for one in several[a] for other in several[b]]
    return sort_out(joined(chained), dataset, "near copies", "nearly the same")


def same(keys: Mapping[Place, _Key]) -> list[list[Place]]:
    """Groups of two and more places that share a key."""
    by_key: dict[_Key, list[Place]] = {}
    for place, key in keys.items():
        by_key.setdefault(key, []).append(place)
    return sorted(sorted(group) for group in by_key.values() if len(group) > 1)


def joined(pairs: Iterable[tuple[Place, Place]]) -> list[list[Place]]:
    """Groups of places that a chain of pairs joins."""
    group_of: dict[Place, list[Place]] = {}
    for a, b in pairs:
        one, other = group_of.setdefault(a, [a]), group_of.setdefault(b, [b])
        if one is not other:
            one += other
            group_of.update(dict.fromkeys(other, one))
    return sorted(sorted(group) for group in {id(g): g for g in group_of.values()}.values())


def sort_out(
    groups: Sequence[Sequence[Place]], dataset: Dataset, kind: str, what: str
) -> list[Finding]:
    """Findings of groups of copies: those that leak, those of different targets, and the others."""
    leaking, quarrelling, harmless = [], [], []
    for group in map(tuple, groups):
        if len({place.split for place in group}) > 1:
            leaking.append(group)
        if dataset.classes and len({words_of(place, dataset) for place in group}) > 1:
            quarrelling.append(group)
        elif len({place.split for place in group}) == 1:
            harmless.append(group)
    called, they_do = dataset.targets.differ
    kinds: tuple[tuple[str, Level, str, list[tuple[Place, ...]]], ...] = (
        (f"{kind} across splits", "leak", "lie in several splits", leaking),
        (f"{kind} {called}", "warning", they_do, quarrelling),
        (f"{kind} in a split", "note", "lie in one split", harmless),
    )
    return [
        Finding(
            kind, level, f"{plural(sum(map(len, found)), 'image')}, {what}, {how}", tuple(found)
        )
        for kind, level, how, found in kinds
        if found
    ]
