"""A precision-recall curve.

Legend: T distinct scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """Precision and recall of one class or label at each of its distinct scores, highest score first.

    Recall never decreases. Between two points, the curve has the precision of the second
    (`drawstyle="steps-pre"`), so the area under it is the average precision.

    Attributes:
        recall: [T] fraction of the positive images with a score at or above the threshold.
        precision: [T] fraction of positive images among those with a score at or above the threshold.
        thresholds: [T] scores.
    """

    recall: Floats
    precision: Floats
    thresholds: Floats
