"""Splits decoded once: the same pixels wherever they are kept, and never those of other images."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from onestop.data import cache_file as cache
from onestop.data import pixels as sources
from onestop.data.augmentation import Augmentation
from onestop.data.decoded import DecodedCache, scaled_side
from onestop.data.disk_cache import DiskCache
from onestop.data.loader import Batch, Loader, epoch_plan
from onestop.data.pixels import Cached, choose_source
from onestop.data.preprocess import ImagePreprocessing
from onestop.data.samples import FileSamples
from onestop.data.sources.folder import open_folder
from onestop.errors import BadImageError, UsageError
from onestop.images.pixel_range import PixelRange
from onestop.recipe import Augment, Cache

Photos = Callable[..., Path]
POLICIES: tuple[Augment, ...] = get_args(Augment)
MODES: tuple[Cache, ...] = get_args(Cache)
SIZE = ImagePreprocessing(3, (24, 24), (0.4,) * 3, (0.2,) * 3)


@pytest.fixture
def files(photos: Photos) -> FileSamples:
    """Ten photographs of which 1, 4 and 7 cannot be read."""
    root = photos({"red": 5, "blue": 5})
    samples = open_folder(root).splits["train"]
    assert isinstance(samples, FileSamples)
    for number in (1, 4, 7):
        (root / samples.name(number)).write_text("no image")
    return samples


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the images that were decoded since."""
    numbers: list[int] = []
    read = FileSamples.read

    def note(
        samples: FileSamples, index: int, channels: int, pixel_range: PixelRange = "full"
    ) -> NDArray[np.uint8]:
        numbers.append(index)
        return read(samples, index, channels)

    monkeypatch.setattr(FileSamples, "read", note)
    return numbers


def feed(
    samples: FileSamples, mode: Cache = "disk", augment: Augment = "flip", workers: int = 2,
    to: ImagePreprocessing = SIZE,
) -> tuple[Loader, list[str]]:  # fmt: skip
    """A feed, and what was said while it was made."""
    store, augmentation = DiskCache("photos", "train"), Augmentation(augment, seed=3)
    pixels = choose_source(
        samples, to, parts=augmentation.cuts_parts, workers=workers, keep=mode, store=store
    )
    return Loader(samples, to, augmentation, pixels), store.notes


def epochs(feed: Loader) -> list[Batch]:
    """Two epochs, and once in order."""
    plans = [
        (epoch_plan(len(feed.samples), 4, feed.augmentation.seed, epoch), epoch) for epoch in (0, 1)
    ]
    return [*(batch for plan in plans for batch in feed.train(*plan)), *feed.in_order(4)]


def assert_equal(left: list[Batch], right: list[Batch]) -> None:
    for one, other in zip(left, right, strict=True):
        np.testing.assert_array_equal(one.indices, other.indices)
        assert torch.equal(one.inputs, other.inputs)
        assert torch.equal(one.targets, other.targets)


def the_file() -> Path:
    (path,) = cache.cache_folder().iterdir()
    return path


# --- the same bits ---


@pytest.mark.parametrize("augment", POLICIES)
def test_where_images_are_kept_changes_nothing(files: FileSamples, augment: Augment) -> None:
    expected = epochs(feed(files, "memory", augment)[0])
    for workers in (0, 1, 3):
        for _ in range(2):  # written, then read
            assert_equal(epochs(feed(files, "disk", augment, workers)[0]), expected)
        cache.clear(cache.cache_folder())
    if augment != "resized-crop":
        assert_equal(epochs(feed(files, "none", augment)[0]), expected)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("augment", ["none", "resized-crop"])
def test_statistics_are_of_the_same_images(
    files: FileSamples, mode: Cache, augment: Augment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for small in (True, False):
        if not small:
            monkeypatch.setattr(sources, "KEEP_BYTES", 0)
        kept, read = (
            torch.cat(list(feed(files, m, augment)[0].prepared(5))) for m in (mode, "none")
        )
        assert kept.shape == read.shape
        assert augment == "resized-crop" or torch.equal(kept, read)
        assert (len(kept) == 7) == (small and augment == "none")


@pytest.mark.parametrize("augment", POLICIES)
def test_unreadable_images_are_named_alike_by_all(files: FileSamples, augment: Augment) -> None:
    said = []
    for mode in ("none", "memory", "disk", "disk"):
        found = feed(files, mode, augment)[0]
        epochs(found)
        said.append(found.skipped())
    assert [item.path for item in said[0]] == [files.name(number) for number in (1, 4, 7)]
    assert all(one == said[0] for one in said)


# --- a second run ---


@pytest.mark.parametrize("augment", POLICIES)
def test_a_second_run_decodes_nothing(
    files: FileSamples, augment: Augment, decoded: list[int]
) -> None:
    _, said = feed(files, augment=augment)
    assert sorted(decoded) == list(range(10))
    folder = cache.cache_folder()
    assert said == [f"cache: train: 10 images decoded and cached in {folder}"]
    decoded.clear()
    again, said = feed(files, augment=augment)
    list(again.train(epoch_plan(10, 4, 3, 0), 0))
    list(again.prepared(5))
    assert decoded == []
    assert said == [f"cache: train: 10 images read from {folder}, none decoded"]


def test_nothing_is_written_unasked(files: FileSamples) -> None:
    for mode in ("none", "memory"):
        for augment in POLICIES:
            epochs(feed(files, mode, augment)[0])
    assert not cache.cache_folder().exists()


def test_another_seed_or_normalisation_or_order_of_classes_needs_no_other_file(
    files: FileSamples, decoded: list[int]
) -> None:
    feed(files)
    decoded.clear()
    files.targets = files.targets.onto(("red", "blue"))
    feed(files, to=ImagePreprocessing(3, (24, 24), (0.0,) * 3, (1.0,) * 3))
    assert decoded == []


OTHERS = (
    ImagePreprocessing(1, (24, 24), (0.4,), (0.2,)),
    ImagePreprocessing(3, (20, 24), (0.4,) * 3, (0.2,) * 3),
    ImagePreprocessing(3, (24, 24), (0.4,) * 3, (0.2,) * 3, "pad"),
    ImagePreprocessing(3, (24, 24), (0.4,) * 3, (0.2,) * 3, "crop", 0.875),
    ImagePreprocessing(3, (24, 24), (0.4,) * 3, (0.2,) * 3, "crop", 1.0, "bicubic"),
)


@pytest.mark.parametrize("to", OTHERS)
def test_another_preparation_is_another_file(files: FileSamples, to: ImagePreprocessing) -> None:
    feed(files)
    found, _ = feed(files, to=to)
    assert_equal(epochs(found), epochs(feed(files, "none", to=to)[0]))
    assert len(list(cache.cache_folder().iterdir())) == 2


@pytest.mark.parametrize("augment", ["none", "resized-crop"])
def test_other_decoders_make_other_files(
    files: FileSamples, augment: Augment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n, patch in enumerate(
        ("PIL.__version__", "torch.__version__", "onestop.data.cache_file.FORMAT")
    ):
        feed(files, augment=augment)
        monkeypatch.setattr(patch, "another")
        feed(files, augment=augment)
        assert len(list(cache.cache_folder().iterdir())) == n + 2


# --- never stale, never damaged ---


@pytest.mark.parametrize("augment", ["none", "resized-crop"])
def test_a_source_that_changed_behind_size_and_time_is_decoded_anew(
    files: FileSamples, augment: Augment
) -> None:
    feed(files, augment=augment)
    one, other = (files.root / files.name(number) for number in (0, 9))
    length = max(path.stat().st_size for path in (one, other))
    contents = [path.read_bytes().ljust(length, b"\0") for path in (one, other)]
    for path, content in zip((one, other), contents, strict=True):
        path.write_bytes(content)
        os.utime(path, (1, 1))
    before = epochs(feed(files, augment=augment)[0])
    for path, content in zip((other, one), contents, strict=True):
        path.write_bytes(content)
        os.utime(path, (1, 1))
    after = epochs(feed(files, augment=augment)[0])
    assert_equal(after, epochs(feed(files, "memory", augment)[0]))
    assert not torch.equal(after[-1].inputs, before[-1].inputs)


def test_a_source_that_changes_while_it_is_read_is_not_kept(
    files: FileSamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = FileSamples.read

    def change(
        samples: FileSamples, index: int, channels: int, pixel_range: PixelRange = "full"
    ) -> NDArray[np.uint8]:
        if index == 5:
            (samples.root / samples.name(5)).write_bytes(
                (samples.root / samples.name(0)).read_bytes()
            )
        return read(samples, index, channels)

    monkeypatch.setattr(FileSamples, "read", change)
    found, said = feed(files)
    assert said == [
        f"cache: train: not cached on disk: {cache.cache_folder()}: "
        f"{files.name(5)} changed while it was read"
    ]
    assert list(cache.cache_folder().iterdir()) == []
    assert_equal(epochs(found), epochs(feed(files, "none")[0]))


@pytest.mark.parametrize("augment", ["none", "resized-crop"])
@pytest.mark.parametrize("place", [0, 3000, -1])
def test_a_flipped_byte_is_noticed_and_made_good(
    files: FileSamples, place: int, augment: Augment
) -> None:
    expected = epochs(feed(files, augment=augment)[0])
    path = the_file()
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[place] ^= 4
    path.write_bytes(damaged)
    found, said = feed(files, augment=augment)
    assert [line.startswith(f"cache: train: {path}: ") for line in said] == [True, False]
    assert "rewriting it" in said[0]
    assert_equal(epochs(found), expected)
    del found
    assert the_file().read_bytes() == whole


# --- no disk to keep anything on ---


@pytest.mark.parametrize("augment", ["none", "resized-crop"])
@pytest.mark.parametrize("small", [True, False])
def test_a_full_disk_is_survived(
    files: FileSamples, augment: Augment, small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = epochs(feed(files, "memory", augment)[0])

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache.Writer, "write", full)
    if not small:
        monkeypatch.setattr(sources, "KEEP_BYTES", 0)
    found, said = feed(files, augment=augment)
    folder = cache.cache_folder()
    assert said == [f"cache: train: not cached on disk: {folder}: No space left on device"]
    assert list(folder.iterdir()) == []
    assert isinstance(found.pixels, Cached) == (small and augment == "none")
    assert_equal(epochs(found), expected)


def test_a_folder_that_is_none_is_survived(
    files: FileSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("ONESTOP_CACHE", str(tmp_path / "file"))
    found, said = feed(files)
    assert said == [f"cache: train: not cached on disk: {tmp_path / 'file'}: File exists"]
    assert_equal(epochs(found), epochs(feed(files, "none")[0]))
    assert (tmp_path / "file").read_text() == "mine"


def test_more_than_is_allowed_is_not_written(
    files: FileSamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONESTOP_CACHE_GB", "0.00001")
    found, said = feed(files)
    assert "1.73e-05 GB do not fit into 1e-05 GB; raise ONESTOP_CACHE_GB" in said[0]
    assert not cache.cache_folder().exists()
    assert_equal(epochs(found), epochs(feed(files, "none")[0]))


def test_older_files_make_room_and_that_is_said(
    files: FileSamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed(files)
    monkeypatch.setenv("ONESTOP_CACHE_GB", str(3e4 / 1e9))
    _, said = feed(files, to=OTHERS[1])
    assert "removed 1 least recently used file" in said[0]
    assert len(list(cache.cache_folder().iterdir())) == 1


@pytest.mark.parametrize("trouble", [OSError(errno.EMFILE, "Too many open files"), MemoryError()])
def test_an_image_that_the_machine_could_not_read_is_not_kept_as_unreadable(
    files: FileSamples, trouble: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise BadImageError("damaged: in trouble") from trouble

    with monkeypatch.context() as patch:
        patch.setattr(FileSamples, "read", fail)
        found, said = feed(files)
        assert len(found.pixels.bad) == 10
    assert said[0].endswith(f"{files.name(0)}: damaged: in trouble")
    assert len(feed(files)[0].pixels.bad) == 3


def test_a_file_that_is_not_there_keeps_all_from_being_kept(files: FileSamples) -> None:
    (files.root / files.name(2)).unlink()
    found, said = feed(files)
    assert str(files.root / files.name(2)) in said[0]
    assert "No such file" in said[0]
    assert sorted(found.pixels.bad) == [1, 2, 4, 7]


@pytest.mark.skipif(os.name != "posix", reason="no pipes by name")
def test_a_pipe_among_the_images_stops_nothing(files: FileSamples) -> None:
    pipe = files.root / files.name(2)
    pipe.unlink()
    os.mkfifo(pipe)
    found, said = feed(files)
    assert said == [f"cache: train: not cached on disk: {pipe}: not a file"]
    assert found.pixels.bad[2] == "not a file"


# --- images scaled down ---


def test_scaled_images_have_the_shorter_side_asked_for(files: FileSamples) -> None:
    scaled = DecodedCache(files, SIZE, 0, {}).scaled()
    assert scaled_side(SIZE) == 27
    assert scaled_side(ImagePreprocessing(3, (224, 224), (0,) * 3, (1,) * 3)) == 256
    for index in (0, 2, 9):
        height, width, _ = files.measure(index)
        pixels = scaled.read(index, 3)
        assert pixels.shape == scaled.measure(index)
        assert min(pixels.shape[:2]) == 27
        assert max(pixels.shape[:2]) == round(max(height, width) * 27 / min(height, width))
        assert scaled.name(index) == files.name(index)


def test_images_are_never_scaled_up(files: FileSamples) -> None:
    large = ImagePreprocessing(3, (300, 300), (0.4,) * 3, (0.2,) * 3)
    scaled = DecodedCache(files, large, 0, {}).scaled()
    for index in (0, 2, 9):
        np.testing.assert_array_equal(scaled.read(index, 3), files.read(index, 3))


def test_a_scaled_image_is_the_image_made_smaller(files: FileSamples) -> None:
    scaled = DecodedCache(files, SIZE, 0, {}).scaled()
    for index in (0, 9):
        whole, small = files.read(index, 3), scaled.read(index, 3)
        assert small.mean((0, 1)) == pytest.approx(whole.mean((0, 1)), abs=2)


def test_images_of_one_size_are_kept_too(tmp_path: Path, photos: Photos) -> None:
    samples = open_folder(photos({"red": 1, "blue": 1})).splits["train"]
    assert isinstance(samples, FileSamples)
    (samples.root / samples.name(1)).write_bytes((samples.root / samples.name(0)).read_bytes())
    expected = epochs(feed(samples, "memory", "resized-crop")[0])
    for _ in range(2):
        assert_equal(epochs(feed(samples, "disk", "resized-crop")[0]), expected)


def test_images_none_of_which_can_be_read_are_survived(files: FileSamples) -> None:
    for name in files.paths:
        (files.root / name).write_text("no image")
    for augment in POLICIES:
        for mode in MODES:
            found = feed(files, mode, augment)[0]
            assert all(len(batch.indices) == 0 for batch in epochs(found))
            assert len(found.pixels.bad) == 10


# --- what does not fit into memory ---


@pytest.mark.parametrize("augment", ["none", "resized-crop"])
def test_more_than_there_is_memory_is_refused(
    files: FileSamples, augment: Augment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "KEEP_BYTES", 0)
    feed(files, "memory", augment)
    monkeypatch.setattr("onestop.data.decoded.available", lambda: 100)
    with pytest.raises(UsageError) as caught:
        feed(files, "memory", augment)
    assert str(caught.value).startswith("--cache memory: 10 images need 0.00 GB of memory, but")
    assert str(caught.value).endswith("use --cache none or --cache disk")


def test_neither_disk_nor_memory_is_refused(
    files: FileSamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONESTOP_CACHE_GB", "0")
    monkeypatch.setattr("onestop.data.decoded.available", lambda: 100)
    with pytest.raises(UsageError, match=r"use --cache none, or free up disk space$"):
        feed(files, augment="resized-crop")
    assert isinstance(feed(files)[0].pixels, Cached)  # small enough to be kept in memory as ever
