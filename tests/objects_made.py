"""Pictures of discs and squares with exact boxes and masks, and annotation files of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from onestop.metrics.rle import encode, to_coco

NAMES = ("disc", "square")


@dataclass(frozen=True)
class Scene:
    """A picture and its objects.

    Attributes:
        pixels: uint8 [H, W, 3].
        boxes: x1, y1, x2, y2 of each object.
        classes: Numbers in `NAMES`.
        masks: bool [n, H, W].
    """

    pixels: NDArray[np.uint8]
    boxes: list[tuple[int, int, int, int]]
    classes: list[int]
    masks: NDArray[np.bool_]


def scene(seed: int, *, most: int = 3, height: int = 96, width: int = 96) -> Scene:
    """Up to `most` bright objects on a dark ground, one in each quarter at most."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 60, (height, width, 3), np.uint8)
    boxes, classes, masks = [], [], []
    quarters = rng.permutation(4)[: int(rng.integers(1, most + 1))]
    y, x = np.mgrid[:height, :width]
    for quarter in quarters.tolist():
        side = int(rng.integers(min(height, width) // 6, min(height, width) // 3))
        left = int(rng.integers(1, width // 2 - side - 1)) + (quarter % 2) * width // 2
        top = int(rng.integers(1, height // 2 - side - 1)) + (quarter // 2) * height // 2
        kind = int(rng.integers(0, 2))
        inside = (x >= left) & (x < left + side) & (y >= top) & (y < top + side)
        if kind == 0:
            radius = side / 2
            inside = (x + 0.5 - left - radius) ** 2 + (y + 0.5 - top - radius) ** 2 <= radius**2
        pixels[inside] = (230, 200, 40) if kind == 0 else (60, 120, 250)
        columns, rows = np.flatnonzero(inside.any(0)), np.flatnonzero(inside.any(1))
        boxes.append((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1))
        classes.append(kind)
        masks.append(inside)
    return Scene(pixels, boxes, classes, np.array(masks))


def scenes(count: int, seed: int = 0, **options: Any) -> list[Scene]:
    """Several of them."""
    return [scene(seed + number, **options) for number in range(count)]


def save_image(path: Path, made: Scene) -> None:
    """Write its pixels as a PNG file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(made.pixels).save(path)


def points_of(made: Scene, i: int) -> list[float]:
    """Left, top and right of an object as COCO's key points."""
    x1, y1, x2, y2 = made.boxes[i]
    middle = ((x1 + x2) / 2, (y1 + y2) / 2)
    return [x1, middle[1], 2, middle[0], y1, 2, x2, middle[1], 2]


def coco_values(
    made: list[Scene], *, masks: bool = True, points: bool = False, first: int = 0
) -> dict[str, Any]:
    """The value of a COCO JSON of images `0.png`, `1.png`, ..., with ids with holes."""
    images = [
        {"id": 10 + 3 * k, "file_name": f"{first + k}.png", "width": one.pixels.shape[1],
         "height": one.pixels.shape[0]}
        for k, one in enumerate(made)
    ]  # fmt: skip
    annotations: list[dict[str, Any]] = []
    for k, one in enumerate(made):
        for i, (x1, y1, x2, y2) in enumerate(one.boxes):
            row: dict[str, Any] = {
                "id": len(annotations), "image_id": 10 + 3 * k, "iscrowd": 0,
                "category_id": (3, 90)[one.classes[i]], "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": int(one.masks[i].sum()),
            }  # fmt: skip
            if masks:
                row["segmentation"] = to_coco(encode(one.masks[i]))
            if points:
                row["keypoints"] = points_of(one, i)
                row["num_keypoints"] = 3
            annotations.append(row)
    of_points = {"keypoints": ["left", "top", "right"], "skeleton": [[1, 2], [2, 3]]}
    categories = [
        {"id": number, "name": name, **(of_points if points else {})}
        for number, name in zip((3, 90), NAMES, strict=True)
    ]
    return {"images": images, "annotations": annotations, "categories": categories}


def write_coco(
    root: Path, splits: dict[str, int], *, masks: bool = True, points: bool = False, seed: int = 0
) -> dict[str, list[Scene]]:
    """A folder with `annotations/instances_<split>.json` and `<split>/<number>.png`."""
    made: dict[str, list[Scene]] = {}
    for split, count in splits.items():
        made[split] = scenes(count, seed + 1000 * len(made))
        for k, one in enumerate(made[split]):
            save_image(root / split / f"{k}.png", one)
        values = coco_values(made[split], masks=masks, points=points)
        file = root / "annotations" / f"instances_{split}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    return made


def voc_xml(
    filename: str,
    size: tuple[int, int],
    objects: list[tuple[str, tuple[float, ...]]],
    extra: str = "",
) -> str:
    """An annotation of Pascal VOC; boxes as they are written in it."""
    rows = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{b[0]}</xmin><ymin>{b[1]}</ymin>"
        f"<xmax>{b[2]}</xmax><ymax>{b[3]}</ymax></bndbox></object>"
        for name, b in objects
    )
    return (
        f"<annotation><filename>{filename}</filename><size><width>{size[0]}</width>"
        f"<height>{size[1]}</height><depth>3</depth></size>{rows}{extra}</annotation>"
    )


def write_picture(path: Path, width: int = 40, height: int = 30, orientation: int = 1) -> Path:
    """A picture of one colour, perhaps with an EXIF orientation; width and height as stored."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (width, height), (90, 90, 90)).save(path, exif=exif)
    return path
