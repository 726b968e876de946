"""Findings on single images: unreadable, damaged, plain, tiny, huge, narrow, unusual formats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from statistics import median

from onestop.data.dataset import Dataset, named
from onestop.data.pixel_values import SplitRange, range_cautions, range_note
from onestop.images.pixel_range import is_about_range
from onestop.linting.findings import Finding, Level, Place
from onestop.linting.inspection import Inspection
from onestop.text import listing, plural

_TINY = 1 / 4  # of the median side
_HUGE = 25_000_000  # pixels; decoding takes a tenth of a second or more
_NARROW = 8  # aspect ratio
# Pillow modes of plain 8-bit grey and colour images.
_USUAL = ("L", "RGB")
_MODES = {
    "1": "black and white", "P": "palette", "PA": "palette and alpha", "RGBA": "colour and alpha",
    "LA": "grey and alpha", "CMYK": "CMYK (print colours)", "F": "floating point",
    "I": "32 bits", "I;16": "16 bits", "I;16B": "16 bits", "LAB": "Lab", "YCbCr": "YCbCr",
}  # fmt: skip


def of_images(inspections: Mapping[Place, Inspection], dataset: Dataset) -> list[Finding]:
    """Findings on single images."""
    readable = {place: image for place, image in inspections.items() if not image.error}
    findings = [*_unreadable(inspections, dataset), *_remarked(readable)]
    if not readable:
        return findings
    side = median(min(image.height, image.width) for image in readable.values())

    def add(
        kind: str, level: Level, problem: str, condition: Callable[[Inspection], bool],
        reason: Callable[[Inspection], str] = lambda image: f"{image.width}x{image.height}",
    ) -> None:  # fmt: skip
        images = {place: image for place, image in readable.items() if condition(image)}
        if images:
            text = f"{plural(len(images), 'image')} {problem}"
            groups = tuple((place,) for place in images)
            reasons = tuple(map(reason, images.values()))
            findings.append(Finding(kind, level, text, groups, reasons))

    add("one colour", "warning", "of a single colour", lambda image: image.plain)
    add(
        "tiny", "warning", f"with a side under a quarter of the usual {side:g} pixels",
        lambda image: min(image.height, image.width) < _TINY * side,
    )  # fmt: skip
    add(
        "huge", "note", f"of more than {_HUGE // 10**6} million pixels, slow to read",
        lambda image: image.height * image.width > _HUGE,
    )  # fmt: skip
    add(
        "narrow", "warning", f"over {_NARROW} times as long as wide",
        lambda image: max(image.height, image.width) > _NARROW * min(image.height, image.width),
    )  # fmt: skip
    return [*findings, *_kinds(readable)]


def _unreadable(inspections: Mapping[Place, Inspection], dataset: Dataset) -> list[Finding]:
    bad = {place: image.error for place, image in inspections.items() if image.error}
    findings = []
    if bad:
        text = f"{plural(len(bad), 'image')} that cannot be read"
        groups = tuple((place,) for place in bad)
        findings.append(Finding("unreadable", "warning", text, groups, tuple(bad.values())))
    if dataset.skipped:
        text = f"{plural(len(dataset.skipped), 'file')} not used: {named(dataset.skipped, 5)}"
        reasons = tuple(f"{file.path}: {file.reason}" for file in dataset.skipped)
        findings.append(Finding("other files", "note", text, (), reasons))
    return findings


def _remarked(readable: Mapping[Place, Inspection]) -> list[Finding]:
    remarks = {place: image.remark for place, image in readable.items() if image.remark}
    values = {place: remark for place, remark in remarks.items() if is_about_range(remark)}
    parts = {place: remark for place, remark in remarks.items() if place not in values}
    return [
        *_with_reasons("partly read", parts, "partly damaged, or one of several in a file"),
        *_with_reasons("values", values, "of another depth or scale than the rest"),
    ]


def _with_reasons(kind: str, remarks: Mapping[Place, str], problem: str) -> list[Finding]:
    if not remarks:
        return []
    text = f"{plural(len(remarks), 'image')} {problem}"
    groups = tuple((place,) for place in remarks)
    return [Finding(kind, "warning", text, groups, tuple(remarks.values()))]


def of_values(found: SplitRange) -> list[Finding]:
    """The pixel range of images of more than 8 bits, and reasons to doubt it."""
    if found.counts is None:
        return []
    note = range_note(found.counts, found.pixel_range)
    cautions = range_cautions(found.counts, found.pixel_range)
    return [
        Finding("pixel range", "note", note),
        *(Finding("pixel range", "warning", text) for text in cautions),
    ]


def _kinds(readable: Mapping[Place, Inspection]) -> list[Finding]:
    """Formats, channels and EXIF rotations: all are read correctly, but may be unintended."""
    headers = {place: image.header for place, image in readable.items() if image.header}
    findings = []
    if turned := tuple((place,) for place, header in headers.items() if header.turned):
        text = f"{plural(len(turned), 'image')} rotated by EXIF, which other tools may ignore"
        findings.append(Finding("turned by EXIF", "note", text, turned))
    modes = Counter(_MODES.get(header.mode, header.mode) for header in headers.values())
    unusual = {place: header for place, header in headers.items() if header.mode not in _USUAL}
    mixed = {header.mode for header in headers.values()} == set(_USUAL)
    if unusual or mixed:
        shown = [f"{_USUAL_NAMES.get(mode, mode)} {count:,}" for mode, count in modes.most_common()]
        reasons = tuple(_MODES.get(header.mode, header.mode) for header in unusual.values())
        groups = tuple((place,) for place in unusual)
        text = f"several channel formats: {listing(shown)}"
        findings.append(Finding("channels", "note", text, groups, reasons))
    formats = Counter(header.format for header in headers.values())
    if len(formats) > 1:
        shown = [f"{name} {count:,}" for name, count in formats.most_common()]
        findings.append(Finding("formats", "note", f"several formats: {listing(shown)}"))
    return findings


_USUAL_NAMES = {"L": "grey", "RGB": "colour"}
