"""Broken annotations of every format end in a line, or in a data set with a counted note.

120 files are made from sound ones: cut, with values replaced, doubled or removed.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from onestop.data.dataset import Dataset
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


KINDS, SEEDS = ("coco", "labelme", "voc", "yolo", "table"), range(24)


def annotations_in(root: Path) -> bytes:
    """What is annotated in a set, as it lies on the disk."""
    files = sorted(path for path in root.rglob("*") if path.suffix not in ("", ".png"))
    return b"\0".join(path.name.encode() + path.read_bytes() for path in files)


def objects_in(dataset: Dataset) -> int:
    """Objects of all splits."""
    splits: Any = dataset.splits.values()
    return sum(len(samples.targets[k]) for samples in splits for k in range(len(samples)))


class Sound(random.Random):
    """Breaks nothing."""

    def randint(self, _: int, __: int) -> int:
        return 0

    def random(self) -> float:
        return 1.0


def test_more_than_sixty_different_sets_are_broken(tmp_path: Path) -> None:
    sound, broken = set[bytes](), set[bytes]()
    for kind in KINDS:
        written(tmp_path / kind, kind, Sound())
        sound.add(annotations_in(tmp_path / kind))
        for seed in SEEDS:
            root = tmp_path / f"{kind}-{seed}"
            written(root, kind, random.Random(f"{kind} {seed}"))
            broken.add(annotations_in(root))
    assert len(sound) == len(KINDS)
    assert len(broken - sound) >= 60
    assert len(broken - sound) > 0.9 * len(KINDS) * len(SEEDS), "hardly any was left as it was"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_lost_is_counted(tmp_path: Path, kind: str) -> None:
    """A set with fewer objects than the sound one has another note or names what is not used."""
    written(tmp_path / "sound", kind, Sound())
    sound = open_objects(tmp_path / "sound")
    assert sound is not None
    said = set(sound.notes)
    for seed in SEEDS:
        root = tmp_path / str(seed)
        written(root, kind, random.Random(f"{kind} {seed}"))
        try:
            dataset = open_objects(root)
        except OneStopError:
            continue
        if dataset is not None and objects_in(dataset) < objects_in(sound):
            more = [note for note in dataset.notes[1:] if note not in said]
            assert more or dataset.skipped, (seed, dataset.notes)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
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
