from __future__ import annotations

import numpy as np

from onestop.data.writers.pictures import Picture, Scheme
from onestop.data.writers.voc import written
from onestop.metrics.objects import ImageObjects


def test_pixels_count_from_one() -> None:
    one = ImageObjects((20, 10), np.array([[0, 0, 10, 20]], np.float32), np.array([0]),
                       np.ones(1, np.float32), np.array([True]))  # fmt: skip
    files, _ = written({"train": [Picture("a.jpg", one)]}, Scheme(["cat"]))
    assert files["ImageSets/Main/train.txt"] == "a\n"
    xml = files["Annotations/a.xml"]
    assert "<xmin>1</xmin><ymin>1</ymin><xmax>10</xmax><ymax>20</ymax>" in xml
    assert "<difficult>1</difficult>" in xml
    assert "<width>10</width><height>20</height>" in xml
