"""Which labels are predicted for an image, as text: those that reach their thresholds.

Does not import torch.

Legend: N images, L labels.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onestop.data.multihot import NO_LABEL
from onestop.errors import UsageError
from onestop.tasks.prediction import Prediction

Probabilities = NDArray[np.float32]
"""Probabilities of the labels, [L] or [N, L]."""

_SEPARATORS = ("|", ";", ",", "\t", "\x1f")
_LINES = 4  # maximum lines of a title in a grid


@dataclass(frozen=True)
class LabelsPrediction(Prediction):
    """Which labels a network predicts for one image: those that reach their thresholds.

    Attributes:
        names: All labels, [L].
        scores: Their probabilities, [L].
        thresholds: A label is predicted if its probability is at or above its threshold, [L].
        shown: How many of the most likely labels `--json` lists, predicted or not.
    """

    names: tuple[str, ...] = ()
    scores: Probabilities = field(default_factory=lambda: np.zeros(0, np.float32), compare=False)
    thresholds: tuple[float, ...] = ()
    shown: int = 1

    @property
    def predicted_text(self) -> str:
        return ", ".join(label.name for label in self.labels) or NO_LABEL

    @property
    def truth_text(self) -> str:
        return "" if self.truth is None else ", ".join(self.truth) or NO_LABEL

    @property
    def text(self) -> str:
        """All predicted labels as people read them; if there are none, the closest to its threshold."""
        if self.labels or not self.names:
            return super().text
        k = self.closest
        closest = f"{self.names[k]} {self.scores[k]:.1%}, threshold {self.thresholds[k]:.1%}"
        return f"no label reaches its threshold (closest: {closest})"

    @property
    def closest(self) -> int:
        """The label with the highest odds relative to the odds of its threshold."""
        score, threshold = self.scores.astype(np.float64), np.asarray(self.thresholds)
        return int((score * (1 - threshold) / np.maximum(threshold * (1 - score), 1e-12)).argmax())

    def score_of(self, name: str) -> float:
        """The probability of a label."""
        return float(self.scores[self.names.index(name)])

    @property
    def missed(self) -> tuple[str, ...]:
        """False negatives: labels of the image that are not predicted, the least likely first."""
        predicted = {label.name for label in self.labels}
        return tuple(sorted(set(self.truth or ()) - predicted, key=self.score_of))

    @property
    def invented(self) -> tuple[str, ...]:
        """False positives: predicted labels that the image does not have, the most likely first."""
        if self.truth is None:
            return ()
        return tuple(label.name for label in self.labels if label.name not in self.truth)

    def title(self, truth: str | None = None) -> tuple[str, bool | None]:  # noqa: ARG002
        """The labels, one per line; a folder name as `truth` cannot tell whether all are right."""
        lines = [f"{label.name} {label.score:.0%}" for label in self.labels] or [NO_LABEL]
        if len(lines) > _LINES:
            lines[_LINES - 1 :] = [f"and {len(lines) - _LINES + 1} more"]
        return "\n".join(lines), None

    def summary(self) -> dict[str, Any]:
        return {"labels": [{"label": label.name, "score": label.score} for label in self.labels]}

    def _top(self) -> list[dict[str, Any]]:
        best = np.argsort(-self.scores, kind="stable")[: self.shown].tolist()
        return [
            {"label": self.names[k], "score": float(self.scores[k]), "threshold": self.thresholds[k]}
            for k in best
        ]  # fmt: skip

    def to_csv(self, top: int = 1) -> dict[str, str]:
        """A row of `--csv`: labels and scores, separated by `|` (see `separator_for`).

        Raises:
            UsageError: `top` is more than 1: all labels that are predicted are listed, however many.
        """
        if top > 1:
            raise UsageError(
                f"--csv --top {top}: lists all labels at their threshold, however many; drop --top, or "
                "use --json"
            )
        separator = separator_for(self.names)
        return {
            "image": self.image,
            "label": separator.join(label.name for label in self.labels),
            "score": separator.join(f"{label.score:.6g}" for label in self.labels),
            "error": self.error,
            "doubts": "; ".join(self.doubts),
        }


def as_labels(prediction: Prediction) -> LabelsPrediction:
    """A prediction of this task with its own type."""
    assert isinstance(prediction, LabelsPrediction)
    return prediction


@functools.lru_cache(maxsize=4)
def separator_for(names: tuple[str, ...]) -> str:
    """The separator between labels in a cell: the first of | ; , that none of the names contains."""
    return next((s for s in _SEPARATORS if not any(s in name for name in names)), _SEPARATORS[-1])
