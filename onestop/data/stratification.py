"""Holding out samples that have any number of names each, in proportion for every name.

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
    """Which samples are held out, [N]: of each name `fraction` of the samples, as nearly as they allow.

    Iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011, "On the Stratification of
    Multi-label Data", https://doi.org/10.1007/978-3-642-23808-6_10) into two parts. Names are gone
    through from the rarest on, since few ways are left to divide its samples. Each sample goes to the
    part that lacks more of that name; among equals to the one that lacks more of all its names
    together, then to the one that lacks more samples.

    Args:
        samples: Indices of samples, [M].
        numbers: Numbers of their names, [M]; each sample has one at least.
        count: N.
        fraction: In (0, 1); rounded to whole samples of each name, one at least of two or more, and
            never all of them.
        key: Other keys give other parts.
    """
    names_of, samples_of = _sorted_out(samples, numbers, permutation(key, count))
    parts = _Parts(names_of, {k: len(members) for k, members in samples_of.items()}, fraction)
    while parts.left:
        rarest = min(parts.left, key=lambda k: (parts.left[k], k))
        for sample in samples_of[rarest]:
            parts.place(sample, rarest)
        parts.left = {k: left for k, left in parts.left.items() if left}
    return parts.held


def _sorted_out(
    samples: Indices, numbers: Indices, order: Indices
) -> tuple[list[list[int]], dict[int, list[int]]]:
    """The names of each sample, and the samples of each name in that order."""
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
        left: Samples of each name that are not placed yet.
    """

    def __init__(
        self, names_of: Sequence[Sequence[int]], counts: dict[int, int], fraction: float
    ) -> None:
        self.held = np.zeros(len(names_of), dtype=bool)
        self.left = dict(counts)
        self._names_of = names_of
        self._placed = [False] * len(names_of)
        # By how much the part held out lacks more than the other; whole numbers, so that ties are ties.
        self._lacks = {k: _surplus(count, fraction) for k, count in counts.items()}
        self._lacks_samples = 2 * round(fraction * len(names_of)) - len(names_of)

    def place(self, sample: int, name: int) -> None:
        """Put a sample into the part that lacks more of a name, unless it is in one already."""
        if self._placed[sample]:
            return
        self._placed[sample] = True
        held = self._wants(sample, name)
        self.held[sample] = held
        step = -1 if held else 1
        self._lacks_samples += step
        for k in self._names_of[sample]:
            self._lacks[k] += step
            self.left[k] -= 1

    def _wants(self, sample: int, name: int) -> bool:
        """Whether the part held out lacks more than the other one."""
        of_all = sum(self._lacks[k] for k in self._names_of[sample])
        return (self._lacks[name] or of_all or self._lacks_samples) > 0


def _surplus(count: int, fraction: float) -> int:
    """Samples of a name that are to be held out, less those that are to stay."""
    held = min(count - 1, max(1, round(fraction * count)))
    return 2 * held - count
