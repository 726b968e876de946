"""A contact sheet: thumbnails of the images that findings are about, with their names."""

from __future__ import annotations

import importlib.util
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from onestop.data.dataset import Dataset
from onestop.errors import BadImageError
from onestop.images.pixel_range import PixelRange
from onestop.linting import Finding, Place, described

_WIDTH, _MARGIN, _TILE, _GAP = 1200, 24, 112, 8  # pixels
_CAPTION = 44
_ROWS = 3  # of tiles per finding
_IN_A_GROUP = 6  # tiles
_PAPER, _INK, _FAINT, _LINE = "white", "#1a1a1a", "#666666", "#c8c8c8"
_COLORS = {"leak": "#b00020", "warning": "#9a6700", "note": "#3b5b7a"}


@dataclass(frozen=True)
class _Tile:
    place: Place
    note: str
    x: int
    y: int


def contact_sheet(
    findings: Sequence[Finding], dataset: Dataset, pixel_range: PixelRange = "full"
) -> Image.Image | None:
    """Draw the first images of each finding; None if no finding has any.

    Copies of each other share a frame; below each image are its split and class, its name, and its
    problem if that differs between images.
    """
    shown = [finding for finding in findings if finding.groups]
    if not shown:
        return None
    heights = [_height(finding) for finding in shown]
    sheet = Image.new("RGB", (_WIDTH, sum(heights) + 2 * _MARGIN), _PAPER)
    draw, top = ImageDraw.Draw(sheet), _MARGIN
    for finding, height in zip(shown, heights, strict=True):
        _draw_finding(sheet, draw, finding, dataset, top, pixel_range)
        top += height
    return sheet


def _draw_finding(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, finding: Finding, dataset: Dataset, top: int,
    pixel_range: PixelRange,
) -> None:  # fmt: skip
    draw.text((_MARGIN, top), finding.kind, _COLORS[finding.level], _font(20))
    count = 0
    for frame, tiles in _laid_out(finding):
        left, upper, right, lower = frame
        draw.rectangle((left, top + upper, right, top + lower), outline=_LINE)
        for tile in tiles:
            _draw_tile(sheet, draw, tile, dataset, top, pixel_range)
            count += 1
    more = finding.images - count
    text = finding.text + (f"  (and {more:,} more in lint.json)" if more else "")
    draw.text((_MARGIN, top + 26), _fitting(text, _WIDTH - 2 * _MARGIN, 14), _INK, _font(14))


def _draw_tile(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, tile: _Tile, dataset: Dataset, top: int,
    pixel_range: PixelRange,
) -> None:  # fmt: skip
    x, y = tile.x, top + tile.y
    try:
        pixels = dataset.splits[tile.place.split].read(tile.place.index, 3, pixel_range)
    except BadImageError:
        draw.rectangle((x, y, x + _TILE, y + _TILE), fill="#eeeeee")
        draw.text((x + 8, y + _TILE // 2 - 8), "unreadable", _FAINT, _font(13))
    else:
        picture = Image.fromarray(pixels)
        small = min(picture.size) < _TILE // 4
        resampling = Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS
        scale = _TILE / max(picture.size)
        size = tuple(max(1, round(side * scale)) for side in picture.size)
        picture = picture.resize((size[0], size[1]), resampling)
        sheet.paste(picture, (x + (_TILE - size[0]) // 2, y + (_TILE - size[1]) // 2))
    about = described(tile.place, dataset)
    head = " ".join(text for key, text in about.items() if key != "image")
    lines = (head, _INK), (Path(about["image"]).name, _FAINT), (tile.note, _FAINT)
    for row, (line, color) in enumerate(lines):
        draw.text((x, y + _TILE + 1 + 13 * row), _fitting(line, _TILE, 11), color, _font(11))


def _laid_out(finding: Finding) -> Iterator[tuple[tuple[int, int, int, int], list[_Tile]]]:
    """The frame of each group (left, upper, right, lower) and its tiles, until the rows are full."""
    x, y, rows = _MARGIN, 54, 1
    notes = finding.reasons or [""] * len(finding.groups)
    for group, note in zip(finding.groups, notes, strict=True):
        shown = group[:_IN_A_GROUP]
        width = len(shown) * (_TILE + _GAP) + _GAP
        if x + width > _WIDTH - _MARGIN and x > _MARGIN:
            x, y, rows = _MARGIN, y + _TILE + _CAPTION + 2 * _GAP, rows + 1
            if rows > _ROWS:
                return
        tiles = [
            _Tile(place, note, x + _GAP + i * (_TILE + _GAP), y + _GAP)
            for i, place in enumerate(shown)
        ]
        yield (x, y, x + width, y + _TILE + _CAPTION + _GAP), tiles
        x += width + _GAP


def _height(finding: Finding) -> int:
    return max(frame[3] for frame, _ in _laid_out(finding)) + _MARGIN


def _font(size: int) -> Any:
    """DejaVu, which comes with matplotlib and covers many languages, else Pillow's own.

    matplotlib is not imported: a sheet needs no more of it, and importing it may fail.
    """
    found = importlib.util.find_spec("matplotlib")
    if found is not None and found.origin:
        file = Path(found.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf"
        if file.is_file():
            return ImageFont.truetype(file, size)
    return ImageFont.load_default(size)


def _fitting(text: str, width: int, size: int) -> str:
    """Text on one line, with its middle elided if it is too long."""
    text = "".join(c if c.isprintable() else "?" for c in textwrap.fill(text, 10**6))
    font = _font(size)
    if font.getlength(text) <= width:
        return text
    keep = len(text)
    while keep > 4 and font.getlength(f"{text[: keep // 2]}…{text[-keep // 2 :]}") > width:
        keep -= 1
    return f"{text[: keep // 2]}…{text[-keep // 2 :]}"
