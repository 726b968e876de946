"""Large images in tiles: where these lie, and the objects of all of them as those of one image.

As SAHI does (Akyon et al. 2022, https://arxiv.org/abs/2202.06934). Does not import torch.

Legend: n objects, H and W height and width of the image.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from onestop.metrics.objects import ImageObjects, box_areas, box_iou
from onestop.metrics.rle import Rle, pasted

Tile: TypeAlias = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of the image."""

OVERLAP = 0.25
"""Part of a tile's side that its neighbour shows too: objects up to that size are whole in one."""
SAME = 0.5
"""From which overlap on objects of two tiles are the same one."""
_EDGE = 0.01  # of a tile's side: what comes that near to its border is cut off there


def tiles_of(size: tuple[int, int], side: int) -> list[Tile]:
    """The tiles of an image, and last the whole of it, for objects that are larger than a tile.

    Args:
        size: H and W.
        side: Of a tile, in pixels.

    >>> tiles_of((100, 130), 100)
    [(0, 0, 100, 100), (30, 0, 130, 100), (0, 0, 130, 100)]
    """
    height, width = size
    whole = (0, 0, width, height)
    if max(size) <= side:
        return [whole]
    corners = [(x, y) for y in _starts(height, side) for x in _starts(width, side)]
    return [(x, y, min(x + side, width), min(y + side, height)) for x, y in corners] + [whole]


def _starts(length: int, side: int) -> list[int]:
    """Where tiles begin: evenly spaced, the last one at the end."""
    if length <= side:
        return [0]
    count = 1 + int(np.ceil((length - side) / (side * (1 - OVERLAP))))
    return [round(k * (length - side) / (count - 1)) for k in range(count)]


def joined(
    parts: Sequence[tuple[ImageObjects, Tile]], size: tuple[int, int], side: int
) -> ImageObjects:
    """The objects of all tiles in pixels of the image, each once, best first.

    Of several alike in class and place the one with the highest score is kept; but one that is cut off
    by a border of its tile gives way to any whole one that contains most of it.

    Args:
        parts: What was found in each tile, in its own pixels.
        size: H and W.
        side: Of a tile.
    """
    moved = [_moved(found, tile, size) for found, tile in parts]
    every = _together(moved, size)
    numbers = np.repeat(np.arange(len(parts)), [len(found) for found in moved])
    cut = np.concatenate([
        np.zeros(0, np.bool_),
        *(_cut(found, tile, size, side) for found, (_, tile) in zip(moved, parts, strict=True)),
    ])  # fmt: skip
    kept = _each_once(every, numbers, cut)
    return every.take(kept[np.argsort(-every.scores[kept], kind="stable")])


def _moved(found: ImageObjects, tile: Tile, size: tuple[int, int]) -> ImageObjects:
    left, top = tile[:2]
    shift = np.array([left, top, left, top], np.float32)
    points, masks = found.points, found.masks
    if points is not None:
        points = points + np.array([left, top, 0], np.float32)
    if masks is not None:
        masks = tuple(_pasted(mask, left, top, size) for mask in masks)
    boxes = found.boxes + shift
    return dataclasses.replace(found, size=size, boxes=boxes, points=points, masks=masks)


def _pasted(mask: Rle, left: int, top: int, size: tuple[int, int]) -> Rle:
    return mask if mask.size == size else pasted(mask.decode(), left, top, size)


def _cut(found: ImageObjects, tile: Tile, size: tuple[int, int], side: int) -> NDArray[np.bool_]:
    """Whether boxes end at a border of the tile that is none of the image, [n]."""
    height, width = size
    left, top, right, bottom = tile
    near, boxes = max(1.0, _EDGE * side), found.boxes
    inner = np.array([left > 0, top > 0, right < width, bottom < height])
    distance = np.abs(boxes - np.array(tile, np.float32))
    result: NDArray[np.bool_] = ((distance < near) & inner).any(1)
    return result


def _together(parts: Sequence[ImageObjects], size: tuple[int, int]) -> ImageObjects:
    def column(name: str) -> Any:
        values = [getattr(part, name) for part in parts]
        return None if any(value is None for value in values) else np.concatenate(values)

    masks = [part.masks for part in parts]
    known = [mask for mask in masks if mask is not None]
    return ImageObjects(
        size, column("boxes"), column("classes"), column("scores"),
        masks=sum(known, ()) if len(known) == len(masks) else None, points=column("points"),
    )  # fmt: skip


def _each_once(
    every: ImageObjects, numbers: NDArray[np.int64], cut: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Which objects are kept; `numbers` are those of their tiles."""
    order = np.lexsort((-every.scores, cut))  # whole ones first, of these the best first
    areas, kept = box_areas(every.boxes), list[int]()
    for i in order.tolist():
        others = np.array(
            [k for k in kept if every.classes[k] == every.classes[i] and numbers[k] != numbers[i]],
            np.int64,
        )
        if len(others):
            overlap = box_iou(every.boxes[i : i + 1], every.boxes[others])[0]
            if cut[i]:
                both = areas[i] + areas[others]
                common = overlap * both / (1 + overlap)
                overlap = common / np.maximum(areas[i], 1e-12)
            if overlap.max() >= SAME:
                continue
        kept.append(i)
    return np.array(kept, np.int64)
