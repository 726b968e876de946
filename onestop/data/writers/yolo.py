"""YOLO: `labels/<split>/<stem>.txt` beside `images/<split>/`, and `data.yaml`.

Coordinates are fractions with eight decimals, a ten-thousandth of a pixel of the largest pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import yaml

from onestop.data.shapes import Polygons
from onestop.data.writers.pictures import Picture, Scheme
from onestop.text import plural


def written(
    splits: Mapping[str, Sequence[Picture]], scheme: Scheme
) -> tuple[dict[str, str], list[str]]:
    """The files, and what is lost: crowds, masks of several parts or as pixels."""
    files, lost = {"data.yaml": _settings(splits, scheme)}, {"crowd": 0, "mask": 0}
    polygons = not scheme.point_names
    for split, pictures in splits.items():
        for picture in pictures:
            stem = PurePath(picture.name).with_suffix(".txt")
            files[f"labels/{split}/{stem}"] = _lines(picture, lost, polygons=polygons)
    notes = []
    if lost["crowd"]:
        notes.append(f"{plural(lost['crowd'], 'crowd')} left out: YOLO has none")
    if lost["mask"]:
        notes.append(f"{plural(lost['mask'], 'mask')} written as boxes: not a single polygon")
    return files, notes


def _settings(splits: Mapping[str, Sequence[Picture]], scheme: Scheme) -> str:
    values: dict[str, Any] = {"path": ".", **{split: f"images/{split}" for split in splits}}
    values["names"] = dict(enumerate(scheme.names))
    if count := len(scheme.point_names):
        values["kpt_shape"] = [count, 3]
        values["kpt_names"] = {0: list(scheme.point_names)}
        if scheme.flip_pairs is not None:
            order = list(range(count))
            for a, b in scheme.flip_pairs:
                order[a], order[b] = b, a
            values["flip_idx"] = order
    text: str = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    return text


def _lines(picture: Picture, lost: dict[str, int], *, polygons: bool) -> str:
    lines = []
    for i in range(len(picture.objects)):
        if picture.objects.crowds[i]:
            lost["crowd"] += 1
            continue
        lines.append(_line(picture, i, lost, polygons=polygons))
    return "".join(f"{line}\n" for line in lines)


def _line(picture: Picture, i: int, lost: dict[str, int], *, polygons: bool) -> str:
    objects, shape = picture.objects, picture.shape(i)
    height, width = objects.size
    kind = int(objects.classes[i])
    if shape is not None and not (isinstance(shape, Polygons) and len(shape.parts) == 1):
        lost["mask"] += 1
        shape = None
    if polygons and isinstance(shape, Polygons):
        corners = (shape.parts[0] / (width, height)).reshape(-1).tolist()
        return " ".join([str(kind), *map(_text, corners)])
    x1, y1, x2, y2 = objects.boxes[i].astype(float).tolist()
    box = [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height]
    words = [str(kind), *map(_text, box)]
    if objects.points is not None:
        for x, y, seen in objects.points[i].astype(float).tolist():
            words += [_text(x / width), _text(y / height), str(int(seen))]
    return " ".join(words)


def _text(value: float) -> str:
    """A number with at most eight decimals.

    >>> _text(0.5), _text(1 / 3)
    ('0.5', '0.33333333')
    """
    return f"{value:.8f}".rstrip("0").rstrip(".")
