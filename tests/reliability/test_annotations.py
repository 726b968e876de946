"""Broken annotations of every format end in a line, or in a data set with a counted note.

120 files are made from sound ones: cut, with values replaced, doubled or removed.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from onestop.data.sources.objects import open_objects
from onestop.errors import OneStopError
from tests.objects_made import coco_values, scenes, voc_xml, write_picture

ODD: list[Any] = [
    None, "", "x", -1, 0, 1e9, -1e9, float("nan"), float("inf"), [], {}, [[]], True, "1e400", "../..",
    2**70, "a" * 500, [1, 2], {"size": [1, 1]}, "\0", "é", [None] * 4, "nan",
]  # fmt: skip


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where there is a value in a value."""
    found = [path] if path else []
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        found += paths_in(inner, (*path, key))
    return found


def broken_json(values: Any, rng: random.Random) -> str:
    """A JSON text with some of its values replaced or removed, or cut."""
    values = json.loads(json.dumps(values))
    for _ in range(rng.randint(1, 4)):
        *way, last = rng.choice(paths_in(values))
        place = values
        try:
            for key in way:
                place = place[key]
            if rng.random() < 0.2:
                del place[last]
            else:
                place[last] = rng.choice(ODD)
        except (KeyError, IndexError, TypeError):
            continue  # what was there has gone
    text = json.dumps(values)
    return text[: rng.randint(0, len(text))] if rng.random() < 0.1 else text


def broken_text(text: str, rng: random.Random) -> str:
    """A text with some of its words replaced, doubled or removed, or cut."""
    for _ in range(rng.randint(1, 5)):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.randint(0, 12))
        middle = rng.choice(["", text[start:end] * 2, *(str(odd) for odd in ODD)])
        text = text[:start] + middle + text[end:]
    return text


def written(root: Path, kind: str, rng: random.Random) -> None:
    """A broken set of a format."""
    for name in ("a", "b"):
        write_picture(root / "train" / f"{name}.png", 96, 96)
    sound = coco_values(scenes(2), points=True)
    for number, image in enumerate(sound["images"]):
        image["file_name"] = f"{'ab'[number]}.png"
    if kind == "coco":
        (root / "train" / "_annotations.coco.json").write_text(broken_json(sound, rng))
    elif kind == "labelme":
        shapes = [{"label": "cat", "points": [[1, 1], [9, 1], [9, 9]], "shape_type": "polygon"}]
        values = {"shapes": shapes, "imagePath": "a.png", "imageWidth": 96, "imageHeight": 96}
        (root / "train" / "a.json").write_text(broken_json(values, rng))
    elif kind == "voc":
        xml = voc_xml("a.png", (96, 96), [("cat", (2, 3, 40, 50)), ("dog", (9, 9, 20, 20))])
        (root / "train" / "a.xml").write_text(broken_text(xml, rng), errors="replace")
    elif kind == "yolo":
        lines = "0 0.5 0.5 0.2 0.2\n1 0.1 0.1 0.3 0.1 0.3 0.3 0.1 0.3\n"
        (root / "train" / "a.txt").write_text(broken_text(lines, rng))
        settings = "train: train\nnames: [cat, dog]\n"
        odd = broken_text(settings, rng) if rng.random() < 0.3 else settings
        (root / "data.yaml").write_text(odd, errors="replace")
    else:
        table = "filename,width,height,class,xmin,ymin,xmax,ymax\ntrain/a.png,96,96,cat,2,3,40,50\n"
        (root / "train.csv").write_text(broken_text(table, rng), errors="replace")


@pytest.mark.parametrize("kind", ["coco", "labelme", "voc", "yolo", "table"])
@pytest.mark.parametrize("seed", range(24))
def test_broken_annotations_end_in_a_line_or_a_note(tmp_path: Path, kind: str, seed: int) -> None:
    written(tmp_path, kind, random.Random(f"{kind} {seed}"))
    dataset, said = None, "no longer of any format"
    try:
        dataset = open_objects(tmp_path)
    except OneStopError as error:
        said = str(error)
    assert "\n" not in said
    assert len(said) > 20
    if dataset is None:
        return
    assert dataset.notes[0].startswith("read as ")
    for samples in dataset.splits.values():
        for index in range(len(samples)):
            value: Any = samples.targets[index]
            height, width = value.size
            assert (value.boxes >= 0).all()
            assert (value.boxes <= (width, height, width, height)).all()
            assert ((value.boxes[:, 2:] - value.boxes[:, :2]) >= 0.99).all()
            assert value.objects.areas.min(initial=1) > 0
