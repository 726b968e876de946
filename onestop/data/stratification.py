"""Stratified hold-out of samples that have several names each.

Legend: N samples, K names, M memberships.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from onestop.data.targets import Indices
from onestop.runtime.rng import permutation


def stratified(
    samples: Indices, numbers: Indices, count: int, fraction: float, key: int
) -> NDArray[np.bool_]:
    """Which samples are held out, [N]: of each name as close to `fraction` of its samples as possible.

    Iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011, "On the Stratification of
    Multi-label Data", https://doi.org/10.1007/978-3-642-23808-6_10) into two parts. The rarest name
    comes first, because its samples leave the least choice. Each of its samples goes to the part that
    needs more samples of that name; ties go to the part that needs more of all names of the sample
    together, then to the part that needs more samples.

    Args:
        samples: Indices of samples, [M].
        numbers: Numbers of their names, [M]; each sample has at least one.
        count: N.
        fraction: In (0, 1); rounded to whole samples of each name: at least one if there are two or
            more, and never all of them.
        key: Key of the random order of the samples.
    """
    names_of, samples_of = _by_sample_and_name(samples, numbers, permutation(key, count))
    parts = _Parts(names_of, {k: len(members) for k, members in samples_of.items()}, fraction)
    while parts.left:
        rarest = min(parts.left, key=lambda k: (parts.left[k], k))
        for sample in samples_of[rarest]:
            parts.place(sample, rarest)
        parts.left = {k: left for k, left in parts.left.items() if left}
    return parts.held


def _by_sample_and_name(
    samples: Indices, numbers: Indices, order: Indices
) -> tuple[list[list[int]], dict[int, list[int]]]:
    """The names of each sample, and the samples of each name in the given order."""
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    names_of: list[list[int]] = [[] for _ in range(len(order))]
    samples_of: dict[int, list[int]] = {}
    in_order = np.argsort(rank[samples], kind="stable")
    for sample, k in zip(samples[in_order].tolist(), numbers[in_order].tolist(), strict=True):
        names_of[sample].append(k)
        samples_of.setdefault(k, []).append(sample)
    return names_of, samples_of


class _Parts:
    """The two parts while samples are placed.

    Attributes:
        held: Whether each sample is held out, [N].
        left: Number of samples of each name that are not placed yet.
    """

    def __init__(
        self, names_of: Sequence[Sequence[int]], counts: dict[int, int], fraction: float
    ) -> None:
        self.held = np.zeros(len(names_of), dtype=bool)
        self.left = dict(counts)
        self._names_of = names_of
        self._placed = [False] * len(names_of)
        # By how many samples the held-out part needs more than the other; integers, so ties are exact.
        self._needs = {k: _surplus(count, fraction) for k, count in counts.items()}
        self._needs_samples = 2 * round(fraction * len(names_of)) - len(names_of)

    def place(self, sample: int, name: int) -> None:
        """Put a sample into the part that needs more of a name, unless it has been placed already."""
        if self._placed[sample]:
            return
        self._placed[sample] = True
        held = self._wants(sample, name)
        self.held[sample] = held
        step = -1 if held else 1
        self._needs_samples += step
        for k in self._names_of[sample]:
            self._needs[k] += step
            self.left[k] -= 1

    def _wants(self, sample: int, name: int) -> bool:
        """Whether the held-out part needs the sample more than the other part."""
        all_names = sum(self._needs[k] for k in self._names_of[sample])
        return (self._needs[name] or all_names or self._needs_samples) > 0


def _surplus(count: int, fraction: float) -> int:
    """How many more samples of a name should be held out than stay."""
    held = min(count - 1, max(1, round(fraction * count)))
    return 2 * held - count
