"""What training looks at by itself: exact copies, classes and groups, nothing decoded."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from onestop.data import open_data
from onestop.data.samples import FileSamples
from onestop.linting.quick import quick_lint, warning

Photos = Callable[..., Path]
FOUR = {"train/red": 12, "train/blue": 12, "val/red": 3, "val/blue": 3}


def test_nothing_is_said_of_good_data(photos: Photos) -> None:
    dataset = open_data(photos(FOUR))
    assert quick_lint(dataset) == []
    assert warning(dataset) == ""


def test_no_image_is_decoded(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = open_data(photos(FOUR))
    monkeypatch.delattr(FileSamples, "read")
    monkeypatch.delattr(FileSamples, "measure")
    assert quick_lint(dataset) == []


def test_only_files_of_equal_size_are_read(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    root, read = photos(FOUR), list[str]()
    shutil.copy(root / "train/red/000.jpg", root / "val/red/copy.jpg")
    digest = FileSamples.digest

    def noted(self: FileSamples, index: int) -> bytes:
        read.append(Path(self.paths[index]).as_posix())
        return digest(self, index)

    monkeypatch.setattr(FileSamples, "digest", noted)
    assert "across splits" in quick_lint(open_data(root))[0].kind
    sizes = [path.stat().st_size for path in root.glob("*/*/*")]
    assert len(read) == sum(sizes.count(size) > 1 for size in sizes) < len(sizes)


def test_copies_are_sorted_by_what_is_wrong_with_them(photos: Photos) -> None:
    root = photos(FOUR)
    shutil.copy(root / "train/red/000.jpg", root / "val/red/leak.jpg")
    shutil.copy(root / "train/red/001.jpg", root / "train/blue/two.jpg")
    shutil.copy(root / "train/red/002.jpg", root / "train/red/harmless.jpg")
    shutil.copy(root / "train/red/003.jpg", root / "val/blue/both.jpg")
    found = {finding.kind: finding for finding in quick_lint(open_data(root))}
    assert {kind: (f.level, f.images) for kind, f in found.items()} == {
        "copies across splits": ("leak", 4),
        "copies of two classes": ("warning", 4),
        "copies in a split": ("note", 2),
    }
    said = warning(open_data(root))
    assert said.startswith("warning: 4 images, exact copies of each other, are in several splits; ")
    assert said.endswith("(details: onestop lint)")
    assert "in one split" not in said


def test_copies_that_holding_out_tears_apart_are_found(photos: Photos) -> None:
    root = photos({"red": 10, "blue": 10})
    for number in range(10):
        shutil.copy(root / f"red/{number:03d}.jpg", root / f"red/copy{number}.jpg")
    assert "are in several splits" in warning(open_data(root, val_fraction=0.3))


def test_arrays(photos: Photos) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (40, 8, 8), dtype=np.uint8)
    images[7] = images[3]
    labels = np.arange(40) % 2
    labels[7], labels[3] = 0, 1
    found = quick_lint(open_data((images, labels), val_fraction=0))
    assert [(f.kind, f.images) for f in found] == [("copies of two classes", 2)]


def test_vectors_are_let_be() -> None:
    assert warning(open_data((np.zeros((40, 3)), np.arange(40) / 40))) == ""


def test_groups_over_several_splits_are_a_leak(photos: Photos) -> None:
    root = photos({"a": 12, "b": 12})
    rows = [
        f"{name}/{i:03d}.jpg,{name},{'val' if i == 11 else 'train'},patient{i % 11}"
        for name in "ab"
        for i in range(12)
    ]
    table = root / "table.csv"
    table.write_text("path,label,split,group\n" + "\n".join(rows) + "\n")
    (finding,) = quick_lint(open_data(table))
    assert (finding.kind, finding.level, finding.images) == ("groups across splits", "leak", 4)
    assert finding.text == "1 group with images in several splits"


def test_classes_small_missing_and_uneven(photos: Photos) -> None:
    root = photos({"train/a": 100, "train/b": 4, "train/c": 12, "val/a": 1, "val/b": 1})
    found = quick_lint(open_data(root))
    assert [finding.text for finding in found] == [
        "split 'val' has no images of c",
        "1 class with under 10 images: b 4",
        "class 'a' has 100 images and 'b' 4; --balance loss weights the classes equally",
    ]
