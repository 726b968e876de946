"""Which labels are predicted for an image, in words: those whose probability is at their threshold.

No import of torch.

Legend: L labels.
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
"""Of each label, [L] or [N, L]."""

_JOINTS = ("|", ";", ",", "\t", "\x1f")
"""What stands between the labels of a cell: the first that is in none of them."""
_LINES = 4  # of a title in a grid


@dataclass(frozen=True)
class LabelsPrediction(Prediction):
    """Which labels a network predicts for one image: those whose probability is at their threshold.

    Attributes:
        names: All labels, [L].
        scores: Their probabilities, [L].
        thresholds: From which probability on each is predicted, [L].
        shown: How many of the likeliest labels `--json` lists, predicted or not.
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
        """All labels as people read them, or how far the nearest is below its threshold."""
        if self.labels or not self.names:
            return super().text
        k = self.nearest
        near = f"{self.names[k]} {self.scores[k]:.1%} of {self.thresholds[k]:.1%}"
        return f"nothing above its threshold (nearest: {near})"

    @property
    def nearest(self) -> int:
        """The label whose odds are nearest to those of its threshold, or the farthest above."""
        score, cut = self.scores.astype(np.float64), np.asarray(self.thresholds)
        return int((score * (1 - cut) / np.maximum(cut * (1 - score), 1e-12)).argmax())

    def score_of(self, name: str) -> float:
        """The probability of a label."""
        return float(self.scores[self.names.index(name)])

    @property
    def missed(self) -> tuple[str, ...]:
        """The labels that the image has and that are not predicted, the least likely first."""
        predicted = {label.name for label in self.labels}
        return tuple(sorted(set(self.truth or ()) - predicted, key=self.score_of))

    @property
    def invented(self) -> tuple[str, ...]:
        """The labels that are predicted and that the image does not have, the likeliest first."""
        if self.truth is None:
            return ()
        return tuple(label.name for label in self.labels if label.name not in self.truth)

    def title(self, truth: str | None = None) -> tuple[str, bool | None]:  # noqa: ARG002
        """The labels, one per line; a folder named like one of them does not say that it is all."""
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
        """As a row of `--csv`: labels and scores with `|` between them (see `joint`).

        Raises:
            UsageError: `top` is more than 1: all labels that are predicted are listed, however many.
        """
        if top > 1:
            raise UsageError(
                f"--csv --top {top}: lists all labels at their threshold, however many; drop --top, or "
                "use --json"
            )
        between = joint(self.names)
        return {
            "image": self.image,
            "label": between.join(label.name for label in self.labels),
            "score": between.join(f"{label.score:.6g}" for label in self.labels),
            "error": self.error,
        }


def labelled(prediction: Prediction) -> LabelsPrediction:
    """A prediction of this task, to those that know predictions in general."""
    assert isinstance(prediction, LabelsPrediction)
    return prediction


@functools.lru_cache(maxsize=4)
def joint(names: tuple[str, ...]) -> str:
    """What stands between labels of these names in a cell: the first of | ; , that is in none."""
    return next((joint for joint in _JOINTS if not any(joint in n for n in names)), _JOINTS[-1])
