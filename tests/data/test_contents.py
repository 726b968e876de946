"""What a data set holds: the same wherever it lies, another one with each change of a pixel."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from onestop.data import open_data, signatures
from onestop.data.contents import contents_of, keys_of, recall
from onestop.data.dataset import Dataset
from onestop.data.digests import UNREADABLE, key_of
from onestop.data.samples import ArraySamples, FileSamples
from onestop.data.targets import Classes, Numbers

Photos = Callable[..., Path]


def prints(root: Path) -> str:
    return contents_of(open_data(root)).fingerprint


def test_a_key_follows_from_the_bytes_of_a_file(photos: Photos) -> None:
    root = photos({"red": 3, "blue": 3})
    dataset = open_data(root, val_fraction=0)
    keys = contents_of(dataset).keys["train"]
    digest = hashlib.sha256((root / dataset.splits["train"].name(4)).read_bytes()).digest()
    assert int(keys[4]) == key_of(digest)
    assert len(set(keys.tolist())) == 6


def test_moved_copied_and_renamed_images_are_the_same(photos: Photos, tmp_path: Path) -> None:
    root = photos({"red": 4, "blue": 4})
    before = prints(root)
    shutil.copytree(root, tmp_path / "copy")
    for path in sorted((tmp_path / "copy" / "red").iterdir()):
        path.rename(path.with_name(f"new {path.name}"))
    assert prints(tmp_path / "copy") == before


@pytest.mark.parametrize(
    "change", ["exchange", "pixel", "order", "label", "class name", "remove", "add"]
)
def test_every_change_of_content_is_noticed(photos: Photos, change: str) -> None:
    root = photos({"red": 4, "blue": 4}, suffix=".bmp")
    before = prints(root)
    red, blue = root / "red" / "001.bmp", root / "blue" / "002.bmp"
    if change in ("exchange", "order"):
        other = blue if change == "exchange" else red.with_name("003.bmp")
        red.rename(root / "x")
        other.rename(red)
        (root / "x").rename(other)
    elif change == "pixel":  # of equal size and with the old times
        times = red.stat()
        red.write_bytes(red.read_bytes()[:-1] + b"\x07")
        os.utime(red, ns=(times.st_atime_ns, times.st_mtime_ns))
    elif change == "label":
        red.rename(blue.with_name("red.bmp"))
    elif change == "class name":
        (root / "red").rename(root / "rad")
    elif change == "remove":
        red.unlink()
    else:
        shutil.copy(red, red.with_name("copy.bmp"))
    assert prints(root) != before


def test_unreadable_files_have_no_content_of_their_own(photos: Photos) -> None:
    root = photos({"red": 3, "blue": 3})
    dataset = open_data(root, val_fraction=0)
    (root / "blue" / "001.jpg").unlink()
    assert contents_of(dataset).keys["train"].tolist().count(UNREADABLE) == 1


def test_what_was_read_for_another_reason_is_not_read_again(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = open_data(photos({"red": 5, "blue": 5}), val_fraction=0)
    expected = keys_of(open_data(photos({"red": 5, "blue": 5}), val_fraction=0).splits["train"])
    train = dataset.splits["train"]
    for index in range(3):
        train.read(index, 3)
    train.digest(3)
    train.content(4)
    read, reads = FileSamples.identify, list[int]()

    def noted(samples: FileSamples, index: int) -> bytes:
        reads.append(index)
        return read(samples, index)

    monkeypatch.setattr(FileSamples, "identify", noted)
    assert contents_of(dataset).keys["train"].tolist() == expected.tolist()
    assert sorted(reads) == list(range(5, 10))
    contents_of(dataset)
    assert len(reads) == 5


def test_files_that_have_not_changed_are_recalled_without_being_read(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signatures, "_FILES", 1)
    root = photos({"red": 4, "blue": 4})
    settled = time.time() - 60
    for path in root.rglob("*.jpg"):
        os.utime(path, (settled, settled))
    monkeypatch.setattr(signatures, "_RACY", -60 * 10**9)  # its entry was changed just now
    before = contents_of(open_data(root))
    (root / "red" / "000.jpg").write_bytes((root / "red" / "001.jpg").read_bytes())

    dataset = open_data(root)
    recall(dataset)
    unknown = {
        samples.name(i) for samples in dataset.splits.values() for i in samples.digests.unknown()
    }
    assert unknown == {"red/000.jpg"}
    assert contents_of(dataset).fingerprint != before.fingerprint


def test_long_reading_is_announced(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "_FILES", 1)
    monkeypatch.setattr("onestop.data.contents._LONG", 1)
    lines = list[str]()
    contents_of(open_data(photos({"red": 4, "blue": 4})), lines.append)
    assert lines == ["reading 0.0 GB of images once, to notice later if they have changed"]


def test_arrays_of_other_shapes_are_other_data() -> None:
    targets = Classes(np.array([0, 1]), ("a", "b"))
    shapes = [(2, 4, 2, 1), (2, 2, 4, 1), (2, 2, 2, 2)]
    found = {
        contents_of(
            Dataset("x", {"train": ArraySamples(np.zeros(shape, np.uint8), targets)})
        ).fingerprint
        for shape in shapes
    }
    assert len(found) == 3


def test_targets_and_classes_count(photos: Photos) -> None:
    samples = open_data(photos({"red": 3, "blue": 3}), val_fraction=0).splits["train"]
    kinds = [
        Classes(np.array([0, 0, 0, 1, 1, 1]), ("a", "b")),
        Classes(np.array([0, 0, 1, 1, 1, 1]), ("a", "b")),
        Classes(np.array([0, 0, 0, 1, 1, 1]), ("a", "c")),
        Numbers(np.arange(6, dtype=np.float32)),
    ]
    found = {
        contents_of(Dataset("x", {"train": samples.with_targets(kind)})).fingerprint
        for kind in kinds
    }
    assert len(found) == 4
