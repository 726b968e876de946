"""Outlines of objects: polygons, and masks as run lengths, sampled at the pixels that are asked for.

A mask is never decoded at the size of its image: only the pixels of the network's input are looked up.

Legend: H and W height and width of an image, n corners of a polygon, h and w rows and columns sampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from onestop.metrics.rle import Rle

Corners: TypeAlias = NDArray[np.float64]
"""x and y of each corner of a polygon, [n, 2]."""

_FINE = 5  # steps per pixel in which COCO's rule walks along an edge


@dataclass(frozen=True, eq=False)
class Polygons:
    """The outline of an object, in one or several parts.

    Attributes:
        parts: Corners in pixels of the image.
    """

    parts: tuple[Corners, ...]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The smallest box around all corners: x1, y1, x2, y2."""
        corners = np.concatenate(self.parts)
        (x1, y1), (x2, y2) = corners.min(0).tolist(), corners.max(0).tolist()
        return x1, y1, x2, y2

    @property
    def area(self) -> float:
        """The sum of the areas of the parts, in square pixels."""
        return float(sum(_area(part) for part in self.parts))

    def rle(self, size: tuple[int, int]) -> Rle:
        """The pixels inside any part, as COCO's own tools fill polygons.

        Args:
            size: H and W.
        """
        masks = [filled(part, size) for part in self.parts]
        return masks[0] if len(masks) == 1 else _union(masks)


Shape: TypeAlias = Polygons | Rle
"""The outline of one object."""


def as_rle(shape: Shape, size: tuple[int, int]) -> Rle:
    """An outline as run lengths."""
    return shape.rle(size) if isinstance(shape, Polygons) else shape


def filled(corners: Corners, size: tuple[int, int]) -> Rle:
    """The pixels inside a polygon.

    The same pixels as `rleFrPoly` of COCO's tools (pycocotools, maskApi.c): edges are walked in fifths
    of a pixel, and a column changes between inside and outside where an edge crosses its middle.

    Args:
        corners: [n, 2]; closed, the last corner is joined to the first.
        size: H and W.
    """
    height, width = size
    x, y = _walk(corners)
    crossed = np.flatnonzero(x[1:] != x[:-1]) + 1
    to, start = x[crossed], x[crossed - 1]
    column = (np.where(to < start, to, to - 1) + 0.5) / _FINE - 0.5
    row = (np.minimum(y[crossed], y[crossed - 1]) + 0.5) / _FINE - 0.5
    kept = (np.floor(column) == column) & (column >= 0) & (column <= width - 1)
    row = np.ceil(np.clip(row[kept], 0, height)).astype(np.int64)
    places = np.sort(column[kept].astype(np.int64) * height + row)
    return _toggled(places, size)


def sampled(mask: Rle, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The values of a mask at some rows and columns, [h, w]; False outside the image."""
    height, width = mask.size
    ends = np.cumsum(mask.counts)
    places = columns[None, :] * height + rows[:, None]
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    run = np.searchsorted(ends, np.where(inside, places, 0), side="right")
    values: NDArray[np.bool_] = (run % 2 == 1) & inside
    return values


def outline_of_box(box: Sequence[float]) -> Polygons:
    """A box as a polygon."""
    x1, y1, x2, y2 = (float(side) for side in box)
    return Polygons((np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)]),))


def _walk(corners: Corners) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Points along all edges, in steps of a fifth of a pixel."""
    points = np.trunc(_FINE * corners + 0.5).astype(np.int64)
    start, end = points, np.roll(points, -1, axis=0)
    flat = np.abs(end[:, 0] - start[:, 0]) >= np.abs(end[:, 1] - start[:, 1])
    back = np.where(flat, start[:, 0] > end[:, 0], start[:, 1] > end[:, 1])
    low = np.where(back[:, None], end, start)
    high = np.where(back[:, None], start, end)
    run = high - low
    length = np.where(flat, run[:, 0], run[:, 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(flat, run[:, 1], run[:, 0]) / length
    slope = np.nan_to_num(slope)
    edge = np.repeat(np.arange(len(points)), length + 1)
    first = np.cumsum(length + 1) - (length + 1)
    step = np.arange(len(edge)) - first[edge]
    step = np.where(back[edge], length[edge] - step, step)
    along = np.where(flat, low[:, 0], low[:, 1])[edge] + step
    across = np.trunc(np.where(flat, low[:, 1], low[:, 0])[edge] + slope[edge] * step + 0.5)
    across = across.astype(np.int64)
    on_flat = flat[edge]
    return np.where(on_flat, along, across), np.where(on_flat, across, along)


def _toggled(places: NDArray[np.int64], size: tuple[int, int]) -> Rle:
    """The mask whose value changes at each of some sorted places, counted column by column."""
    height, width = size
    values, times = np.unique(places, return_counts=True)
    changes = values[(times % 2 == 1) & (values < height * width)]
    return Rle(size, np.diff(np.concatenate([[0], changes, [height * width]])).astype(np.int64))


def _union(masks: Sequence[Rle]) -> Rle:
    """The pixels that any of several masks has, without decoding them."""
    starts = np.concatenate(
        [np.cumsum(mask.counts)[0::2][: len(mask.counts) // 2] for mask in masks]
    )
    ends = np.concatenate([np.cumsum(mask.counts)[1::2] for mask in masks])
    order = np.argsort(np.concatenate([starts, ends]), kind="stable")
    places = np.concatenate([starts, ends])[order]
    depth = np.cumsum(np.concatenate([np.ones(len(starts)), -np.ones(len(ends))])[order])
    before = np.concatenate([[0], depth[:-1]])
    return _toggled(places[(depth > 0) != (before > 0)], masks[0].size)


def _area(corners: NDArray[Any]) -> float:
    x, y = corners.T
    return float(abs((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2)
