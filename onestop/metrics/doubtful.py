"""True objects that a detector contradicts: forgotten ones, invented ones, and those of another class.

Legend: n true objects, m predicted ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from onestop.metrics.objects import ImageObjects, box_iou

SURE = 0.8
"""From which score on a detector is believed against the annotation."""
FAINT = 0.1
"""Score below which it has not seen an object."""
MISSED = 0.2
"""Share of the objects of a class from which on those that it has not seen prove nothing."""
_SAME = 0.5  # from which overlap on two boxes are of one object
_NEAR = 0.2  # below which overlap they have nothing to do with each other


@dataclass(frozen=True)
class Doubtful:
    """A place where annotation and detector contradict each other.

    Attributes:
        true: Number of the true object; None where one seems to be missing.
        found: Number of the predicted object; None where there seems to be none.
        score: How sure it is that the annotation is wrong, 0 to 1.
    """

    true: int | None
    found: int | None
    score: float


def doubtful_in(
    images: Sequence[tuple[ImageObjects, ImageObjects]], classes: int
) -> list[tuple[int, Doubtful]]:
    """What annotations and a detector say differently, with the number of the image.

    Args:
        images: True and predicted objects of each.
        classes: Of objects. One of which the detector misses many has no invented objects.
    """
    every = [(k, doubt) for k, pair in enumerate(images) for doubt in doubtful(*pair)]
    total, unseen = np.zeros(classes, np.int64), np.zeros(classes, np.int64)
    for true, _ in images:
        total += np.bincount(true.classes[~true.crowds], minlength=classes)
    for k, doubt in every:
        if doubt.found is None:
            unseen[images[k][0].classes[doubt.true]] += 1
    judges = unseen <= MISSED * total
    return [
        (k, doubt)
        for k, doubt in every
        if doubt.found is not None or judges[images[k][0].classes[doubt.true]]
    ]


def doubtful(true: ImageObjects, found: ImageObjects) -> list[Doubtful]:
    """What an annotation and a detector say differently of an image, in no order.

    Args:
        true: As annotated; crowds hide what lies in them.
        found: With all scores, also low ones.
    """
    overlap = box_iou(found.boxes, true.boxes, true.crowds)  # [m, n]
    doubts = [
        Doubtful(None, i, float(found.scores[i]))
        for i in range(len(found))
        if found.scores[i] >= SURE and overlap[i].max(initial=0) < _NEAR
    ]
    for j in np.flatnonzero(~true.crowds).tolist():
        same = found.classes == true.classes[j]
        own = float(found.scores[same & (overlap[:, j] >= _NEAR)].max(initial=0))
        if own >= FAINT:
            continue
        others = np.flatnonzero(~same & (overlap[:, j] >= _SAME))
        best = int(others[found.scores[others].argmax()]) if len(others) else None
        if best is None or found.scores[best] < FAINT:
            doubts.append(Doubtful(j, None, 1 - own))
        elif found.scores[best] >= SURE:
            doubts.append(Doubtful(j, best, float(found.scores[best])))
    return doubts
