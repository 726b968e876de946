"""What may be wrong with the boxes of one image, judged by themselves.

Legend: n boxes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from onestop.metrics.objects import box_iou

_TINY = 3  # pixels
_WHOLE = 0.98  # of the picture's width and height
_SAME = 0.95  # overlap from which on two boxes are one
_MANY = 3000  # boxes in an image from which on they are not compared with each other


def box_faults(
    boxes: NDArray[np.float32], names: Sequence[str], size: tuple[int, int]
) -> Iterator[tuple[str, str]]:
    """The kind of each fault, and which box has it.

    Args:
        boxes: x1, y1, x2, y2 in pixels, [n, 4].
        names: Their classes.
        size: Height and width of the image.
    """
    height, width = size
    sides = boxes[:, 2:] - boxes[:, :2]
    for k in np.flatnonzero((sides < _TINY).any(1)).tolist():
        yield f"boxes under {_TINY} pixels", f"{_named(names, k)}: {_size(sides[k])}"
    for k in np.flatnonzero((sides > _WHOLE * np.array([width, height])).all(1)).tolist():
        yield "boxes of the whole picture", f"{_named(names, k)}: {_size(sides[k])}"
    if 1 < len(boxes) <= _MANY:
        yield from _doubled(boxes, names)


def _doubled(boxes: NDArray[np.float32], names: Sequence[str]) -> Iterator[tuple[str, str]]:
    first, second = np.nonzero(np.triu(box_iou(boxes, boxes) >= _SAME, 1))
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        if names[a] == names[b]:
            yield "boxes drawn twice", f"{_named(names, a)} and object {b + 1}"
        else:
            yield "boxes of two classes", f"{_named(names, a)} and {_named(names, b)}"


def _named(names: Sequence[str], number: int) -> str:
    return f"object {number + 1} ({names[number]})"


def _size(sides: NDArray[np.float32]) -> str:
    return f"{sides[0]:.3g} x {sides[1]:.3g} pixels"
