"""Anchors: the boxes that regions are proposed from, fitted to the objects of a data set.

torchvision's are for COCO at 800 pixels: 32 to 512 pixels, of which cells of 20 pixels match none.

Legend: N boxes, L levels of the feature pyramid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCALES = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))
"""Anchor sizes of a level relative to its smallest, so that three of them cover an octave."""
_FEW = 8  # boxes below which their sizes and shapes say little
_SMALLEST, _LARGEST = 1.5, 8.0  # of the smallest anchor, in strides of the finest level
_ALIKE = 1.25  # ratios that differ by less count as one


def fitted(sizes: NDArray[np.floating]) -> dict[str, Any]:
    """What is kept of the training boxes: the size of the small ones, and their shapes.

    Args:
        sizes: Width and height of each box in pixels of the input, [N, 2].

    Returns:
        `smallest`, the side of a square with the area of a small box, in pixels; `ratios`, heights
        over widths. Empty if there are too few boxes.
    """
    sizes = sizes[(sizes > 0).all(1)].astype(np.float64)
    if len(sizes) < _FEW:
        return {}
    side, ratio = np.sqrt(sizes.prod(1)), sizes[:, 1] / sizes[:, 0]
    low, middle, high = np.quantile(ratio, (0.1, 0.5, 0.9)).tolist()
    ratios = [middle]
    if middle / low > _ALIKE:
        ratios.insert(0, low)
    if high / middle > _ALIKE:
        ratios.append(high)
    return {
        "smallest": round(float(np.quantile(side, 0.05)), 2),
        "ratios": [round(value, 3) for value in ratios],
    }


def per_level(
    anchors: Mapping[str, Any], strides: Sequence[int]
) -> tuple[list[list[float]], list[float]]:
    """Sizes of the anchors of each level, [L] of three each, and their shapes.

    Args:
        anchors: What `fitted` gave; empty for anchors of four strides and upwards, of three shapes.
        strides: Of the levels, [L].
    """
    finest = strides[0]
    smallest = anchors.get("smallest", 4.0 * finest)
    smallest = min(max(smallest, _SMALLEST * finest), _LARGEST * finest)
    sizes = [[smallest * stride / finest * scale for scale in SCALES] for stride in strides]
    return sizes, list(anchors.get("ratios", (0.5, 1.0, 2.0)))
