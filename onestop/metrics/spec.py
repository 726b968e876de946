"""Specification of a metric: its name, its format, and which direction is better.

A task declares a tuple of these; the columns of metrics.csv, progress lines, curves, tables of runs,
trackers and reports follow from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Metrics: TypeAlias = dict[str, Any]
"""Values of metrics by name, and details such as `per_class`; see `breakdown`."""
EACH = "per_"
"""How the names of details begin: `per_class`, `per_label`."""


@dataclass(frozen=True)
class Metric:
    """One metric of a task.

    Attributes:
        name: Key in metrics.json; `val_NAME` in metrics.csv.
        title: Its name in tables and above curves.
        higher: Whether higher values are better.
        percent: Whether it is a fraction in [0, 1], printed in percent.
        training: Whether it is also computed during training, as `train_NAME`.
        evaluated: Whether evaluation computes it; else it is a part of the training loss.
    """

    name: str
    title: str
    higher: bool = True
    percent: bool = False
    training: bool = False
    evaluated: bool = True

    def text(self, value: float | None, digits: int = 2) -> str:
        """The value for people: in percent with `digits` decimals, or to four significant digits.

        What is not finite has no value: `none`.

        >>> Metric("accuracy", "accuracy", percent=True).text(0.98889), LOSS.text(0.123456)
        ('98.89%', '0.1235')
        """
        if value is None or not math.isfinite(value):
            return "none"
        return f"{value:.{digits}%}" if self.percent else f"{value:.4g}"

    def rank(self, value: float | None) -> float:
        """A sort key: larger is better; minus infinity for None and NaN."""
        if value is None or math.isnan(value):
            return -math.inf
        return value if self.higher else -value

    def better(self, value: float, other: float) -> bool:
        """Whether a value is better than another."""
        return value > other if self.higher else value < other


def breakdown(values: Mapping[str, Any]) -> tuple[str, Mapping[str, Mapping[str, Any]]]:
    """What the metrics of a split say of each name: what a name is called, and its values by name.

    Args:
        values: Metrics with `per_class`, `per_label` or the like; without one there are no names.

    >>> breakdown({"map": 0.5, "per_label": {"ants": {"ap": 0.5}}})
    ('label', {'ants': {'ap': 0.5}})
    """
    key = next((name for name in values if name.startswith(EACH)), f"{EACH}class")
    return key.removeprefix(EACH), values.get(key, {})


LOSS = Metric("loss", "loss", higher=False)
"""Every task has it; training computes it in any case."""
