"""Where the objects of an image lie in the network's input: how they follow preprocessing and moves.

Legend: n objects, P key points, H and W height and width of an original image, h and w of the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from onestop.data.shapes import sampled
from onestop.metrics.rle import Rle

if TYPE_CHECKING:
    from onestop.data.augmentation import Moves
    from onestop.data.preprocess import Preprocessing

VISIBLE = 0.25
"""Smallest part of a box that must be left in the picture, else the object is left out."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Placement:
    """From an original image to the input: x * scale + offset; a mirrored one has a negative scale.

    Attributes:
        size: h and w.
        scale: In x and y.
        offset: In x and y.
        window: Where there is picture and not the black border of a shift: x1, y1, x2, y2.
        frame: Scale x and y, offset x and y before augmentation.
    """

    size: tuple[int, int]
    scale: tuple[float, float]
    offset: tuple[float, float]
    window: tuple[float, float, float, float]
    frame: tuple[float, float, float, float]

    @property
    def mirrored(self) -> bool:
        """Whether left and right have changed places."""
        return self.scale[0] < 0

    def boxes(self, boxes: Floats) -> tuple[Floats, NDArray[np.int64]]:
        """Boxes [n, 4] in the input, clipped, and the numbers of those that remain."""
        placed = boxes.astype(np.float64) * np.tile(self.scale, 2) + np.tile(self.offset, 2)
        if self.mirrored:
            placed = placed[:, [2, 1, 0, 3]]
        x1, y1, x2, y2 = self.window
        clipped = np.clip(placed, (x1, y1, x1, y1), (x2, y2, x2, y2))
        visible = _area(clipped) >= VISIBLE * _area(placed)
        clipped = clipped.astype(np.float32)
        sides = clipped[:, 2:] - clipped[:, :2]
        return clipped, np.flatnonzero(visible & (sides > 0).all(1))

    def draw(self, mask: Rle, box: Floats, onto: NDArray[np.uint8]) -> None:
        """Write a mask into an empty one of the input's size [h, w], within its box there.

        Each pixel takes the value at its middle: masks are not averaged, or objects would touch.
        """
        h, w = self.size
        left, top = np.floor(box[:2]).astype(int).tolist()
        right, bottom = np.ceil(box[2:]).astype(int).tolist()
        columns = np.arange(max(0, left - 1), min(w, right + 1))
        rows = np.arange(max(0, top - 1), min(h, bottom + 1))
        x = np.floor((columns + 0.5 - self.offset[0]) / self.scale[0]).astype(np.int64)
        y = np.floor((rows + 0.5 - self.offset[1]) / self.scale[1]).astype(np.int64)
        part = sampled(mask, y, x)
        x1, y1, x2, y2 = self.window
        part &= ((rows + 0.5 > y1) & (rows + 0.5 < y2))[:, None]
        part &= (columns + 0.5 > x1) & (columns + 0.5 < x2)
        onto[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = part

    def points(self, points: Floats, pairs: Sequence[tuple[int, int]] | None) -> Floats:
        """Key points [n, P, 3] in the input; what is outside the picture is absent.

        Args:
            points: In the original.
            pairs: Key points that change places when mirrored.
        """
        placed = points.astype(np.float64)
        placed[..., :2] = placed[..., :2] * self.scale + self.offset
        x1, y1, x2, y2 = self.window
        inside = (placed[..., :2] >= (x1, y1)).all(-1) & (placed[..., :2] <= (x2, y2)).all(-1)
        placed[~(inside & (placed[..., 2] > 0))] = 0
        if self.mirrored and pairs:
            order = np.arange(points.shape[1])
            for a, b in pairs:
                order[[a, b]] = b, a
            placed = placed[:, order]
        return placed.astype(np.float32)


def placement(
    size: tuple[int, int], preprocessing: Preprocessing | None, moves: Moves | None, row: int
) -> Placement:
    """Where the pixels of an image lie in its input.

    Args:
        size: H and W.
        preprocessing: How the image was prepared; None if it is as it was.
        moves: What augmentation did to the images of a batch.
        row: Which of them this is.
    """
    height, width = size
    frame = (1.0, 1.0, 0.0, 0.0)
    h, w = size
    if preprocessing is not None:
        frame, (h, w) = preprocessing.geometry(size), preprocessing.shape[-2:]
    (sx, sy, ox, oy), (x1, y1, x2, y2) = frame, (0.0, 0.0, float(w), float(h))
    if moves is not None and moves.crop is not None:
        top, left, tall, wide = moves.crop[row].tolist()
        sx, sy = w / (wide * width), h / (tall * height)
        ox, oy = -left * width * sx, -top * height * sy
    if moves is not None and moves.window is not None:
        top, left, tall, wide = moves.window[row].tolist()
        sx, ox = sx / wide, (ox - left * w) / wide
        sy, oy = sy / tall, (oy - top * h) / tall
        x1, x2 = (float(np.clip((x - left * w) / wide, 0, w)) for x in (0, w))
        y1, y2 = (float(np.clip((y - top * h) / tall, 0, h)) for y in (0, h))
    if moves is not None and moves.shift is not None:
        down, right = moves.shift[row].tolist()
        ox, oy = ox + right, oy + down
        x1, x2 = (float(np.clip(x + right, 0, w)) for x in (x1, x2))
        y1, y2 = (float(np.clip(y + down, 0, h)) for y in (y1, y2))
    if moves is not None and moves.flip is not None and bool(moves.flip[row]):
        sx, ox, x1, x2 = -sx, w - ox, w - x2, w - x1
    return Placement((h, w), (sx, sy), (ox, oy), (x1, y1, x2, y2), frame)


def _area(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    area: NDArray[np.float64] = sides[:, 0] * sides[:, 1]
    return area
