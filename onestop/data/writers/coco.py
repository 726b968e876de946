"""COCO JSON: ids count from 1, since both evaluators take an object with the id 0 for unmatched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from onestop.data.shapes import Polygons, Shape
from onestop.data.writers.pictures import Picture, Scheme, short
from onestop.metrics.rle import to_coco
from onestop.runtime.json_text import json_text


def written(
    splits: Mapping[str, Sequence[Picture]], scheme: Scheme
) -> tuple[dict[str, str], list[str]]:
    """The files `annotations/instances_<split>.json`."""
    files = {
        f"annotations/instances_{split}.json": json_text(coco_of(pictures, scheme))
        for split, pictures in splits.items()
    }
    return files, []


def coco_of(
    pictures: Sequence[Picture], scheme: Scheme, *, scores: bool = False
) -> dict[str, list[dict[str, Any]]]:
    """The value of a JSON file.

    Args:
        pictures: With their objects.
        scheme: Names.
        scores: Whether objects are predicted, and have scores.
    """
    images, annotations = [], list[dict[str, Any]]()
    for number, picture in enumerate(pictures, 1):
        height, width = picture.objects.size
        images.append({"id": number, "file_name": picture.name, "width": width, "height": height})
        for i in range(len(picture.objects)):
            row = {"id": len(annotations) + 1, "image_id": number, **_annotation(picture, i)}
            if scores:
                row["score"] = short(picture.objects.scores[i], 6)
            annotations.append(row)
    categories = [{"id": k, "name": name, **_points_of(scheme)} for k, name in _numbered(scheme)]
    return {"images": images, "annotations": annotations, "categories": categories}


def _numbered(scheme: Scheme) -> list[tuple[int, str]]:
    return list(enumerate(scheme.names, 1))


def _points_of(scheme: Scheme) -> dict[str, Any]:
    if not scheme.point_names:
        return {}
    skeleton = [[a + 1, b + 1] for a, b in scheme.skeleton]
    return {"keypoints": list(scheme.point_names), "skeleton": skeleton}


def _annotation(picture: Picture, i: int) -> dict[str, Any]:
    objects = picture.objects
    x1, y1, x2, y2 = objects.boxes[i].astype(float).tolist()
    row: dict[str, Any] = {
        "category_id": int(objects.classes[i]) + 1,
        "bbox": [short(value) for value in (x1, y1, x2 - x1, y2 - y1)],
        "area": short(objects.areas[i]), "iscrowd": int(objects.crowds[i]),
    }  # fmt: skip
    if (shape := picture.shape(i)) is not None:
        row["segmentation"] = _segmentation(shape)
    if objects.points is not None:
        points = objects.points[i]
        row["keypoints"] = [short(value) for value in points.reshape(-1).tolist()]
        row["num_keypoints"] = int((points[:, 2] > 0).sum())
    return row


def _segmentation(shape: Shape) -> Any:
    if not isinstance(shape, Polygons):
        return to_coco(shape)
    return [[short(value) for value in part.reshape(-1).tolist()] for part in shape.parts]
