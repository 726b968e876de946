"""Where prepared samples come from: which source is chosen, and that all say the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from onestop.data import pixels as sources
from onestop.data.augmentation import Augmentation, Change, Draw, part_of
from onestop.data.batch import Chunk
from onestop.data.disk_cache import DiskCache
from onestop.data.pixels import (
    Arrays,
    Cached,
    Decoded,
    Keep,
    PixelSource,
    RandomPart,
    choose_source,
)
from onestop.data.preprocess import ImagePreprocessing, VectorPreprocessing
from onestop.data.samples import ArraySamples, FileSamples, Samples
from onestop.data.sources.folder import open_folder
from onestop.data.targets import Numbers
from onestop.data.torch_samples import TorchSamples
from onestop.images.pixel_range import PixelRange

Photos = Callable[..., Path]
SIZE = ImagePreprocessing(3, (24, 24), (0.4,) * 3, (0.2,) * 3)
PIXELS = np.random.default_rng(0).integers(0, 256, (9, 30, 40, 3), dtype=np.uint8)
ARRAYS = ArraySamples(PIXELS, Numbers(np.zeros(9)))
TORCH = TorchSamples([(image, 0) for image in PIXELS], Numbers(np.zeros(9)), np.arange(9))
VECTORS = ArraySamples(np.zeros((9, 5), np.float32), Numbers(np.zeros(9)))
OF_VECTORS = VectorPreprocessing(5, (0.0,) * 5, (1.0,) * 5)
PLAN = [np.array([3, 0, 8]), np.array([1]), np.array([7, 2])]


@pytest.fixture
def files(photos: Photos) -> FileSamples:
    samples = open_folder(photos({"red": 5, "blue": 4})).splits["train"]
    assert isinstance(samples, FileSamples)
    return samples


def change(policy: Any = "none", epoch: int = 0, **changes: Any) -> Change:
    return Change(Augmentation(policy, seed=3, **changes), epoch, SIZE.mean)


def all_of(chunks: Any) -> Tensor:
    return torch.cat([chunk.images for chunk in chunks])


# --- which one is chosen ---


@pytest.mark.parametrize(
    ("samples", "small", "kept"),
    [(ARRAYS, Cached, Arrays), (TORCH, Cached, Decoded), (None, Cached, Decoded)],
    ids=["arrays", "torch", "files"],
)
def test_small_splits_are_kept_unless_nothing_is_to_be(
    samples: Samples | None, small: type, kept: type, files: FileSamples,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    some = samples or files
    assert type(choose_source(some, SIZE)) is small
    assert type(choose_source(some, SIZE, keep="none")) is kept
    assert type(choose_source(some, SIZE, keep="memory")) is Cached
    assert type(choose_source(some, SIZE, parts=True)) is RandomPart
    monkeypatch.setattr(sources, "KEEP_BYTES", 0)
    assert type(choose_source(some, SIZE)) is kept
    assert type(choose_source(some, SIZE, keep="memory")) is Cached


def test_vectors_are_kept_as_they_are() -> None:
    source = choose_source(VECTORS, OF_VECTORS, keep="memory")
    assert isinstance(source, Cached)
    assert source.images.data_ptr() == VECTORS.values.ctypes.data  # and not copied


def test_only_what_is_read_by_threads_reads_ahead(files: FileSamples) -> None:
    assert not choose_source(files, SIZE).reads_ahead
    assert not choose_source(ARRAYS, SIZE, keep="none").reads_ahead
    assert choose_source(files, SIZE, keep="none").reads_ahead
    assert choose_source(ARRAYS, SIZE, parts=True).reads_ahead


def test_small_splits_are_read_when_they_are_first_used(
    files: FileSamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    read = FileSamples.read

    def note(
        samples: FileSamples, index: int, channels: int, pixel_range: PixelRange = "full"
    ) -> NDArray[np.uint8]:
        seen.append(index)
        return read(samples, index, channels)

    monkeypatch.setattr(FileSamples, "read", note)
    source = choose_source(files, SIZE)
    passes = source.in_order(PLAN)
    assert seen == []
    next(passes)
    list(source.train(PLAN, change()))
    assert sorted(seen) == list(range(9))
    choose_source(files, SIZE, keep="memory")
    assert len(seen) == 18


# --- the same samples from all of them ---


def all_sources(samples: FileSamples) -> dict[str, PixelSource]:
    store = DiskCache("photos", "train")
    keeps: tuple[Keep, ...] = ("small", "none", "memory", "disk")
    return {
        f"{keep}, {workers}": choose_source(samples, SIZE, workers=workers, keep=keep, store=store)
        for keep in keeps
        for workers in (0, 2)
    }


@pytest.mark.parametrize(
    "changed", [change(), change("flip-crop"), change("flip-crop", 1, color=0.5, erase=0.5)]
)
def test_all_sources_give_the_same_chunks(files: FileSamples, changed: Change) -> None:
    for path in files.paths[:2]:
        (files.root / path).write_text("no image")
    plain = torch.stack([SIZE.prepare(files, index) for index in (3, 8, 7, 2)])
    numbers = np.array([3, 8, 7, 2])
    wanted, moves = changed(plain, numbers)
    for name, source in all_sources(files).items():
        assert torch.equal(all_of(source.in_order(PLAN)), plain), name
        chunks = list(source.train(PLAN, changed))
        assert torch.equal(all_of(chunks), wanted), name
        assert np.concatenate([chunk.indices for chunk in chunks]).tolist() == numbers.tolist()
        for field in ("shift", "flip"):
            parts = [getattr(chunk.moves, field) for chunk in chunks]
            if getattr(moves, field) is None:
                assert parts == [None] * len(chunks)
            else:
                np.testing.assert_array_equal(np.concatenate(parts), getattr(moves, field))
        assert sorted(source.bad) == [0, 1], name


def test_kept_samples_come_several_batches_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    source = choose_source(ARRAYS, SIZE)
    (whole,) = source.train(PLAN, change())
    assert (whole.indices.tolist(), list(whole.cuts)) == ([3, 0, 8, 1, 7, 2], [3, 4])
    assert [chunk.indices.tolist() for chunk in source.in_order(PLAN)] == [p.tolist() for p in PLAN]
    monkeypatch.setattr(sources, "CHUNK", 4)
    one, two = source.train(PLAN, change())
    assert (one.indices.tolist(), list(one.cuts)) == ([3, 0, 8, 1], [3])
    assert (two.indices.tolist(), list(two.cuts)) == ([7, 2], [])
    monkeypatch.setattr(sources, "CHUNK", 2)  # but never less than a whole batch
    assert [len(chunk.indices) for chunk in source.train(PLAN, change())] == [3, 1, 2]


def test_statistics_are_of_all_samples_or_of_some_by_chance(
    files: FileSamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = torch.stack([SIZE.prepare(files, index) for index in range(9)])
    for source in all_sources(files).values():
        assert torch.equal(torch.cat(list(source.prepared(4))), everything)
    monkeypatch.setattr(sources, "KEEP_BYTES", 0)
    found = [torch.cat(list(source.prepared(4))) for source in all_sources(files).values()]
    assert all(torch.equal(images, found[0]) for images in found)
    assert len(found[0]) == 4
    parts = choose_source(files, SIZE, parts=True)
    assert torch.equal(torch.cat(list(parts.prepared(4))), found[0])


def test_looking_through_finds_what_is_unreadable(files: FileSamples) -> None:
    (files.root / files.paths[4]).write_text("no image")
    for source in (*all_sources(files).values(), choose_source(files, SIZE, parts=True)):
        source.look_through()
        assert list(source.bad) == [4]


# --- random parts ---


def positions(height: int = 120, width: int = 160) -> ArraySamples:
    """Images whose red is the column and whose green is the row of each pixel."""
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    image = np.stack([columns, rows, np.zeros_like(rows)], axis=-1)
    return ArraySamples(np.repeat(image[None], 60, axis=0), Numbers(np.zeros(60)))


PREPARED = ImagePreprocessing(3, (40, 40), (0.0,) * 3, (1.0,) * 3)


def parts_of(samples: Samples, epoch: int = 0, **changes: Any) -> Chunk:
    source = choose_source(samples, PREPARED, parts=True)
    (chunk,) = source.train([np.arange(len(samples))], change("resized-crop", epoch, **changes))
    return chunk


def test_a_part_is_cut_out_and_resized() -> None:
    chunk, extents = parts_of(positions()), []
    assert (chunk.images.shape, chunk.images.dtype) == ((60, 3, 40, 40), torch.uint8)
    assert chunk.moves.flip is not None
    for image, flipped in zip(chunk.images, chunk.moves.flip.tolist(), strict=True):
        red, green = (image.flip(-1) if flipped else image)[:2].float()
        assert (red.diff(dim=1) >= 0).all()  # neither turned nor mirrored otherwise
        assert (green.diff(dim=0) >= 0).all()
        # Between the middles of the first and last of 40 pixels lie 39 fortieths of the part.
        width = float(red[20, -1] - red[20, 0]) * 40 / 39
        height = float(green[-1, 20] - green[0, 20]) * 40 / 39
        extents.append((width * height / (120 * 160), width / height))
    areas, ratios = np.array(extents).T
    assert 0.3 < areas.min() < 0.5
    assert 0.7 < areas.max() < 1.05
    assert 0.7 < ratios.min() < 0.85
    assert 1.2 < ratios.max() < 1.42


@pytest.mark.parametrize("changes", [{}, {"color": 0.1}])
def test_moves_say_which_part_was_cut_out(changes: dict[str, Any]) -> None:
    chunk = parts_of(positions(), **changes)
    assert chunk.moves.crop is not None
    assert chunk.moves.crop.shape == (60, 4)
    for index, crop in enumerate(chunk.moves.crop.tolist()):
        top, left, h, w = part_of(120, 160, Draw(3, 0, np.array([index])))
        assert crop == pytest.approx((top / 120, left / 160, h / 120, w / 160))


def test_a_part_is_a_function_of_seed_epoch_and_image() -> None:
    first, again, other = (parts_of(positions(), epoch).images for epoch in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[3], first[4])
