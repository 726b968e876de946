"""What tests of readers share: a set that is opened, and what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from onestop.data.dataset import Dataset
from onestop.data.sources.objects import open_objects


def opened(source: Path, *, for_training: bool = False) -> Dataset:
    """The data set of a source with objects."""
    dataset = open_objects(source, for_training=for_training)
    assert dataset is not None
    return dataset


def boxes(dataset: Dataset, split: str = "train", index: int = 0) -> list[list[float]]:
    """The boxes of an image."""
    values: Any = dataset.splits[split].targets
    rows: list[list[float]] = values[index].boxes.astype(np.float64).tolist()
    return rows


def words(dataset: Dataset, split: str = "train") -> list[tuple[str, ...]]:
    """The classes in each image."""
    samples = dataset.splits[split]
    return [samples.targets.words(i) for i in range(len(samples))]


def noted(dataset: Dataset, part: str) -> bool:
    """Whether a note has some words."""
    return any(part in note for note in dataset.notes)


def write_json(path: Path, values: Any) -> Path:
    """A JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))
    return path


def coco(
    root: Path, annotations: list[dict[str, Any]], *, size: tuple[int, int] = (40, 30),
    categories: Any = ({"id": 1, "name": "cat"},), file: str = "annotations/instances_train.json",
    images: Any = None,
) -> Path:  # fmt: skip
    """A COCO JSON of one image `a.png` with the id 1."""
    if images is None:
        images = [{"id": 1, "file_name": "a.png", "width": size[0], "height": size[1]}]
    values = {"images": images, "annotations": annotations, "categories": list(categories)}
    write_json(root / file, values)
    return root


def box(*sides: float, **more: Any) -> dict[str, Any]:
    """An annotation of the image with the id 1."""
    return {"id": 1, "image_id": 1, "category_id": 1, "bbox": list(sides), **more}
