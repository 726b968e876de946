"""Looking through a split for images of more than 8 bits, and what to say of their pixel range."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from onestop.data.prefetch import groups, prefetch
from onestop.data.samples import Samples
from onestop.data.value_counts import Counted, ValueCounts, count_values
from onestop.errors import BadImageError
from onestop.images.pixel_range import PixelRange, number, suits_8_bits, text_of
from onestop.runtime.rng import key_for, permutation
from onestop.text import listing, plural

_GROUP = 16  # images read by a thread at a time
_PROBED = 100  # images of a set that has no headers
_AT_ONCE = 2**20  # values of arrays that are counted at once
_PLAIN = "8-bit"


def count_pixel_values(samples: Samples, workers: int) -> ValueCounts | None:
    """Count all values of all images of more than 8 bits; None if there are none.

    Of files, the headers tell which these are, and no other is decoded. Of a torch data set every image
    is read, unless 100 of them chosen at random all have 8 bits. Unreadable images are left out.

    Args:
        samples: The split.
        workers: Threads.
    """
    if not samples.is_image:
        return None
    if samples.in_memory:
        return _of_arrays(samples)
    if not samples.shows_depth and not _any_deep(samples):
        return None
    counts, plain = ValueCounts(), list[int]()
    batches = ([indices] for indices in groups(len(samples), _GROUP))
    for (results,) in prefetch(batches, lambda indices: list(_read(samples, indices)), workers):
        for index, kind, parts in results:
            if kind == _PLAIN:
                plain.append(index)
                continue
            counts.kinds[kind] += 1
            for part in parts:
                counts.add(part)
    if not counts.kinds:
        return None
    if images := sum(map(samples.is_readable, plain)):
        counts.kinds[_PLAIN] = images
    return counts


def _read(samples: Samples, indices: Iterable[int]) -> Iterator[tuple[int, str, list[Counted]]]:
    for index in indices:
        try:
            deep = samples.deep(index)
            values = count_values(deep.values()) if deep else []
            yield index, deep.kind if deep else _PLAIN, values
        except BadImageError:
            continue  # reported when it is read for training


def _of_arrays(samples: Samples) -> ValueCounts | None:
    images = samples.many(slice(None))
    if images.dtype == "uint8":
        return None
    kind = "float" if images.dtype.kind == "f" else str(images.dtype)
    counts = ValueCounts(Counter({kind: len(images)}))
    size = max(1, _AT_ONCE // max(1, images[0].size))
    for start in range(0, len(images), size):
        for part in count_values([images[start : start + size, ..., :3]]):
            counts.add(part)
    return counts


def _any_deep(samples: Samples) -> bool:
    chosen = permutation(key_for("depth"), len(samples))[:_PROBED].tolist()
    return any(kind != _PLAIN for _, kind, _ in _read(samples, chosen))


@dataclass(frozen=True)
class SplitRange:
    """The pixel range that follows from a split.

    Attributes:
        counts: Of its images of more than 8 bits; None if there are none.
        pixel_range: `full` if there are none.
    """

    counts: ValueCounts | None
    pixel_range: PixelRange

    @classmethod
    def of(cls, samples: Samples, workers: int) -> SplitRange:
        """Find it by reading all images of more than 8 bits."""
        counts = count_pixel_values(samples, workers)
        return cls(counts, counts.pixel_range() if counts else "full")


def range_note(counts: ValueCounts, pixel_range: PixelRange, *, found: bool = True) -> str:
    """Which values images of more than 8 bits have, and which of them become black and white.

    Args:
        counts: Of the split's values.
        pixel_range: The range in use.
        found: Whether it follows from the counts, rather than being set.
    """
    low, high = (
        f"{value:,.6g}" if counts.floats else f"{value:,.0f}" for value in counts.extremes()
    )
    kinds = listing(kind for kind in counts.kinds if kind != _PLAIN)
    of = " of 65,535" if kinds == "16-bit" else ""
    line = f"{kinds} images use {low} to {high}{of}: pixel range {text_of(pixel_range)}"
    if isinstance(pixel_range, str):
        return f"{line} takes the full scale of each type (--pixel-range sets another)"
    share = counts.outside(*pixel_range)
    clipped = f"; {_percent(share)} of the values are clipped" if share else ""
    return f"{line} is black to white{clipped}" + (" (--pixel-range sets another)" if found else "")


def range_cautions(counts: ValueCounts, pixel_range: PixelRange) -> list[str]:
    """A line for each reason to doubt that a range suits all images of a split."""
    lines = []
    scale = (0.0, 1.0 if counts.floats else 65535.0)
    if few := counts.few_levels(*(scale if isinstance(pixel_range, str) else pixel_range)):
        lines.append(
            f"pixel range {text_of(pixel_range)}: nearly all pixels fall on {few} of 256 grey levels; "
            "--pixel-range LO,HI sets a narrower one"
        )
    return lines + _of_depths(counts, pixel_range)


def range_notes(counts: ValueCounts | None, pixel_range: PixelRange, *, found: bool) -> list[str]:
    """What `train` says of the range; nothing if all images have 8 bits, or a scale that is plain."""
    if counts is None or pixel_range == "image":
        return []
    plain = found and pixel_range in ((0, 1), (0, 255))
    notes = [] if plain else [range_note(counts, pixel_range, found=found)]
    return notes + range_cautions(counts, pixel_range)


def _of_depths(counts: ValueCounts, pixel_range: PixelRange) -> list[str]:
    if len(counts.kinds) < 2:
        return []
    shown = listing(f"{kind} {count:,}" for kind, count in counts.kinds.most_common())
    line = f"images of several depths: {shown}; one range serves all of more than 8 bits"
    if counts.kinds[_PLAIN] and not suits_8_bits(pixel_range):
        line += ", and of 8 bits 255 stays white"
    return [f"{line}; convert them to one depth if their scales differ"]


def _percent(share: float) -> str:
    return "under 0.01%" if share < 1e-4 else f"{share:.2%}" if share < 0.1 else f"{share:.0%}"


def why_range(counts: ValueCounts | None) -> str:
    """Why a derived pixel range is what it is."""
    if counts is None:
        return "all training images have 8 bits"
    deep = sum(count for kind, count in counts.kinds.items() if kind != _PLAIN)
    low, high = map(number, counts.extremes())
    return f"the values of {plural(deep, 'training image')} go from {low} to {high}"
