"""Objects drawn over their image: boxes, masks, key points, and what they are.

Colours are by class, those of Okabe and Ito 2008 (https://jfly.uni-koeln.de/color/), which colour-blind
people can tell apart. Lines and letters grow with the picture, so that they can be read at 300 pixels
and at 12 megapixels.

Legend: H and W height and width of the image, h and w as drawn, n objects, P key points.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from onestop.data.shapes import sampled
from onestop.images.channels import to_channels
from onestop.images.pillow import Pixels
from onestop.metrics.objects import Frame, ImageObjects

COLORS = (
    (0, 114, 178), (230, 159, 0), (0, 158, 115), (213, 94, 0), (204, 121, 167), (86, 180, 233),
    (240, 228, 66),
)  # fmt: skip
_CLEAR = 0.4  # how much of a mask's colour covers the picture
_MANY = 60  # objects from which on only the classes of large ones are written
_SEEN = 0  # visibility of a key point that is not drawn

Rectangle: TypeAlias = tuple[float, float, float, float]


def drawn(
    pixels: Pixels,
    objects: ImageObjects,
    names: Sequence[str],
    *,
    longest: int = 0,
    frame: Frame | None = None,
    skeleton: Iterable[tuple[int, int]] = (),
    least: float = 0.0,
) -> Pixels:
    """An image with its objects drawn over it.

    Args:
        pixels: [H, W, C].
        objects: In pixels of the original image.
        names: Of the classes.
        longest: Pixels of the longer side of the result; 0 keeps the size.
        frame: Where the original lies in `pixels`; they are the whole original if None.
        skeleton: Pairs of key points that are joined by a line.
        least: Score from which on a predicted key point is drawn.

    Returns:
        uint8 [h, w, 3].
    """
    image = Image.fromarray(to_channels(pixels, 3))
    scale = 1.0
    if longest and max(image.size) != longest:
        scale = longest / max(image.size)
        size = [max(1, round(side * scale)) for side in image.size]
        image = image.resize((size[0], size[1]), Image.Resampling.LANCZOS)
    sides = np.array(image.size, np.float64)
    if frame is None:
        place = _Place(sides / objects.size[::-1], np.zeros(2))
    else:
        place = _Place(scale * np.array(frame[:2]), scale * np.array(frame[2:]))
    boxes = place(objects.boxes.reshape(-1, 2, 2)).reshape(-1, 4)
    boxes = np.clip(boxes, 0, np.tile(sides, 2))
    canvas: NDArray[np.uint8] = np.array(image)
    for i in range(len(objects)):
        _fill(canvas, objects, i, boxes[i], place)
    image = Image.fromarray(canvas)
    _outline(image, objects, boxes, place, list(skeleton), least)
    _write(image, objects, boxes, names)
    return np.asarray(image)


@dataclass(frozen=True)
class _Place:
    """From pixels of the original to pixels that are drawn on, x and y."""

    scale: NDArray[np.float64]
    offset: NDArray[np.float64]

    def __call__(self, places: NDArray[np.floating]) -> NDArray[np.float64]:
        """Places [..., 2]."""
        return np.asarray(places * self.scale + self.offset, np.float64)


def color_of(number: int) -> tuple[int, int, int]:
    """The colour of a class."""
    return COLORS[number % len(COLORS)]


def _fill(
    canvas: NDArray[np.uint8], objects: ImageObjects, i: int, box: NDArray[np.float64],
    place: _Place,
) -> None:  # fmt: skip
    """Tint the pixels of a mask, looked up only within its box."""
    if objects.masks is None:
        return
    height, width = canvas.shape[:2]
    columns = np.arange(max(0, int(box[0])), min(width, int(np.ceil(box[2]))))
    rows = np.arange(max(0, int(box[1])), min(height, int(np.ceil(box[3]))))
    if not len(rows) or not len(columns):
        return
    x = np.floor((columns + 0.5 - place.offset[0]) / place.scale[0]).astype(np.int64)
    y = np.floor((rows + 0.5 - place.offset[1]) / place.scale[1]).astype(np.int64)
    mask = sampled(objects.masks[i], y, x)
    part = canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    tint = np.array(color_of(int(objects.classes[i])), np.float64)
    part[mask] = (part[mask] * (1 - _CLEAR) + tint * _CLEAR).astype(np.uint8)


def _thickness(image: Image.Image) -> int:
    return max(1, round(max(image.size) / 320))


def _outline(
    image: Image.Image, objects: ImageObjects, boxes: NDArray[np.float64],
    place: _Place, skeleton: list[tuple[int, int]], least: float,
) -> None:  # fmt: skip
    draw, thick = ImageDraw.Draw(image), _thickness(image)
    for i, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        color = color_of(int(objects.classes[i]))
        right, bottom = max(x1, x2 - 1), max(y1, y2 - 1)
        if objects.crowds[i]:  # thin: not to be counted
            draw.rectangle((x1, y1, right, bottom), outline=color, width=1)
            continue
        draw.rectangle((x1, y1, right, bottom), outline=color, width=thick)
        if objects.points is not None:
            _points(draw, objects.points[i], place, color, thick, skeleton, least)


def _points(
    draw: ImageDraw.ImageDraw, points: NDArray[np.float32], place: _Place,
    color: tuple[int, int, int], thick: int, skeleton: list[tuple[int, int]], least: float,
) -> None:  # fmt: skip
    places = place(points[:, :2])
    there = points[:, 2] > max(_SEEN, least)
    for a, b in skeleton:
        if there[a] and there[b]:
            draw.line([(*places[a].tolist(),), (*places[b].tolist(),)], fill=color, width=thick)
    for x, y in places[there].tolist():
        radius = 1.5 * thick
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color, outline="white")


def _write(
    image: Image.Image, objects: ImageObjects, boxes: NDArray[np.float64], names: Sequence[str]
) -> None:
    """Write what objects are, beside their boxes, where no other text is if that is possible."""
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(max(9, round(max(image.size) / 42)))
    taken: list[Rectangle] = []
    sides = boxes[:, 2:] - boxes[:, :2]
    order = np.argsort(-sides.prod(1), kind="stable") if len(objects) > _MANY else None
    for i in range(len(objects)) if order is None else order[:_MANY].tolist():
        name, score = names[int(objects.classes[i])], float(objects.scores[i])
        text = name if score >= 1 else f"{name} {score:.0%}"
        _, _, right, bottom = draw.textbbox((0, 0), text, font=font)
        place = _free(boxes[i].tolist(), right + 4, bottom + 2, image.size, taken)
        taken.append(place)
        color = color_of(int(objects.classes[i]))
        draw.rectangle(place, fill=color)
        draw.text((place[0] + 2, place[1] + 1), text, font=font, fill=_ink(color))


def _ink(color: tuple[int, int, int]) -> str:
    """Black or white, whichever can be read on a colour."""
    red, green, blue = color
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "white"


def _free(
    box: Sequence[float], width: float, height: float, size: tuple[int, int],
    taken: Sequence[Rectangle],
) -> Rectangle:  # fmt: skip
    """Where a text of some size covers as little of others as possible: over, under or in its box."""
    x1, y1, x2, y2 = box
    starts = [
        (x1, y1 - height), (x1, y2), (x1, y1), (x2 - width, y1 - height), (x2, y1),
        (x2 - width, y2 - height),
    ]  # fmt: skip
    best, least = (x1, y1, x1 + width, y1 + height), float("inf")
    for left, top in starts:
        x = min(max(left, 0), max(0, size[0] - width))
        y = min(max(top, 0), max(0, size[1] - height))
        place = (x, y, x + width, y + height)
        covered = sum(_common(place, other) for other in taken)
        if covered < least:
            best, least = place, covered
        if not covered:
            break
    return best


def _common(one: Rectangle, other: Rectangle) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    tall = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, wide) * max(0.0, tall)
