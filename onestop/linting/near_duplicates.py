"""Near-duplicate detection: a perceptual hash proposes pairs, correlation of thumbnails confirms them.

The hash is the pHash of imagehash (the lowest 64 cosine coefficients of an image thresholded at their
median; C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, 3.2.1),
computed for all images together. The hashes of copies differ in few bits, but so do those of some
images that share only a shape on a plain background. So the thumbnails of each candidate pair are
aligned in many small shifts and scales, and must agree in fine detail and in mean colour.

Legend: N images; thumbs are grey [N, 32, 32].
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
_BITS_APART = 12  # of 64, at most; cropping a tenth of the side rarely changes more
# Candidate pairs per image in each of twelve rounds; if all images are similar, fewer bits may differ.
_PROPOSED = 4.0
# Correlation of fine detail above which two images are duplicates; the lower threshold applies if their
# mean colours differ by no more than this (of 255). See benchmarks/lint_copies.py.
_SURELY, _LIKELY, _COLORS_APART = 0.8, 0.65, 18.0
# Simple drawings (digits, shapes) correlate at random. The threshold is therefore at least this many
# standard deviations above the correlation of random pairs (0.05 for photographs, 0.1 for MNIST).
_SPREADS, _NEVER_ABOVE = 11.0, 0.985
_RANDOM_PAIRS = 20_000
_CROPS_UP_TO = 200_000  # images; with more, searching for crops too would take hours
_BLOCK = (32, 8192)  # hashes compared at once; fits the CPU caches
_PAIRS = 2000  # aligned at once


@dataclass(frozen=True)
class Window:
    """A crop: its centre (0 is that of the image, 1 its edge) and its fraction of the image's side."""

    y: float = 0.0
    x: float = 0.0
    share: float = 1.0


_WHOLE = Window()
# Crops at the centre and the four corners, three of 32 pixels smaller than the image.
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


def near_duplicates(
    thumbs: NDArray[np.uint8],
    colors: NDArray[np.float32],
    workers: int,
    watch: Callable[[int, int], None],
) -> list[tuple[int, int]]:
    """Pairs of near copies, each once, the smaller index first.

    Finds images that were recompressed, resized, mirrored or, among up to 200,000 images, cropped by
    up to about a tenth of their sides. Time and candidates grow with N squared: two cores compare the
    50,000 images of CIFAR-10 in about two minutes.

    Args:
        thumbs: [N, 32, 32].
        colors: [N, 3], the mean red, green and blue.
        workers: Threads.
        watch: Progress callback: rounds done and total.
    """
    bits = _bits_apart(hashes(thumbs))
    windows = (_WHOLE, *CROPS) if len(thumbs) <= _CROPS_UP_TO else (_WHOLE,)
    candidates, rounds = set(), 0
    for mirrored in (False, True):
        queries = hashes(thumbs[:, :, ::-1] if mirrored else thumbs)
        for window in windows:
            keys = queries if window is _WHOLE and not mirrored else hashes(_cut(thumbs, window))
            # Comparing whole images is symmetric; with a crop it matters which one is cropped.
            for a, b in _near(queries, keys, bits, workers, once=window is _WHOLE):
                if a != b:
                    candidates.add((a, b, mirrored))
            rounds += 1
            watch(rounds, 2 * len(windows) + 1)
    return sorted(_confirmed(thumbs, colors, sorted(candidates), workers))


def hashes(thumbs: NDArray[np.generic]) -> NDArray[np.uint64]:
    """The pHash of each image, [N]."""
    from scipy.fft import dct

    blocks = []
    for start in range(0, len(thumbs), _BLOCK[1]):
        part = thumbs[start : start + _BLOCK[1]].astype(np.float64)
        low = dct(dct(part, axis=1), axis=2)[:, :8, :8].reshape(-1, 64)
        bits = np.packbits(low > np.median(low, axis=1, keepdims=True), axis=1)
        blocks.append(bits.view(np.uint64)[:, 0])
    return np.concatenate(blocks) if blocks else np.empty(0, np.uint64)


def _bits_apart(keys: NDArray[np.uint64]) -> int:
    """The number of differing bits at which an image still has few neighbours on average."""
    sample = keys[permutation(key_for("lint bits"), len(keys))[:1000]]
    counts = np.zeros(65)
    for start in range(0, len(keys), _BLOCK[1]):
        distances = np.bitwise_count(sample[:, None] ^ keys[None, start : start + _BLOCK[1]])
        counts += np.bincount(distances.ravel(), minlength=65)
    neighbours = np.cumsum(counts) / len(sample) - 1  # without itself
    return min(_BITS_APART, max(0, int((neighbours <= _PROPOSED).sum()) - 1))


def _near(
    queries: NDArray[np.uint64], keys: NDArray[np.uint64], bits: int, workers: int, *, once: bool
) -> Iterator[tuple[int, int]]:
    """Index pairs of hashes at most `bits` bits apart; with `once`, the smaller index first."""
    rows, columns = _BLOCK

    def compare(start: int) -> list[tuple[int, int]]:
        pairs: list[tuple[int, int]] = []
        for other in range(start // columns * columns if once else 0, len(keys), columns):
            distances = np.bitwise_count(
                queries[start : start + rows, None] ^ keys[None, other : other + columns]
            )
            a, b = np.nonzero(distances <= bits)
            pairs += zip((a + start).tolist(), (b + other).tolist(), strict=True)
        return [(a, b) for a, b in pairs if a < b or not once]

    starts = ([start] for start in range(0, len(queries), rows))
    for parts in prefetch(starts, compare, workers):
        for part in parts:
            yield from part


def _confirmed(
    thumbs: NDArray[np.uint8],
    colors: NDArray[np.float32],
    candidates: list[tuple[int, int, bool]],
    workers: int,
) -> set[tuple[int, int]]:
    """The candidate pairs (an image, one that may contain it, mirrored or not) that agree."""
    detail = _detail(torch.from_numpy(thumbs))
    likely = max(_LIKELY, min(_NEVER_ABOVE, _random_agreement(detail)))
    surely = max(_SURELY, likely)
    mean_colors = torch.from_numpy(colors)
    maps = [_sampling(window) for window in _FINE]

    def confirm(start: int) -> list[tuple[int, int]]:
        part = candidates[start : start + _PAIRS]
        indices = torch.tensor([(a, b) for a, b, _ in part])
        mirrored = torch.tensor([m for *_, m in part])[:, None, None]
        image, container = detail[indices[:, 0]], detail[indices[:, 1]]
        image = torch.where(mirrored, image.flip(2), image)[:, 2:-2, 2:-2]
        best = torch.full((len(part),), -1.0)
        unit = _unit(image)
        for rows, columns in maps:
            best = torch.maximum(best, (_unit(rows @ container @ columns.T) * unit).sum(1))
        difference = mean_colors[indices[:, 0]] - mean_colors[indices[:, 1]]
        same_color = difference.square().mean(1).sqrt() <= _COLORS_APART
        agree = (best >= surely) | (best >= likely) & same_color
        return [(min(part[i][:2]), max(part[i][:2])) for i in agree.nonzero()[:, 0].tolist()]

    pairs: set[tuple[int, int]] = set()
    starts = ([start] for start in range(0, len(candidates), _PAIRS))
    for parts in prefetch(starts, confirm, workers):
        pairs.update(pair for part in parts for pair in part)
    return pairs


def _random_agreement(detail: Tensor) -> float:
    """A correlation that unrelated images practically never reach."""
    sample = _unit(detail[permutation(key_for("lint"), len(detail))[:_RANDOM_PAIRS], 2:-2, 2:-2])
    shifts = range(1, min(len(sample), _RANDOM_PAIRS // len(sample) + 2))
    agreements = torch.cat([(sample * sample.roll(shift, 0)).sum(1) for shift in shifts])
    usual = agreements.median()
    spread = 1.4826 * (agreements - usual).abs().median()  # robust standard deviation, from the MAD
    return float(usual + _SPREADS * spread)


def _detail(thumbs: Tensor) -> Tensor:
    """Each image minus its blurred version, [N, 32, 32]."""
    blur = torch.zeros(_SIDE, _SIDE)
    for row in range(_SIDE):
        for step, weight in enumerate((1, 4, 6, 4, 1), start=-2):
            column = abs(row + step)
            blur[row, column if column < _SIDE else 2 * _SIDE - 2 - column] += weight / 16
    blur = blur @ blur
    parts = torch.split(thumbs, _BLOCK[1])
    return torch.cat([part.float() - blur @ part.float() @ blur.T for part in parts])


def _sampling(window: Window, inner: int = _SIDE - 4) -> tuple[Tensor, Tensor]:
    """Matrices that crop a window by rows and by columns, without its two outermost pixels."""
    return _weights(window.y, window.share, inner), _weights(window.x, window.share, inner)


def _weights(centre: float, share: float, count: int) -> Tensor:
    """Linear interpolation at `count` positions around the centre of a window, [count, 32]."""
    positions = (torch.arange(count) + 0.5 + (_SIDE - count) / 2) / _SIDE * 2 - 1
    positions = (positions * share + centre + 1) / 2 * _SIDE - 0.5
    left = positions.floor().clamp(0, _SIDE - 2).long()
    fraction = (positions - left).clamp(0, 1)
    weights, rows = torch.zeros(count, _SIDE), torch.arange(count)
    weights[rows, left], weights[rows, left + 1] = 1 - fraction, fraction
    return weights


def _cut(thumbs: NDArray[np.uint8], window: Window) -> NDArray[np.generic]:
    """A crop of each image, resized to the full size, [N, 32, 32]."""
    if window is _WHOLE:
        return thumbs
    rows, columns = _sampling(window, _SIDE)
    parts = torch.split(torch.from_numpy(thumbs), _BLOCK[1])
    cut: NDArray[np.generic] = torch.cat([rows @ p.float() @ columns.T for p in parts]).numpy()
    return cut


def _unit(images: Tensor) -> Tensor:
    """Images as vectors of mean 0 and norm 1; faint ones stay shorter, so noise does not correlate."""
    flat = images.reshape(len(images), -1)
    flat = flat - flat.mean(1, keepdim=True)
    length: Tensor = flat.square().sum(1, keepdim=True).sqrt()
    return flat / length.clamp_min(1.0)
