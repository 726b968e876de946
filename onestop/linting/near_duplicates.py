"""Near copies: a perceptual hash proposes pairs, small pictures laid over each other decide.

The hash is the pHash of imagehash (the signs of an image's lowest 64 cosine coefficients against their
median; C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, 3.2.1),
computed for all images together. Two hashes of copies differ in few bits, but so do some of images that
share nothing but a shape on a plain background. So each proposed pair is laid over each other, in many
small shifts and sizes, and must agree in its fine detail, and on the whole in colour.

Legend: N images; thumbs are [N, 32, 32] grey.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from onestop.data.prefetch import prefetch
from onestop.runtime.rng import key_for, permutation

_SIDE = 32
_BITS_APART = 12  # of 64, at most; a crop by a tenth of the side seldom changes more
_PROPOSED = (
    4.0  # pairs an image in each of twelve rounds; where all look alike, fewer bits may differ
)
# Correlation of fine detail from which on two images are the same, and from which on they are if their
# colours on the whole differ by no more than this (of 255); see benchmarks/lint_copies.py.
_SURELY, _LIKELY, _COLORS_APART = 0.8, 0.65, 18.0
# Simple drawings (digits, shapes) agree by chance. So the agreement asked for lies at least so many
# spreads above that of two images taken at random (a spread is 0.05 for photographs, 0.1 for MNIST).
_SPREADS, _NEVER_ABOVE = 11.0, 0.985
_AT_RANDOM = 20_000  # pairs
_CROPS_UP_TO = 200_000  # images; beyond, looking for cropped ones too would take hours
_BLOCK = (32, 8192)  # hashes compared at once: what the caches hold
_PAIRS = 2000  # laid over each other at once


@dataclass(frozen=True)
class Window:
    """A part of an image: its middle (0 is the image's own, 1 its edge) and its share of the side."""

    y: float = 0.0
    x: float = 0.0
    share: float = 1.0


_WHOLE = Window()
# The middle and the four corners of an image, one and a half pixels of 32 left out at each side.
_MARGIN = 3 / _SIDE
CROPS = tuple(
    Window(y * _MARGIN, x * _MARGIN, 1 - _MARGIN)
    for y, x in ((0, 0), (-1, -1), (-1, 1), (1, -1), (1, 1))
)
_FINE = (
    _WHOLE,
    *(
        Window(y * (1 - share), x * (1 - share), share)
        for share in (0.97, 0.94, 0.91, 0.88)
        for y in (-1, 0, 1)
        for x in (-1, 0, 1)
    ),
)


def alike(
    thumbs: NDArray[np.uint8],
    colors: NDArray[np.float32],
    workers: int,
    watch: Callable[[int, int], None],
) -> list[tuple[int, int]]:
    """Pairs of near copies, each once, the smaller number first.

    Found are images compressed anew, resized, mirrored, and, up to 200,000 images, cropped by up to
    about a tenth of their sides. Time and candidates grow with N squared: two cores compare the
    50,000 images of CIFAR-10 in about two minutes.

    Args:
        thumbs: [N, 32, 32].
        colors: [N, 3], the mean red, green and blue.
        workers: Threads.
        watch: Called with how many rounds are done and how many there are.
    """
    bits = _bits_apart(hashes(thumbs))
    windows = (_WHOLE, *CROPS) if len(thumbs) <= _CROPS_UP_TO else (_WHOLE,)
    proposed, rounds = set(), 0
    for mirrored in (False, True):
        asked = hashes(thumbs[:, :, ::-1] if mirrored else thumbs)
        for window in windows:
            own = asked if window is _WHOLE and not mirrored else hashes(_cut(thumbs, window))
            # Whole images lie over each other alike both ways; with a crop it matters which is cut.
            for a, b in _near(asked, own, bits, workers, once=window is _WHOLE):
                if a != b:
                    proposed.add((a, b, mirrored))
            rounds += 1
            watch(rounds, 2 * len(windows) + 1)
    return sorted(_agreeing(thumbs, colors, sorted(proposed), workers))


def hashes(thumbs: NDArray[np.generic]) -> NDArray[np.uint64]:
    """The pHash of each image, [N]."""
    from scipy.fft import dct

    found = []
    for start in range(0, len(thumbs), _BLOCK[1]):
        part = thumbs[start : start + _BLOCK[1]].astype(np.float64)
        low = dct(dct(part, axis=1), axis=2)[:, :8, :8].reshape(-1, 64)
        bits = np.packbits(low > np.median(low, axis=1, keepdims=True), axis=1)
        found.append(bits.view(np.uint64)[:, 0])
    return np.concatenate(found) if found else np.empty(0, np.uint64)


def _bits_apart(own: NDArray[np.uint64]) -> int:
    """How many bits two hashes may differ in, so that an image has few others near it on average."""
    some = own[permutation(key_for("lint bits"), len(own))[:1000]]
    counts = np.zeros(65)
    for start in range(0, len(own), _BLOCK[1]):
        apart = np.bitwise_count(some[:, None] ^ own[None, start : start + _BLOCK[1]])
        counts += np.bincount(apart.ravel(), minlength=65)
    near = np.cumsum(counts) / len(some) - 1  # all but itself
    return min(_BITS_APART, max(0, int((near <= _PROPOSED).sum()) - 1))


def _near(
    asked: NDArray[np.uint64], own: NDArray[np.uint64], bits: int, workers: int, *, once: bool
) -> Iterator[tuple[int, int]]:
    """Numbers of hashes that differ in few bits; where `once`, only with the first the smaller."""
    rows, columns = _BLOCK

    def compare(start: int) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for other in range(start // columns * columns if once else 0, len(own), columns):
            apart = np.bitwise_count(
                asked[start : start + rows, None] ^ own[None, other : other + columns]
            )
            a, b = np.nonzero(apart <= bits)
            found += zip((a + start).tolist(), (b + other).tolist(), strict=True)
        return [(a, b) for a, b in found if a < b or not once]

    starts = ([start] for start in range(0, len(asked), rows))
    for parts in prefetch(starts, compare, workers):
        for part in parts:
            yield from part


def _agreeing(
    thumbs: NDArray[np.uint8],
    colors: NDArray[np.float32],
    proposed: list[tuple[int, int, bool]],
    workers: int,
) -> set[tuple[int, int]]:
    """Of proposed pairs (an image, one that may hold it, mirrored or not) those that agree."""
    detail = _detail(torch.from_numpy(thumbs))
    likely = max(_LIKELY, min(_NEVER_ABOVE, _by_chance(detail)))
    surely = max(_SURELY, likely)
    hues = torch.from_numpy(colors)
    maps = [_sampling(window) for window in _FINE]

    def judge(start: int) -> list[tuple[int, int]]:
        part = proposed[start : start + _PAIRS]
        numbers = torch.tensor([(a, b) for a, b, _ in part])
        mirrored = torch.tensor([m for *_, m in part])[:, None, None]
        image, holder = detail[numbers[:, 0]], detail[numbers[:, 1]]
        image = torch.where(mirrored, image.flip(2), image)[:, 2:-2, 2:-2]
        best = torch.full((len(part),), -1.0)
        wanted = _unit(image)
        for rows, columns in maps:
            best = torch.maximum(best, (_unit(rows @ holder @ columns.T) * wanted).sum(1))
        apart = hues[numbers[:, 0]] - hues[numbers[:, 1]]
        close = apart.square().mean(1).sqrt() <= _COLORS_APART
        good = (best >= surely) | (best >= likely) & close
        return [(min(part[i][:2]), max(part[i][:2])) for i in good.nonzero()[:, 0].tolist()]

    found: set[tuple[int, int]] = set()
    starts = ([start] for start in range(0, len(proposed), _PAIRS))
    for parts in prefetch(starts, judge, workers):
        found.update(pair for part in parts for pair in part)
    return found


def _by_chance(detail: Tensor) -> float:
    """An agreement that two images that have nothing to do with each other never reach."""
    some = _unit(detail[permutation(key_for("lint"), len(detail))[:_AT_RANDOM], 2:-2, 2:-2])
    turns = range(1, min(len(some), _AT_RANDOM // len(some) + 2))
    agreements = torch.cat([(some * some.roll(turn, 0)).sum(1) for turn in turns])
    usual = agreements.median()
    spread = 1.4826 * (agreements - usual).abs().median()  # that of most, as a standard deviation
    return float(usual + _SPREADS * spread)


def _detail(thumbs: Tensor) -> Tensor:
    """What a blur takes away from each image, [N, 32, 32]."""
    blur = torch.zeros(_SIDE, _SIDE)
    for row in range(_SIDE):
        for step, weight in enumerate((1, 4, 6, 4, 1), start=-2):
            column = abs(row + step)
            blur[row, column if column < _SIDE else 2 * _SIDE - 2 - column] += weight / 16
    blur = blur @ blur
    parts = torch.split(thumbs, _BLOCK[1])
    return torch.cat([part.float() - blur @ part.float() @ blur.T for part in parts])


def _sampling(window: Window, inner: int = _SIDE - 4) -> tuple[Tensor, Tensor]:
    """Matrices that cut a window out of rows and columns, two pixels left out around it."""
    return _weights(window.y, window.share, inner), _weights(window.x, window.share, inner)


def _weights(middle: float, share: float, count: int) -> Tensor:
    """Linear interpolation at `count` places in the middle of a window, [count, 32]."""
    places = (torch.arange(count) + 0.5 + (_SIDE - count) / 2) / _SIDE * 2 - 1
    places = (places * share + middle + 1) / 2 * _SIDE - 0.5
    left = places.floor().clamp(0, _SIDE - 2).long()
    part = (places - left).clamp(0, 1)
    weights, rows = torch.zeros(count, _SIDE), torch.arange(count)
    weights[rows, left], weights[rows, left + 1] = 1 - part, part
    return weights


def _cut(thumbs: NDArray[np.uint8], window: Window) -> NDArray[np.generic]:
    """A window of each image at the size of the whole, [N, 32, 32]."""
    if window is _WHOLE:
        return thumbs
    rows, columns = _sampling(window, _SIDE)
    parts = torch.split(torch.from_numpy(thumbs), _BLOCK[1])
    cut: NDArray[np.generic] = torch.cat([rows @ p.float() @ columns.T for p in parts]).numpy()
    return cut


def _unit(images: Tensor) -> Tensor:
    """Images as vectors of mean 0 and length 1; faint ones stay shorter, so that noise never agrees."""
    flat = images.reshape(len(images), -1)
    flat = flat - flat.mean(1, keepdim=True)
    length: Tensor = flat.square().sum(1, keepdim=True).sqrt()
    return flat / length.clamp_min(1.0)
