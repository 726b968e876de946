"""Pixels out of a file of the cache: found by content, and never those of other images.

What becomes of batches is tested in `test_decoded.py`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from onestop.data import cache_file
from onestop.data.cache_file import cache_folder
from onestop.data.disk_cache import DiskCache, Job, pack
from onestop.data.samples import FileSamples
from onestop.data.targets import Numbers
from onestop.errors import BadImageError
from onestop.images.pillow import Pixels


@pytest.fixture
def files(tmp_path: Path) -> FileSamples:
    """Three files; of the second nothing can be read."""
    for name in "abc":
        (tmp_path / name).write_text(name * 9)
    return FileSamples(tmp_path, list("abc"), Numbers(np.zeros(3)))


def job(samples: FileSamples, seen: list[int] | None = None, workers: int = 0) -> Job:
    """Images of as many rows as their number says, one-coloured."""

    def load(index: int) -> Pixels:
        if seen is not None:
            seen.append(index)
        if index == 1:
            raise BadImageError("the second")
        return np.full((index + 1, 4, 1), 10 * index, np.uint8)

    return Job(samples, load, (0, 4, 1), workers)


@pytest.mark.parametrize("workers", [0, 2])
def test_pixels_are_loaded_once_and_then_come_out_of_the_file(
    files: FileSamples, workers: int
) -> None:
    seen: list[int] = []
    for _ in range(2):
        store = DiskCache("letters", "train")
        found = store.get(job(files, seen, workers), {"kind": "test"}, lambda: 100)
        assert found is not None
        assert found.pixels.tolist() == [0] * 4 + [20] * 12
        assert found.shapes == [(1, 4, 1), (0, 4, 1), (3, 4, 1)]
        assert found.bad == {1: "the second"}
        del found
    assert sorted(seen) == [0, 1, 2]
    assert store.notes == [f"cache: train: 3 images read from {cache_folder()}, none decoded"]


def test_another_content_order_or_way_is_another_file(files: FileSamples) -> None:
    store = DiskCache("letters", "train")

    def count() -> int:
        return len(list(cache_folder().iterdir()))

    store.get(job(files), {"kind": "test"}, lambda: 100)
    for size, other in (("2", files), ("1", files.take(np.array([0, 2, 1])))):
        before = count()
        store.get(job(other), {"kind": "test", "size": size}, lambda: 100)
        assert count() == before + 1
    before = count()
    (files.root / "c").write_text("another")
    store.get(job(files), {"kind": "test"}, lambda: 100)
    assert count() == before + 1


def test_targets_need_no_other_file(files: FileSamples) -> None:
    store = DiskCache("letters", "train")
    store.get(job(files), {}, lambda: 100)
    store.get(job(files.with_targets(Numbers(np.ones(3)))), {}, lambda: 100)
    assert len(list(cache_folder().iterdir())) == 1


def test_what_does_not_fit_is_said(files: FileSamples, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONESTOP_CACHE_GB", "0.000000001")
    store = DiskCache("letters", "train")
    assert store.get(job(files), {}, lambda: 100) is None
    assert "1e-07 GB do not fit" in store.notes[0]


def test_pixels_are_packed_one_after_the_other(files: FileSamples) -> None:
    sink = io.BytesIO()
    shapes, bad = pack(job(files), sink)
    assert sink.getvalue() == bytes([0] * 4 + [20] * 12)
    assert (shapes, bad) == ([(1, 4, 1), (0, 4, 1), (3, 4, 1)], {1: "the second"})


def test_a_refusal_goes_when_what_it_depends_on_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image of too many pixels; the limit is raised, as the refusal says; and lowered again."""
    for name, side in (("a", 10), ("b", 30)):
        Image.new("L", (side, side)).save(tmp_path / f"{name}.png")
    samples = FileSamples(tmp_path, ["a.png", "b.png"], Numbers(np.zeros(2)))
    pixels = Job(samples, lambda i: samples.read(i, 1)[:10, :10], (10, 10, 1), 0)

    def bad() -> dict[int, str]:
        found = DiskCache("x", "train").get(pixels, {}, lambda: 100)
        assert found is not None
        return found.bad

    assert bad() == {}
    monkeypatch.setenv("ONESTOP_MAX_PIXELS", "500")
    assert list(bad()) == [1]
    monkeypatch.setenv("ONESTOP_MAX_PIXELS", "1000")
    assert bad() == {}
    monkeypatch.setenv("ONESTOP_MAX_PIXELS", "500")
    assert list(bad()) == [1]


@pytest.mark.parametrize(
    "name", ["formats", "MAX_BYTES", "decoders"], ids=["a decoder more", "bytes", "a version"]
)
def test_decoders_versions_and_limits_are_part_of_the_name(
    name: str, files: FileSamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    DiskCache("letters", "train").get(job(files), {}, lambda: 100)
    if name == "decoders":
        monkeypatch.setattr("onestop.data.disk_cache.decoders", lambda: "heif 2.0")
    else:
        value = 7 if name == "MAX_BYTES" else lambda: ("JPEG", "HEIF")
        monkeypatch.setattr(f"onestop.images.formats.{name}", value)
    DiskCache("letters", "train").get(job(files), {}, lambda: 100)
    assert len(list(cache_folder().iterdir())) == 2


def test_a_limit_of_time_that_was_exceeded_is_not_kept(files: FileSamples) -> None:
    def load(index: int) -> Pixels:
        raise BadImageError(f"{index} took too long") from TimeoutError()

    store = DiskCache("letters", "train")
    assert store.get(Job(files, load, (0, 4, 1), 0), {}, lambda: 100) is None
    assert not list(cache_folder().glob("*.images"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"shapes": []}, {"shapes": [[1, 4, 1]]}, {"shapes": [[1, 4, 1]] * 3}, {"shapes": "x"},
        {"shapes": [[4, 1, 1], [0, 4, 1], [3, 4, 1]]}, {"shapes": [[1, 4], [0, 4, 1], [3, 4, 1]]},
        {"shapes": [[-1, 4, 1], [2, 4, 1], [3, 4, 1]]}, {"images": 4}, {"images": "3"}, {"images": 0},
        {"bad": {"99": "x"}}, {"bad": {"x": "y"}}, {"bad": [1]}, {"bad": {"1": 5}}, {"bad": None},
        {"bytes": "16"}, {"bytes": -1}, {"sha256": []}, {"sha256": [3]}, {"sha256": "x"}, {"key": 3},
    ],
    ids=str,
)  # fmt: skip
def test_a_file_with_a_right_checksum_and_wrong_values_is_made_anew(
    files: FileSamples, wrong: dict[str, Any]
) -> None:
    """Whoever may write into the cache can give a description its checksum."""
    store = DiskCache("letters", "train")
    good = store.get(job(files), {"kind": "test"}, lambda: 100)
    assert good is not None
    (path,) = cache_folder().iterdir()
    whole = path.read_bytes()
    _, length, magic = cache_file._TRAILER.unpack(whole[-cache_file._TRAILER.size :])
    about = json.loads(whole[16:][:length])
    text = json.dumps({**about, **wrong}).encode()
    trailer = cache_file._TRAILER.pack(hashlib.sha256(text).digest(), len(text), magic)
    path.write_bytes(whole[:16] + text + trailer)
    store.notes.clear()
    again = store.get(job(files), {"kind": "test"}, lambda: 100)
    assert again is not None
    assert again.pixels.tolist() == good.pixels.tolist()
    assert (again.shapes, again.bad) == (good.shapes, good.bad)
    assert "rewriting it" in store.notes[0]
    assert path.read_bytes() == whole


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_a_pipe_in_the_cache_is_not_waited_for(files: FileSamples) -> None:
    store = DiskCache("letters", "train")
    assert store.get(job(files), {"kind": "test"}, lambda: 100) is not None
    (path,) = cache_folder().iterdir()
    path.unlink()
    os.mkfifo(path)
    assert store.get(job(files), {"kind": "test"}, lambda: 100) is None
    assert store.notes[-1].endswith(f"not cached on disk: {path}: is not a file")
