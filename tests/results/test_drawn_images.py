from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from onestop.metrics.objects import ImageObjects
from onestop.results.drawn_images import write_coco, write_images
from onestop.tasks.objects_prediction import ObjectsPrediction
from tests.objects_made import write_picture


def prediction(path: Path, size: tuple[int, int] = (30, 40)) -> ObjectsPrediction:
    boxes = np.array([[2, 3, 20, 25]], np.float32)
    found = ImageObjects(size, boxes, np.array([0]), np.array([0.9], np.float32))
    empty = ObjectsPrediction(str(path), names=("cat",), thresholds=(0.5,), given=path)
    return empty.with_objects(found)


def test_files_are_called_like_their_images(tmp_path: Path) -> None:
    paths = [write_picture(tmp_path / name) for name in ("a/x.jpg", "b/x.jpg", "c.png")]
    out = tmp_path / "out"
    out.mkdir()
    broken = ObjectsPrediction("gone.png", error="cannot be read")
    write_images([*map(prediction, paths), broken], out)
    assert sorted(p.name for p in out.iterdir()) == ["c.png", "x-1.jpg", "x.jpg"]
    with Image.open(out / "c.png") as image:
        assert image.size == (40, 30)
        assert len(np.unique(np.asarray(image).reshape(-1, 3), axis=0)) > 1


def test_coco_json_can_be_trained_on(tmp_path: Path) -> None:
    from onestop.data import open_data

    path = write_picture(tmp_path / "a.png")
    write_coco([prediction(path)], ["cat"], tmp_path / "found.json")
    values = json.loads((tmp_path / "found.json").read_text())
    assert values["annotations"][0]["score"] == 0.9
    dataset = open_data(tmp_path / "found.json", val_fraction=0)
    assert dataset.splits["train"].targets.text(0) == "1 cat"
