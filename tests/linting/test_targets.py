from __future__ import annotations

from pathlib import Path

import numpy as np

from onestop.data import open_data
from onestop.data.dataset import Dataset
from onestop.data.objects import Annotation, Objects
from onestop.data.samples import FileSamples
from onestop.linting.findings import Place
from onestop.linting.targets import doubtful_targets


def image(*boxes: tuple[float, ...]) -> Annotation:
    table = np.array(boxes, np.float32).reshape(-1, 4)
    count = len(table)
    return Annotation(
        (100, 200),
        table,
        np.zeros(count, np.int64),
        np.zeros(count, bool),
        np.ones(count, np.float32),
    )


def test_faults_are_counted_by_kind_and_named_by_image() -> None:
    twice = [(10, 10, 60, 60), (10, 10, 60, 61)]
    targets = Objects(
        [image(*twice, (5, 5, 6, 40)), image((1, 1, 30, 30)), image(*twice)], ("cat",)
    )
    dataset = Dataset("x", {"train": FileSamples(Path(), ["a", "b", "c"], targets)})
    tiny, doubled = sorted(doubtful_targets(dataset), key=lambda finding: finding.images)
    assert (tiny.kind, tiny.text) == ("boxes under 3 pixels", "1 boxes under 3 pixels in 1 image")
    assert doubled.text == "2 boxes drawn twice in 2 images"
    assert doubled.groups == ((Place("train", 0),), (Place("train", 2),))
    assert doubled.reasons[0] == "object 1 (cat) and object 2"


def test_classes_have_none() -> None:
    assert doubtful_targets(open_data("digits")) == []
