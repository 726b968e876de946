from __future__ import annotations

import numpy as np
import yaml

from onestop.data.writers.pictures import Picture, Scheme
from onestop.data.writers.yolo import written
from onestop.metrics.objects import ImageObjects


def test_lines_and_settings() -> None:
    points = np.array([[[1, 2, 2], [0, 0, 0]]], np.float32)
    one = ImageObjects((20, 10), np.array([[0, 0, 5, 10]], np.float32), np.array([1]),
                       np.ones(1, np.float32), points=points)  # fmt: skip
    scheme = Scheme(["cat", "dog"], ["l", "r"], [(0, 1)])
    files, notes = written({"train": [Picture("a.jpg", one)]}, scheme)
    assert files["labels/train/a.txt"] == "1 0.25 0.25 0.5 0.5 0.1 0.1 2 0 0 0\n"
    assert yaml.safe_load(files["data.yaml"]) == {
        "path": ".", "train": "images/train", "names": {0: "cat", 1: "dog"}, "kpt_shape": [2, 3],
        "kpt_names": {0: ["l", "r"]}, "flip_idx": [1, 0],
    }  # fmt: skip
    assert notes == []
