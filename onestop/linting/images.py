"""What single images are like: unreadable, damaged, of one colour, tiny, huge, narrow, of odd kinds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from statistics import median

from onestop.data.dataset import Dataset, named
from onestop.linting.findings import Finding, Level, Place
from onestop.linting.inspection import Look
from onestop.text import listing, plural

_TINY = 1 / 4  # of the median side
_HUGE = 25_000_000  # pixels: decoding takes a tenth of a second and more
_NARROW = 8  # times as long as wide
# Modes of Pillow that say no more than grey or colour, of 8 bits.
_USUAL = ("L", "RGB")
_MODES = {
    "1": "black and white", "P": "palette", "PA": "palette and alpha", "RGBA": "colour and alpha",
    "LA": "grey and alpha", "CMYK": "printing colours (CMYK)", "F": "floating point",
    "I": "32 bits", "I;16": "16 bits", "I;16B": "16 bits", "LAB": "Lab", "YCbCr": "YCbCr",
}  # fmt: skip


def of_images(looks: Mapping[Place, Look], dataset: Dataset) -> list[Finding]:
    """Findings about images one by one."""
    whole = {place: look for place, look in looks.items() if not look.error}
    found = [*_unreadable(looks, dataset), *_remarked(whole)]
    if not whole:
        return found
    side = median(min(look.height, look.width) for look in whole.values())

    def add(
        kind: str, level: Level, how: str, condition: Callable[[Look], bool],
        reason: Callable[[Look], str] = lambda look: f"{look.width}x{look.height}",
    ) -> None:  # fmt: skip
        those = {place: look for place, look in whole.items() if condition(look)}
        if those:
            text = f"{plural(len(those), 'image')} {how}"
            groups = tuple((place,) for place in those)
            found.append(Finding(kind, level, text, groups, tuple(map(reason, those.values()))))

    add("one colour", "warning", "of a single colour", lambda look: look.plain)
    add(
        "tiny", "warning", f"with a side under a quarter of the usual {side:g} pixels",
        lambda look: min(look.height, look.width) < _TINY * side,
    )  # fmt: skip
    add(
        "huge", "note", f"of more than {_HUGE // 10**6} million pixels, slow to read",
        lambda look: look.height * look.width > _HUGE,
    )  # fmt: skip
    add(
        "narrow", "warning", f"over {_NARROW} times as long as wide",
        lambda look: max(look.height, look.width) > _NARROW * min(look.height, look.width),
    )  # fmt: skip
    return [*found, *_kinds(whole)]


def _unreadable(looks: Mapping[Place, Look], dataset: Dataset) -> list[Finding]:
    bad = {place: look.error for place, look in looks.items() if look.error}
    found = []
    if bad:
        text = f"{plural(len(bad), 'image')} that cannot be read"
        groups = tuple((place,) for place in bad)
        found.append(Finding("unreadable", "warning", text, groups, tuple(bad.values())))
    if dataset.skipped:
        text = f"{plural(len(dataset.skipped), 'file')} not used: {named(dataset.skipped, 5)}"
        reasons = tuple(f"{file.path}: {file.reason}" for file in dataset.skipped)
        found.append(Finding("other files", "note", text, (), reasons))
    return found


def _remarked(whole: Mapping[Place, Look]) -> list[Finding]:
    said = {place: look.remark for place, look in whole.items() if look.remark}
    if not said:
        return []
    text = f"{plural(len(said), 'image')} damaged in part, or one of several in a file"
    groups = tuple((place,) for place in said)
    return [Finding("partly read", "warning", text, groups, tuple(said.values()))]


def _kinds(whole: Mapping[Place, Look]) -> list[Finding]:
    """Formats, channels and EXIF turns, which are all read right, but may not be meant."""
    headers = {place: look.header for place, look in whole.items() if look.header}
    found = []
    if turned := tuple((place,) for place, about in headers.items() if about.turned):
        text = f"{plural(len(turned), 'image')} turned upright by EXIF; other tools may not"
        found.append(Finding("turned by EXIF", "note", text, turned))
    modes = Counter(_MODES.get(about.mode, about.mode) for about in headers.values())
    odd = {p: about for p, about in headers.items() if about.mode not in _USUAL}
    mixed = {about.mode for about in headers.values()} == set(_USUAL)
    if odd or mixed:
        shown = [f"{_USUAL_NAMES.get(mode, mode)} {count:,}" for mode, count in modes.most_common()]
        reasons = tuple(_MODES.get(about.mode, about.mode) for about in odd.values())
        text = f"several kinds of channels: {listing(shown)}"
        found.append(Finding("channels", "note", text, tuple((p,) for p in odd), reasons))
    formats = Counter(about.format for about in headers.values())
    if len(formats) > 1:
        shown = [f"{name} {count:,}" for name, count in formats.most_common()]
        found.append(Finding("formats", "note", f"several formats: {listing(shown)}"))
    return found


_USUAL_NAMES = {"L": "grey", "RGB": "colour"}
