"""Batches: the same whatever the number of threads, and whatever is kept in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from onestop.data import pixels as sources
from onestop.data.augmentation import Augmentation, Change, Draw
from onestop.data.loader import Batch, Loader, epoch_plan
from onestop.data.pixels import Arrays, Cached, Decoded, Keep, RandomPart, choose_source
from onestop.data.preprocess import ImagePreprocessing, Preprocessing, VectorPreprocessing
from onestop.data.samples import ArraySamples, FileSamples, Samples
from onestop.data.sources.folder import open_folder
from onestop.data.targets import Classes, Numbers
from onestop.errors import BadImageError
from onestop.images.pixel_range import PixelRange
from onestop.recipe import Augment

Photos = Callable[..., Path]
POLICIES: tuple[Augment, ...] = get_args(Augment)
SIZE = ImagePreprocessing(3, (24, 24), (0.4,) * 3, (0.2,) * 3)


@pytest.fixture
def files(photos: Photos) -> Samples:
    """Twenty-three photographs in two classes."""
    return open_folder(photos({"red": 12, "blue": 11})).splits["train"]


@pytest.fixture
def damaged(photos: Photos) -> FileSamples:
    """Ten photographs of which 1, 4 and 7 cannot be read."""
    root = photos({"red": 5, "blue": 5})
    samples = open_folder(root).splits["train"]
    assert isinstance(samples, FileSamples)
    for number in (1, 4, 7):
        (root / samples.name(number)).write_text("no image")
    return samples


def loader(
    samples: Samples, augment: Augment = "none", *, to: Preprocessing = SIZE, workers: int = 0,
    keep: bool = True, **changes: Any,
) -> Loader:  # fmt: skip
    """A loader of samples that are kept in memory, or not at all."""
    how: Keep = "small" if keep else "none"
    augmentation = Augmentation(augment, **changes)
    pixels = choose_source(samples, to, parts=augmentation.cuts_parts, workers=workers, keep=how)
    return Loader(samples, to, augmentation, pixels)


def targets_of(samples: Samples, indices: NDArray[np.int64]) -> list[Any]:
    targets: list[Any] = samples.targets.batch(indices).tolist()
    return targets


def epoch_of(feed: Loader, epoch: int, batch_size: int = 5) -> list[Batch]:
    plan = epoch_plan(len(feed.samples), batch_size, feed.augmentation.seed, epoch)
    return list(feed.train(plan, epoch))


def assert_equal(left: list[Batch], right: list[Batch]) -> None:
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        np.testing.assert_array_equal(one.indices, other.indices)
        assert torch.equal(one.inputs, other.inputs)
        assert torch.equal(one.targets, other.targets)


# --- nothing but seed, epoch and image counts ---


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("augment", POLICIES)
def test_the_number_of_threads_changes_nothing(
    files: Samples, augment: Augment, keep: bool
) -> None:
    epochs = {
        workers: [
            *epoch_of(feed, 0), *epoch_of(feed, 1), *feed.in_order(4),
        ]
        for workers in (0, 1, 2, 4)
        for feed in [loader(files, augment, workers=workers, seed=3, keep=keep)]
    }  # fmt: skip
    for workers in (1, 2, 4):
        assert_equal(epochs[workers], epochs[0])


@pytest.mark.parametrize("augment", POLICIES)
def test_keeping_images_changes_nothing(files: Samples, augment: Augment) -> None:
    kept, read = (loader(files, augment, keep=keep) for keep in (True, False))
    parts = augment == "resized-crop"  # of which nothing is kept
    assert isinstance(kept.pixels, RandomPart if parts else Cached)
    assert isinstance(read.pixels, RandomPart if parts else Decoded)
    for epoch in (0, 1):
        assert_equal(epoch_of(kept, epoch), epoch_of(read, epoch))
    assert_equal(list(kept.in_order(7)), list(read.in_order(7)))


@pytest.mark.parametrize("workers", [0, 2])
def test_arrays_kept_or_not_are_the_same(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("pixels", "decoded"):
        monkeypatch.setattr(f"onestop.data.{module}.CHUNK", 8)  # several chunks, the last one short
    pixels = np.random.default_rng(0).integers(0, 256, (21, 30, 40, 1), dtype=np.uint8)
    samples = ArraySamples(pixels, Classes(np.arange(21), [str(k) for k in range(21)]))
    kept, read = (loader(samples, workers=workers, keep=keep) for keep in (True, False))
    assert isinstance(read.pixels, Arrays)
    assert_equal(list(kept.in_order(4)), list(read.in_order(4)))
    assert_equal(epoch_of(kept, 2), epoch_of(read, 2))
    np.testing.assert_array_equal(samples.values, pixels)


@pytest.mark.parametrize("keep", [True, False])
def test_vectors_are_fed_as_they_are(keep: bool) -> None:
    vectors = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    numbers = np.linspace(0, 1, 7, dtype=np.float32)
    samples = ArraySamples(vectors, Numbers(numbers))
    feed = loader(samples, to=VectorPreprocessing(3, (0.0,) * 3, (1.0,) * 3), keep=keep)
    batches = list(feed.in_order(3))
    np.testing.assert_array_equal(torch.cat([batch.inputs for batch in batches]), vectors)
    np.testing.assert_array_equal(torch.cat([batch.targets for batch in batches]), numbers)


def test_a_split_that_is_too_large_is_not_kept(
    files: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    bytes_needed = len(files) * 3 * 24 * 24
    monkeypatch.setattr(sources, "KEEP_BYTES", bytes_needed)
    assert isinstance(Loader(files, SIZE).pixels, Cached)
    monkeypatch.setattr(sources, "KEEP_BYTES", bytes_needed - 1)
    assert isinstance(Loader(files, SIZE).pixels, Decoded)


ALL_CHANGES: dict[str, Any] = {"auto": "rand", "color": 0.4, "erase": 0.5}
BOTH: dict[str, Any] = {"mixup": 0.8, "cutmix": 1.0}


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("augment", ["crop", "resized-crop"])
def test_with_all_changes_and_mixing_neither_threads_nor_keeping_matter(
    files: Samples, augment: Augment, keep: bool
) -> None:
    def feed(workers: int, keep: bool) -> Loader:
        return loader(files, augment, workers=workers, seed=3, keep=keep, **ALL_CHANGES, **BOTH)

    for epoch in (0, 1):
        one = epoch_of(feed(0, keep=True), epoch)
        for workers in (0, 1, 3):
            assert_equal(epoch_of(feed(workers, keep), epoch), one)
        rest = feed(2, keep).train(epoch_plan(23, 5, 3, epoch)[2:], epoch)
        assert_equal(list(rest), one[2:])
    plain = Loader(files, SIZE)
    assert_equal(list(feed(2, keep).in_order(7)), list(plain.in_order(7)))


def test_arrays_that_are_not_kept_are_changed_too() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (21, 30, 40, 3), dtype=np.uint8)
    samples = ArraySamples(pixels, Classes(np.arange(21) % 2, ("a", "b")))
    changes = ALL_CHANGES | BOTH
    kept, read = (loader(samples, "flip", keep=keep, **changes) for keep in (True, False))
    assert_equal(epoch_of(kept, 2), epoch_of(read, 2))


@pytest.mark.parametrize("keep", [True, False])
def test_what_is_erased_is_about_zero_for_the_network(files: Samples, keep: bool) -> None:
    feed = loader(files, keep=keep, erase=1.0)
    for batch in epoch_of(feed, 0):
        zero = (batch.inputs.abs() <= 0.5 / 255 / 0.2 + 1e-6).all(1)  # half a grey level
        assert zero.flatten(1).float().mean(1).min() > 0.015


def test_batches_are_augmented_then_mixed(files: Samples) -> None:
    feed = loader(files, "flip", seed=4, **ALL_CHANGES, **BOTH)
    for batch in epoch_of(feed, 6):
        images = torch.stack([SIZE.prepare(files, index) for index in batch.indices.tolist()])
        augmented, _ = Change(feed.augmentation, 6, SIZE.mean)(images, batch.indices)
        shares = files.targets.shares(files.targets.batch(batch.indices))
        inputs, shares = feed.augmentation.mix(
            SIZE.normalise(augmented), shares, Draw(4, 6, batch.indices)
        )
        assert torch.equal(batch.inputs, inputs)
        assert torch.equal(batch.targets, shares)


@pytest.mark.parametrize("keep", [True, False])
def test_unreadable_images_are_not_mixed_in(damaged: FileSamples, keep: bool) -> None:
    feed = loader(damaged, keep=keep, **ALL_CHANGES, **BOTH)
    empty, one, two = feed.train([np.array([1, 7]), np.array([4, 0]), np.array([2, 1, 3])], 0)
    assert len(empty.inputs) == len(empty.targets) == 0
    assert (one.indices.tolist(), one.targets.tolist()) == ([0], [[1.0, 0.0]])
    assert (two.indices.tolist(), two.targets.shape) == ([2, 3], (2, 2))


# --- what is in a batch ---


@pytest.mark.parametrize("keep", [True, False])
def test_a_batch_holds_the_images_and_targets_of_its_numbers(files: Samples, keep: bool) -> None:
    for batch in epoch_of(loader(files, keep=keep), 0):
        assert len(batch) == len(batch.indices)
        assert batch.targets.tolist() == targets_of(files, batch.indices)
        prepared = torch.stack([SIZE.prepare(files, index) for index in batch.indices.tolist()])
        assert torch.equal(batch.inputs, SIZE.normalise(prepared))
        assert batch.inputs.dtype == torch.float32


@pytest.mark.parametrize("augment", POLICIES)
def test_in_order_every_image_comes_once_and_unchanged(files: Samples, augment: Augment) -> None:
    plain = torch.cat([batch.inputs for batch in Loader(files, SIZE).in_order(23)])
    for size in (1, 4, 23, 100):
        batches = list(loader(files, augment, keep=False).in_order(size))
        assert np.concatenate([batch.indices for batch in batches]).tolist() == list(range(23))
        assert torch.equal(torch.cat([batch.inputs for batch in batches]), plain)


@pytest.mark.parametrize("augment", POLICIES)
def test_in_training_images_are_changed_as_asked(files: Samples, augment: Augment) -> None:
    plain = torch.cat([batch.inputs for batch in Loader(files, SIZE).in_order(23)])
    first, second = (epoch_of(loader(files, augment), epoch)[0] for epoch in (0, 1))
    unchanged = plain[torch.from_numpy(first.indices)]
    assert torch.equal(first.inputs, unchanged) == (augment == "none")
    assert first.indices.tolist() != second.indices.tolist()


# --- the plan of an epoch ---


@pytest.mark.parametrize("count", [1, 2, 3, 9, 10, 11, 12, 100])
@pytest.mark.parametrize("batch_size", [1, 2, 5, 10, 64])
def test_a_plan_has_every_image_once(count: int, batch_size: int) -> None:
    plan = epoch_plan(count, batch_size, seed=0, epoch=0)
    assert sorted(np.concatenate(plan).tolist()) == list(range(count))
    sizes = [len(indices) for indices in plan]
    assert all(size == batch_size for size in sizes[:-1])
    assert sizes[-1] <= batch_size + (batch_size > 1)


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"),
    [
        (11, 5, [5, 6]),  # a last batch of one joins the one before it
        (12, 5, [5, 5, 2]),
        (10, 5, [5, 5]),
        (1, 5, [1]),
        (6, 5, [6]),
        (3, 2, [3]),
        (3, 1, [1, 1, 1]),
    ],
)
def test_no_image_is_alone_in_the_last_batch(count: int, batch_size: int, sizes: list[int]) -> None:
    assert [len(indices) for indices in epoch_plan(count, batch_size, 0, 0)] == sizes


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    def order(seed: int, epoch: int, batch_size: int = 10) -> list[int]:
        found: list[int] = np.concatenate(epoch_plan(100, batch_size, seed, epoch)).tolist()
        return found

    assert order(0, 0) == order(0, 0) == order(0, 0, batch_size=7)
    assert len({tuple(order(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9


@pytest.mark.parametrize("augment", POLICIES)
@pytest.mark.parametrize("done", [0, 2, 4])
def test_the_rest_of_an_epoch_is_what_it_would_have_been(
    files: Samples, augment: Augment, done: int
) -> None:
    whole = epoch_of(loader(files, augment, seed=5), 2)
    plan = epoch_plan(23, 5, 5, 2)[done:]
    rest = list(loader(files, augment, seed=5, workers=2).train(plan, 2))
    assert_equal(rest, whole[done:])


# --- images that cannot be read ---


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("augment", POLICIES)
def test_unreadable_images_are_left_out_and_named(
    damaged: FileSamples, augment: Augment, keep: bool, workers: int
) -> None:
    feed = loader(damaged, augment, keep=keep, workers=workers)
    for epoch in (0, 1):
        batches = epoch_of(feed, epoch, batch_size=4)
        assert len(batches) == 3  # as planned: a step is a step
        seen = np.concatenate([batch.indices for batch in batches])
        assert sorted(seen.tolist()) == [0, 2, 3, 5, 6, 8, 9]
        for batch in batches:
            assert len(batch.inputs) == len(batch.targets) == len(batch.indices)
            assert batch.targets.tolist() == targets_of(damaged, batch.indices)
    skipped = feed.skipped()
    assert [item.path for item in skipped] == [damaged.name(number) for number in (1, 4, 7)]
    assert all("not an image" in item.reason for item in skipped)


@pytest.mark.parametrize("keep", [True, False])
def test_in_order_unreadable_images_are_left_out(damaged: FileSamples, keep: bool) -> None:
    feed = loader(damaged, keep=keep)
    batches = {size: [b.indices.tolist() for b in feed.in_order(size)] for size in (1, 2)}
    assert batches[1] == [[0], [2], [3], [5], [6], [8], [9]]  # and no empty ones
    assert batches[2] == [[0], [2, 3], [5], [6], [8, 9]]


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("augment", POLICIES)
def test_a_batch_of_unreadable_images_alone_is_empty(
    damaged: FileSamples, augment: Augment, keep: bool
) -> None:
    feed = loader(damaged, augment, keep=keep)
    plan = [np.array([1, 7]), np.array([0, 4])]
    empty, one = feed.train(plan, 0)
    assert (empty.inputs.shape, len(empty.targets)) == ((0, 3, 24, 24), 0)
    assert one.indices.tolist() == [0]


def test_an_unreadable_image_is_tried_once(
    damaged: FileSamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []
    read = FileSamples.read

    def count(
        samples: FileSamples, index: int, channels: int, pixel_range: PixelRange = "full"
    ) -> NDArray[np.uint8]:
        tried.append(index)
        return read(samples, index, channels)

    monkeypatch.setattr(FileSamples, "read", count)
    feed = loader(damaged, keep=False)
    for _ in range(3):
        list(feed.in_order(5))
    assert [tried.count(index) for index in range(10)] == [3, 1, 3, 3, 1, 3, 3, 1, 3, 3]


def test_an_error_that_is_none_of_the_images_is_raised(files: Samples) -> None:
    class Broken(FileSamples):
        def read(
            self, index: int, channels: int, pixel_range: PixelRange = "full"
        ) -> NDArray[np.uint8]:
            raise ZeroDivisionError

    assert isinstance(files, FileSamples)
    broken = Broken(files.root, files.paths, files.targets)
    for workers in (0, 2):
        with pytest.raises(ZeroDivisionError):
            list(loader(broken, keep=False, workers=workers).in_order(5))


# --- images for statistics ---


@pytest.mark.parametrize("keep", [True, False])
def test_prepared_images_are_bytes_without_the_unreadable_ones(
    damaged: FileSamples, keep: bool
) -> None:
    feed = loader(damaged, keep=keep)
    good = [SIZE.prepare(damaged, index) for index in (0, 2, 3, 5, 6, 8, 9)]
    images = torch.cat(list(feed.prepared(10)))
    assert images.dtype == torch.uint8
    assert torch.equal(images, torch.stack(good))


def test_of_many_images_some_are_prepared_always_the_same(files: Samples) -> None:
    feed = loader(files, "resized-crop", keep=False)
    images = torch.cat(list(feed.prepared(9)))
    assert (images.shape, images.dtype) == ((9, 3, 24, 24), torch.uint8)
    again = loader(files, "resized-crop", workers=2)
    assert torch.equal(torch.cat(list(again.prepared(9))), images)
    everything = [SIZE.prepare(files, index) for index in range(23)]
    assert all(any(torch.equal(image, one) for one in everything) for image in images)


# --- threads ---


class Slow(Samples):
    """Notes what is read one by one, and takes its time."""

    def __init__(self) -> None:
        self.targets = Numbers(np.zeros(100, np.float32))
        self.started: list[int] = []

    def read(
        self, index: int, channels: int, pixel_range: PixelRange = "full"
    ) -> NDArray[np.uint8]:
        self.started.append(index)
        time.sleep(0.002)
        if index == 99:
            raise BadImageError("the last")
        return np.zeros((4, 4, channels), np.uint8)

    def measure(self, index: int) -> tuple[int, int, int]:
        raise NotImplementedError

    def name(self, index: int) -> str:
        return f"#{index}"

    def take(self, indices: NDArray[np.int64]) -> Samples:
        raise NotImplementedError

    def identity(self) -> bytes:
        return b"slow"


def threads() -> int:
    return sum(thread.name.startswith("onestop-data") for thread in threading.enumerate())


@pytest.mark.parametrize("workers", [0, 2])
def test_only_a_few_batches_are_prepared_ahead(workers: int) -> None:
    samples = Slow()
    batches: Iterator[Batch] = loader(samples, keep=False, workers=workers).in_order(10)
    next(batches)
    assert len(samples.started) <= (10 if workers == 0 else 60)
    assert len(list(batches)) == 9
    assert sorted(samples.started) == list(range(100))


def test_threads_end_when_the_reader_stops_early() -> None:
    samples = Slow()
    batches: Any = loader(samples, keep=False, workers=2).in_order(10)
    next(batches)
    assert threads() > 0
    batches.close()
    assert threads() == 0
    assert len(samples.started) < 100


def test_a_feed_draws_no_random_numbers_of_torch(files: Samples) -> None:
    before: Tensor = torch.get_rng_state()
    for augment in POLICIES:
        epoch_of(loader(files, augment, workers=2), 0)
    assert torch.equal(torch.get_rng_state(), before)
