"""What is written is read back, to a hundredth of a pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onestop.data.writers import IMAGES, WRITERS
from onestop.data.writers.dataset import pictures_of, scheme_of
from tests.data.sources.objects.made import box, coco, opened
from tests.objects_made import write_coco, write_picture


def written(source: Path, out: Path, kind: str) -> list[str]:
    """Write a set in another format; the notes."""
    dataset = opened(source)
    pictures, files = pictures_of(dataset)
    texts, notes = WRITERS[kind](pictures, scheme_of(dataset))
    for split, paths in files.items():
        for name, path in paths.items():
            target = out / IMAGES[kind].format(split=split) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    for name, text in texts.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text)
    return notes


def values(source: Path, split: str) -> dict[str, Any]:
    samples = opened(source).splits[split]
    return {Path(samples.name(i)).stem[-1]: samples.targets[i] for i in range(len(samples))}


@pytest.mark.parametrize("kind", WRITERS)
def test_boxes_and_classes_come_back(tmp_path: Path, kind: str) -> None:
    write_coco(tmp_path / "a", {"train": 4, "val": 2}, masks=False)
    assert written(tmp_path / "a", tmp_path / "b", kind) == []
    for split in ("train", "val"):
        before, after = (values(tmp_path / name, split) for name in "ab")
        assert before.keys() == after.keys()
        for name, value in before.items():
            assert np.abs(value.boxes - after[name].boxes).max() <= 0.01
            assert value.classes.tolist() == after[name].classes.tolist()
            assert value.size == after[name].size


@pytest.mark.parametrize("kind", WRITERS)
def test_fractions_of_pixels_and_background_come_back(tmp_path: Path, kind: str) -> None:
    for name in "ab":
        write_picture(tmp_path / "x" / "train" / f"{name}.png", 641, 479)
    images = [{"id": i, "file_name": f"{n}.png"} for i, n in ((1, "a"), (2, "b"))]
    rows = [box(1.37, 2.114, 313.333, 200.25), box(0.5, 0.75, 3.3333, 3.99)]
    coco(tmp_path / "x", rows, images=images)
    written(tmp_path / "x", tmp_path / "y", kind)
    before, after = (values(tmp_path / name, "train") for name in "xy")
    assert np.abs(before["a"].boxes - after["a"].boxes).max() <= 0.01
    assert len(after["b"]) == 0


def test_masks_areas_points_and_crowds_come_back_as_coco(tmp_path: Path) -> None:
    write_coco(tmp_path / "a", {"train": 3}, points=True)
    written(tmp_path / "a", tmp_path / "b", "coco")
    before, after = (values(tmp_path / name, "train") for name in "ab")
    for name, value in before.items():
        other = after[name]
        assert value.objects.masks == other.objects.masks
        assert value.points.tolist() == other.points.tolist()
        assert value.areas.tolist() == other.areas.tolist()
    targets: list[Any] = [opened(tmp_path / name).targets for name in "ab"]
    assert targets[0].skeleton == targets[1].skeleton
    assert targets[0].point_names == targets[1].point_names


def test_polygons_and_key_points_come_back_as_yolo(tmp_path: Path) -> None:
    write_picture(tmp_path / "p" / "train" / "a.png")
    polygon = [2, 2, 20.5, 3, 19, 20.25]
    crowd = box(1, 1, 30, 20, iscrowd=1)
    coco(tmp_path / "p", [box(2, 2, 18.5, 18.25, segmentation=[polygon]), crowd])
    notes = written(tmp_path / "p", tmp_path / "q", "yolo")
    assert notes == ["1 crowd left out: YOLO has none"]
    (value,) = values(tmp_path / "q", "train").values()
    assert np.abs(value.shapes[0].parts[0].reshape(-1) - polygon).max() <= 0.01
    write_coco(tmp_path / "a", {"train": 2}, masks=False, points=True)
    written(tmp_path / "a", tmp_path / "b", "yolo")
    before, after = (values(tmp_path / name, "train") for name in "ab")
    for name, one in before.items():
        assert np.abs(one.points - after[name].points).max() <= 0.01
    targets: Any = opened(tmp_path / "b").targets
    assert targets.flip_pairs == ((0, 2),)


def test_what_a_format_does_not_have_is_counted(tmp_path: Path) -> None:
    made = write_coco(tmp_path / "a", {"train": 2}, points=True)
    count = sum(len(one.boxes) for one in made["train"])
    notes = written(tmp_path / "a", tmp_path / "b", "voc")
    assert notes == [f"{count} masks left out: VOC has boxes", "key points left out: VOC has none"]
    write_coco(tmp_path / "c", {"train": 2})
    assert written(tmp_path / "c", tmp_path / "d", "yolo") == [
        f"{count} masks written as boxes: not a single polygon"
    ]


def test_names_in_xml_are_escaped(tmp_path: Path) -> None:
    write_picture(tmp_path / "a" / "train" / "a.png")
    coco(tmp_path / "a", [box(1, 1, 5, 5)], categories=[{"id": 1, "name": "<cat> & 'dog'"}])
    for kind in WRITERS:
        written(tmp_path / "a", tmp_path / kind, kind)
        assert opened(tmp_path / kind).classes == ("<cat> & 'dog'",)
