"""Targets that may be wrong by themselves: boxes that are tiny, doubled, or of the whole picture."""

from __future__ import annotations

from onestop.data.dataset import Dataset
from onestop.linting.findings import Finding, Place
from onestop.text import plural


def doubtful_targets(dataset: Dataset) -> list[Finding]:
    """One finding per kind of fault that the targets themselves know of, each image once."""
    places: dict[str, dict[Place, list[str]]] = {}
    for split, samples in dataset.splits.items():
        for index in range(len(samples)):
            for kind, detail in samples.targets.doubts(index):
                places.setdefault(kind, {}).setdefault(Place(split, index), []).append(detail)
    return [_finding(kind, where) for kind, where in places.items()]


def _finding(kind: str, where: dict[Place, list[str]]) -> Finding:
    count = sum(map(len, where.values()))
    return Finding(
        kind,
        "warning",
        f"{count:,} {kind} in {plural(len(where), 'image')}",
        tuple((place,) for place in where),
        tuple("; ".join(details[:3]) for details in where.values()),
    )
