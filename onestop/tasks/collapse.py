"""Whether a network predicts one and the same for everything, and what that usually comes from.

Its accuracy can look like a result (that of the largest class), and its training loss may fall: only
the predictions of a split, side by side, show it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onestop.tasks.prediction import Prediction

_WRONG = 2  # images that are something else; of fewer nothing can be said
_NARROW = 0.01  # range of predicted numbers, relative to that of the true ones


def same_for_all(predictions: Sequence[Prediction], noun: str) -> str:
    """A line if all images of several classes or labels get the same ones predicted; else empty.

    Args:
        predictions: For the images of a split.
        noun: What the names are called, such as `classes`.
    """
    judged = [one for one in predictions if one.truth is not None]
    predicted = {one.predicted_text for one in judged}
    truths = Counter(one.truth_text for one in judged)
    if len(predicted) != 1 or len(truths) < 2:
        return ""
    (text,) = predicted
    wrong = len(judged) - truths[text]
    if wrong < _WRONG:
        return ""
    largest, count = truths.most_common(1)[0]
    share = f"{count / len(judged):.0%} of the images"
    unequal = f"{noun} of unequal size (the largest, {largest!r}, has {share})"
    return (
        f"{text!r} is predicted for all {len(judged):,} images, and is wrong for {wrong:,} of them; "
        f"{_causes(unequal)}"
    )


def same_number_for_all(predictions: Sequence[Prediction]) -> str:
    """A line if nearly the same number is predicted for everything, while the true ones differ."""
    judged = [one for one in predictions if one.truth]
    predicted = [one.score for one in judged if one.score is not None]
    if len(judged) <= _WRONG or len(predicted) < len(judged):
        return ""
    wanted = [float(one.truth_text) for one in judged]
    low, high, smallest, largest = min(predicted), max(predicted), min(wanted), max(wanted)
    if not high - low < _NARROW * (largest - smallest):
        return ""
    extremes = "a few true numbers that are far from the others"
    return (
        f"nearly the same is predicted for all {len(judged):,} samples, {low:.4g} to {high:.4g}, and "
        f"{smallest:.4g} to {largest:.4g} are true; {_causes(extremes)}"
    )


def _causes(last: str) -> str:
    return (
        "likely causes, the likeliest first: running statistics that are not those of the images (in a "
        "network with BatchNorm, after few steps or small batches), too few epochs, too high or too "
        f"low a learning rate, images that look alike once they are prepared, {last}"
    )
