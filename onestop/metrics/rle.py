"""Masks as run lengths, as COCO has them: column by column, beginning with a run of zeros.

A mask of 12 megapixels takes a few kilobytes instead of twelve million. Does not import torch.

Legend: H and W height and width of the image, R runs, N and M masks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Rle:
    """One mask.

    Attributes:
        size: H and W.
        counts: Lengths of the runs, of zeros and ones in turn, int64 [R]; their sum is H * W.
    """

    size: tuple[int, int]
    counts: NDArray[np.int64] = field(repr=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rle):
            return NotImplemented
        return self.size == other.size and np.array_equal(self.counts, other.counts)

    def __hash__(self) -> int:
        return hash((self.size, self.counts.tobytes()))

    @property
    def area(self) -> int:
        """Pixels of the mask."""
        return int(self.counts[1::2].sum())

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The smallest box around it: x1, y1, x2, y2, ends exclusive; zeros if it is empty."""
        starts, ends = _ones(self)
        if not len(starts):
            return 0, 0, 0, 0
        height = self.size[0]
        left, right = starts // height, (ends - 1) // height
        top, bottom = starts % height, (ends - 1) % height
        if (left != right).any():  # a run over several columns reaches from top to bottom
            return int(left.min()), 0, int(right.max()) + 1, height
        return int(left.min()), int(top.min()), int(right.max()) + 1, int(bottom.max()) + 1

    def decode(self) -> Mask:
        """The mask, bool [H, W]."""
        values = np.zeros(len(self.counts), np.bool_)
        values[1::2] = True
        height, width = self.size
        return np.repeat(values, self.counts).reshape(width, height).T


def encode(mask: NDArray[Any]) -> Rle:
    """A mask [H, W], true where it is not 0, as runs."""
    height, width = mask.shape
    flat = np.asarray(mask, np.bool_).T.reshape(-1)
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    edges = np.concatenate([[0], changes, [len(flat)]]).astype(np.int64)
    counts = np.diff(edges)
    if len(flat) and flat[0]:
        counts = np.concatenate([[0], counts])
    return Rle((height, width), counts.astype(np.int64))


def pasted(patch: Mask, left: int, top: int, size: tuple[int, int]) -> Rle:
    """A mask that is empty but for a patch [h, w] that lies within the image of H x W pixels."""
    height, width = size
    columns = np.zeros((patch.shape[1], height), np.bool_)
    columns[:, top : top + patch.shape[0]] = patch.T
    flat = columns.reshape(-1)
    changes = np.flatnonzero(np.diff(flat, prepend=False, append=False)) + left * height
    return Rle(size, np.diff(np.concatenate([[0], changes, [height * width]])).astype(np.int64))


def iou(
    ours: Sequence[Rle], theirs: Sequence[Rle], crowd: Sequence[bool] = ()
) -> NDArray[np.float64]:
    """Intersection over union of masks, [N, M]; over our own area where theirs is a crowd."""
    result = np.zeros((len(ours), len(theirs)))
    for i, one in enumerate(ours):
        for j, other in enumerate(theirs):
            common = intersection(one, other)
            whole = one.area if len(crowd) and crowd[j] else one.area + other.area - common
            result[i, j] = common / whole if whole else 0.0
    return result


def intersection(one: Rle, other: Rle) -> int:
    """Pixels that both masks have."""
    starts, ends = _ones(one)
    their_starts, their_ends = _ones(other)
    if not len(starts) or not len(their_starts):
        return 0
    edges = np.concatenate([[0], np.cumsum(their_ends - their_starts)])

    def covered(place: NDArray[np.int64]) -> NDArray[np.int64]:
        """Pixels of the other mask before each place."""
        run = np.searchsorted(their_starts, place, side="right")
        last = np.maximum(run - 1, 0)
        over = np.minimum(place - their_starts[last], their_ends[last] - their_starts[last])
        return np.where(run > 0, edges[last] + over, 0)

    return int((covered(ends) - covered(starts)).sum())


def union(masks: Sequence[Rle]) -> Rle:
    """The pixels that any of some masks of one image has."""
    joined = masks[0].decode().copy()
    for mask in masks[1:]:
        joined |= mask.decode()
    return encode(joined)


def to_coco(mask: Rle) -> dict[str, Any]:
    """A mask as COCO's JSON has it, with the runs as text."""
    return {"size": list(mask.size), "counts": _text(mask.counts)}


def from_coco(values: Mapping[str, Any]) -> Rle:
    """A mask from COCO's JSON, with the runs as text, bytes or a list.

    Raises:
        ValueError: The runs do not add up to the size.
    """
    height, width = (int(side) for side in values["size"])
    counts = values["counts"]
    if isinstance(counts, bytes):
        counts = counts.decode("ascii")
    runs = _runs(counts) if isinstance(counts, str) else np.asarray(counts, np.int64)
    if runs.ndim != 1 or (runs < 0).any() or runs.sum() != height * width:
        raise ValueError(f"the runs of a mask do not add up to {height} x {width}")
    return Rle((height, width), runs)


def _ones(mask: Rle) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where runs of ones begin and end, in pixels column by column."""
    edges = np.cumsum(mask.counts)
    starts, ends = edges[0::2][: len(edges) // 2], edges[1::2]
    filled = ends > starts
    return starts[filled], ends[filled]


def _text(counts: NDArray[np.int64]) -> str:
    """COCO's text for runs: differences to the run before the last, five bits a character."""
    characters: list[str] = []
    values = counts.tolist()
    for place, value in enumerate(values):
        rest = value - values[place - 2] if place > 2 else value
        more = True
        while more:
            bits = rest & 31
            rest >>= 5
            more = rest != (-1 if bits & 16 else 0)
            characters.append(chr((bits | 32 if more else bits) + 48))
    return "".join(characters)


def _runs(text: str) -> NDArray[np.int64]:
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            raise ValueError("the runs of a mask are not COCO's text")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value |= -1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    return np.asarray(counts, np.int64)
