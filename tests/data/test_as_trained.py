"""What was held out is found again, and nothing that was trained on is taken for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onestop.data import open_data
from onestop.data.as_trained import AsTrained, as_trained
from onestop.data.contents import contents_of
from onestop.data.dataset import Dataset
from onestop.data.split_record import SplitRecord, record_of

Photos = Callable[..., Path]


def remembered(root: Path | str, **options: object) -> tuple[Dataset, SplitRecord]:
    dataset = open_data(root, **options)  # type: ignore[arg-type]
    record = record_of(dataset, contents_of(dataset))
    assert record is not None
    return dataset, record


def again(root: Path, record: SplitRecord) -> AsTrained:
    return as_trained(open_data(root, val_fraction=0, for_training=False), record)


def names(dataset: Dataset, split: str) -> list[str]:
    samples = dataset.splits[split]
    return [samples.name(index) for index in range(len(samples))]


def new_image(path: Path) -> None:
    Image.fromarray(np.full((40, 40, 3), hash(path.name) % 200, np.uint8)).save(path)


@pytest.mark.parametrize(
    "counts", [{"red": 20, "blue": 20}, {"train/red": 9, "train/blue": 9, "test/red": 3}]
)
def test_unchanged_data_have_the_same_splits_in_the_same_order(
    photos: Photos, counts: dict[str, int]
) -> None:
    root = photos(counts)
    before, record = remembered(root)
    now = again(root, record)
    assert list(now.dataset.splits) == list(before.splits)
    for split in before.splits:
        assert names(now.dataset, split) == names(before, split)
        assert now.changes(split) == ""
        words = [s.splits[split].targets.words(0) for s in (now.dataset, before)]
        assert words[0] == words[1]


def test_new_images_are_neither_trained_on_nor_held_out(photos: Photos) -> None:
    root = photos({"red": 20, "blue": 20})
    before, record = remembered(root)
    for number in range(10):
        new_image(root / "red" / f"00{number}new.jpg")
    now = again(root, record)
    assert names(now.dataset, "val") == names(before, "val")
    assert now.changes("val") == "10 new images not scored"


def test_copies_under_other_names_stay_what_they_were(photos: Photos) -> None:
    root = photos({"red": 20, "blue": 20})
    before, record = remembered(root)
    for path in sorted((root / "red").iterdir()):
        shutil.copy(path, path.with_name(f"00{path.name}"))
    now = again(root, record)
    assert names(now.dataset, "val") == names(before, "val")
    assert now.changes("val") == ""
    trained = set(names(now.dataset, "train"))
    assert {f"red/00{Path(name).name}" for name in names(before, "train")[-18:]} <= trained


def test_renamed_images_are_found(photos: Photos) -> None:
    root = photos({"red": 20, "blue": 20})
    before, record = remembered(root)
    for name in names(before, "val"):
        path = root / name
        path.rename(path.with_name(f"zz{path.name}"))
    now = again(root, record)
    renamed = [str(Path(n).with_name(f"zz{Path(n).name}")) for n in names(before, "val")]
    assert sorted(names(now.dataset, "val")) == sorted(renamed)
    assert now.changes("val") == ""


def test_images_that_are_gone_or_changed_are_not_scored(photos: Photos) -> None:
    root = photos({"red": 20, "blue": 20})
    before, record = remembered(root)
    held, trained = names(before, "val"), names(before, "train")
    (root / held[0]).unlink()
    new_image(root / held[1])
    (root / trained[0]).unlink()
    new_image(root / "red" / "another.jpg")
    now = again(root, record)
    assert names(now.dataset, "val") == held[2:]
    assert now.changes("val") == (
        "1 new image not scored, 1 of the 4 val images gone, "
        "1 of the 4 val images changed and not scored, 1 training image gone or changed"
    )


def test_another_label_is_told_and_the_image_scored_with_it(photos: Photos) -> None:
    root = photos({"red": 20, "blue": 20})
    before, record = remembered(root)
    held = names(before, "val")
    path = root / next(name for name in held if name.startswith("red"))
    path.rename(root / "blue" / f"was red {path.name}")
    now = again(root, record)
    assert len(names(now.dataset, "val")) == 4
    assert now.changes("val") == "1 of the 4 val images with another label"


def test_held_out_images_are_found_in_other_splits(photos: Photos) -> None:
    """As when somebody sorts a folder into train/ and val/ afterwards, by another draw."""
    root = photos({"red": 20, "blue": 20})
    before, record = remembered(root)
    for place, path in enumerate(sorted(root.rglob("*.jpg"))):
        to = root / ("val" if place % 5 == 0 else "train") / path.parent.name
        to.mkdir(parents=True, exist_ok=True)
        path.rename(to / path.name)
    for name in ("red", "blue"):
        (root / name).rmdir()
    now = again(root, record)
    found = {tuple(Path(name).parts[-2:]) for name in names(now.dataset, "val")}
    assert found == {tuple(Path(name).parts) for name in names(before, "val")}
    assert now.changes("val") == ""


def test_of_copies_in_two_splits_each_keeps_its_own(photos: Photos) -> None:
    root = photos({"train/red": 6, "train/blue": 6, "test/red": 3, "test/blue": 3})
    for name in ("red", "blue"):
        shutil.copy(root / "train" / name / "000.jpg", root / "test" / name / "001.jpg")
    before, record = remembered(root, val_fraction=0)
    now = again(root, record)
    assert names(now.dataset, "test") == names(before, "test")
    assert names(now.dataset, "train") == names(before, "train")
    assert record.count_trained_on(contents_of(now.dataset).keys["test"]) == 2


def test_classes_that_are_new_do_not_shift_the_others(photos: Photos) -> None:
    root = photos({"red": 20, "blue": 20})
    before, record = remembered(root)
    (root / "amber").mkdir()
    new_image(root / "amber" / "0.jpg")
    now = again(root, record)
    dataset = now.dataset.onto(before.classes)
    assert [dataset.splits["val"].targets.text(i) for i in range(4)] == ["blue"] * 2 + ["red"] * 2
    assert now.changes("val") == "1 new image not scored"


def test_groups_labels_and_numbers_are_found_again(photos: Photos) -> None:
    root = photos({"red": 12, "blue": 12})
    paths = sorted(p.relative_to(root).as_posix() for p in root.rglob("*.jpg"))
    tables = {
        "group.csv": ["path,label,group"]
        + [f"{p},{p.split('/')[0]},{i // 3}" for i, p in enumerate(paths)],
        "labels.csv": ["path,labels"]
        + [f"{p},{p.split('/')[0]}|{'even' if i % 2 else 'odd'}" for i, p in enumerate(paths)],
    }
    for name, rows in tables.items():
        table = root / name
        table.write_text("\n".join(rows) + "\n")
        before, record = remembered(table, val_fraction=0.25)
        shuffled = [rows[0], *reversed(rows[1:])]
        table.write_text("\n".join(shuffled) + "\n")
        now = again(table, record)
        assert sorted(names(now.dataset, "val")) == sorted(names(before, "val"))
        assert now.changes("val") == ""


def test_arrays_are_found_by_content_in_another_order() -> None:
    images = np.random.default_rng(0).integers(0, 256, (30, 4, 4, 1), dtype=np.uint8)
    labels = list("ab") * 15
    before, record = remembered((images, labels), val_fraction=0.2)  # type: ignore[arg-type]
    order = np.random.default_rng(1).permutation(30)
    source = (images[order], [labels[i] for i in order])
    now = as_trained(open_data(source, val_fraction=0), record)
    held = {images[int(name[1:])].tobytes() for name in names(before, "val")}
    found = {images[order[int(name[1:])]].tobytes() for name in names(now.dataset, "val")}
    assert found == held
    assert now.changes("val") == ""
