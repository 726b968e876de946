"""How far a model's predictions can be trusted: what it learned about itself on held-out images.

It is part of the model file's card, as plain JSON with arrays in base64, so that the tensors of the
file remain those of the network. It takes `BYTES` at most.

Legend: N held-out images, B images of a batch, F features, R directions.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from onestop.errors import ModelFileError, UsageError
from onestop.metrics import outliers, selective
from onestop.metrics.outliers import Outliers
from onestop.metrics.selective import Guarantee, guarantee
from onestop.runtime.checked import Amount, Count, fits
from onestop.runtime.rng import key_for, permutation
from onestop.tasks.prediction import UNLIKE, UNSURE
from onestop.text import plural

if TYPE_CHECKING:
    from onestop.storage.model_file import Card

MOST = 4096
"""Held-out images whose scores are stored; of more, as many at random."""
BYTES = (outliers.BYTES + 5 * MOST) * 4 // 3 + 2**10
"""Of all of it in the model file: about 380 KiB."""

Scores = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Confidence:
    """What a model knows about the images that training held out.

    Attributes:
        scores: [N] how certain the prediction for each image was, see `Task.certainty`; highest first.
        right: [N] whether it was correct.
        outliers: What the features of the training images look like; None if it is not known.
        layer: The layer that takes in these features; empty for inputs and outputs of the network.
        why_not: Why there are no scores, or no outliers, in words.
    """

    scores: Scores = field(default_factory=lambda: np.zeros(0, np.float32))
    right: Flags = field(default_factory=lambda: np.zeros(0, np.bool_))
    outliers: Outliers | None = None
    layer: str = ""
    why_not: str = "the model file does not hold what is needed (an earlier version wrote it)"

    def guarantee(self, rate: float) -> Guarantee | None:
        """The lowest score with a guaranteed error rate, in (0, 1); None if no score has it.

        Raises:
            UsageError: Nothing is known about held-out images.
        """
        if not len(self.scores):
            raise UsageError(f"--max-error {_percent(rate)}: {self.why_not}; leave it out")
        return guarantee(self.scores.astype(np.float64), self.right, rate)

    def threshold(self, rate: float | None) -> float:
        """The lowest score that is not `unsure`: of `guarantee`, or infinite if there is none.

        Args:
            rate: The error rate to keep; None for any, so that nothing is `unsure`.

        Raises:
            UsageError: Nothing is known about held-out images.
        """
        if rate is None:
            return -math.inf
        found = self.guarantee(rate)
        return math.inf if found is None else found.threshold

    def explain(self, rate: float) -> str:
        """What `guarantee` gives, in one line."""
        found, images = self.guarantee(rate), plural(len(self.scores), "validation image")
        if found is None:
            least = selective.fewest(rate)
            reason = (
                f"that takes at least {least:,}"
                if len(self.scores) < least
                else f"the network is wrong too often on the {images}, also where it is most certain"
            )
            return (
                f"note: --max-error {_percent(rate)} cannot be guaranteed with {images}: {reason}"
            )
        return (
            f"note: of the answered images at most {_percent(rate)} are wrong, with "
            f"{selective.CERTAINTY:.0%} certainty, if they are like the {images} (of those, "
            f"{found.answered:,} are answered, {found.wrong:,} wrong)"
        )

    @property
    def summary(self) -> dict[str, Any]:
        """Held-out images, how many are answered at which error rate, and what else it knows."""
        if not len(self.scores) and self.outliers is None:
            return {"none": self.why_not}
        held_out, flags = len(self.scores), self.outliers is not None
        rates = (0.01, 0.05, 0.1) if held_out else ()
        answered = {f"at {_percent(rate)}": self._answered(rate) for rate in rates}
        return {"held_out": held_out, "answered": answered, "flags_unlike_training": flags}

    def _answered(self, rate: float) -> int:
        """How many of the held-out images would be answered at this error rate."""
        found = self.guarantee(rate)
        return 0 if found is None else found.answered

    def doubts(
        self, count: int, certainty: Tensor | None, features: Tensor | None, threshold: float
    ) -> list[tuple[str, ...]]:
        """For each image of a batch, what speaks against the prediction.

        Args:
            count: B.
            certainty: [B], of the task.
            features: [B, F]; not needed without `outliers`.
            threshold: The lowest certainty that is not `unsure`.
        """
        unsure: Flags = np.zeros(count, np.bool_)
        if certainty is not None:
            unsure = ~(certainty.cpu().double().numpy() >= threshold)
        unlike: Flags = np.zeros(count, np.bool_)
        if self.outliers is not None and features is not None:
            if features.shape[1] != len(self.outliers.mean):
                raise ModelFileError(
                    f"its card describes {len(self.outliers.mean):,} features, the network has "
                    f"{features.shape[1]:,}; use another copy of the file"
                )
            unlike = self.outliers.flags(features.numpy())
        both = zip(unsure.tolist(), unlike.tolist(), strict=True)
        return [(UNSURE,) * one + (UNLIKE,) * other for one, other in both]

    def to_json(self) -> dict[str, Any]:
        """For the card of a model file."""
        values: dict[str, Any] = {"why_not": self.why_not}
        if len(self.scores):
            values["scores"] = _packed(self.scores)
            values["right"] = _packed(np.packbits(self.right))
        if self.outliers is not None:
            values["layer"] = self.layer
            values["outliers"] = _outliers_json(self.outliers)
        return values


def _percent(rate: float) -> str:
    return f"{100 * rate:.3g}%"


def scores_of(certainty: Tensor, right: Flags, seed: int) -> tuple[Scores, Flags]:
    """The scores to store and whether their predictions were correct, highest first.

    Args:
        certainty: [N], of the task.
        right: [N].
        seed: Draws the images to store, of more than `MOST`.
    """
    scores = certainty.cpu().numpy().astype(np.float32)
    good = np.flatnonzero(np.isfinite(scores))
    chosen = good[permutation(key_for(seed, "confidence"), len(good))[:MOST]]
    chosen = chosen[np.argsort(-scores[chosen], kind="stable")]
    return scores[chosen], right[chosen]


def confidence_of(card: Card) -> Confidence:
    """What a model file knows of how far its predictions can be trusted.

    Raises:
        ModelFileError: It is damaged.
    """
    if not card.confidence:
        return Confidence()
    try:
        return _from_json(card.confidence)
    except (KeyError, TypeError, ValueError):
        raise ModelFileError(
            "what its card says about confidence is damaged; use another copy of the file"
        ) from None


def _from_json(values: Mapping[str, Any]) -> Confidence:
    why_not = values["why_not"]
    scores, right = np.zeros(0, np.float32), np.zeros(0, np.bool_)
    if "scores" in values:
        scores = _unpacked(values["scores"], np.float32, MOST)
        flags = _unpacked(values["right"], np.uint8, MOST)
        right = np.unpackbits(flags, count=len(scores)).astype(np.bool_)
        _require(len(flags) == -(-len(scores) // 8) and bool(np.isfinite(scores).all()))
    learned, layer = None, ""
    if "outliers" in values:
        learned, layer = _outliers_from(values["outliers"]), values["layer"]
    _require(isinstance(why_not, str) and isinstance(layer, str))
    return Confidence(scores, right, learned, layer, why_not)


def _outliers_json(learned: Outliers) -> dict[str, Any]:
    return {
        "mean": _packed(learned.mean),
        "directions": _packed(learned.directions),
        "variances": learned.variances.tolist(),
        "rest": learned.rest,
        "length": list(learned.length),
        "threshold": learned.threshold,
        "false_alarms": outliers.FALSE_ALARMS,
        "images": learned.images,
        "held_out": learned.held_out,
    }


def _outliers_from(values: Mapping[str, Any]) -> Outliers:
    variances, length = values["variances"], values["length"]
    _require(fits(list[Amount], variances) and fits(list[float], length) and len(length) == 2)
    numbers = [*variances, values["rest"], length[1]]
    _require(fits(list[float], numbers) and all(number > 0 for number in numbers))
    _require(fits(float, values["threshold"]))
    _require(fits(Count, values["images"]) and fits(Count, values["held_out"]))
    mean = _unpacked(values["mean"], np.float32, outliers.WIDEST)
    directions = _unpacked(values["directions"], np.float32, outliers.BYTES // 4)
    _require(len(directions) == len(variances) * len(mean) > 0)
    _require(bool(np.isfinite(mean).all() and np.isfinite(directions).all()))
    return Outliers(
        mean, directions.reshape(len(variances), len(mean)), np.asarray(variances, np.float64),
        float(values["rest"]), (float(length[0]), float(length[1])), float(values["threshold"]),
        values["images"], values["held_out"],
    )  # fmt: skip


def _require(fine: bool) -> None:
    if not fine:
        raise ValueError


def _packed(array: NDArray[Any]) -> str:
    little = array.astype(array.dtype.newbyteorder("<"))
    return base64.b64encode(little.tobytes()).decode()


def _unpacked(text: str, kind: type[Any], most: int) -> NDArray[Any]:
    dtype = np.dtype(kind).newbyteorder("<")
    _require(isinstance(text, str) and len(text) <= math.ceil(most * dtype.itemsize / 3) * 4)
    return np.frombuffer(base64.b64decode(text, validate=True), dtype).astype(kind)
