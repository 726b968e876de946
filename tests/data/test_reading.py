"""Images read one by one: in order, the bad ones left out, slow changes made by the threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from torch import Tensor

from onestop.data.augmentation import Augmentation, Change
from onestop.data.reading import Crop, Reader
from onestop.errors import BadImageError

IMAGES = torch.randint(
    0, 256, (9, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)
PLAN = [np.array([3, 0, 8]), np.array([4]), np.array([7, 2])]


def reader(workers: int = 2) -> Reader:
    return Reader(workers, {}, torch.zeros(0, 3, 8, 8, dtype=torch.uint8))


def prepare(index: int) -> tuple[Tensor, Crop]:
    if index == 4:
        raise BadImageError("the fourth")
    return IMAGES[index], (index / 10, 0.0, 0.5, 0.5)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_chunks_hold_the_readable_images_and_their_crops(workers: int) -> None:
    found = reader(workers)
    first, empty, last = found.chunks(PLAN, prepare)
    assert torch.equal(first.images, IMAGES[[3, 0, 8]])
    assert (empty.images.shape, empty.indices.tolist()) == ((0, 3, 8, 8), [])
    assert empty.moves.crop is None
    assert last.moves.crop is not None
    assert last.moves.crop.tolist() == [[0.7, 0, 0.5, 0.5], [0.2, 0, 0.5, 0.5]]
    assert found.bad == {4: "the fourth"}


def test_a_bad_image_is_not_tried_again() -> None:
    tried: list[int] = []

    def note(index: int) -> tuple[Tensor, Crop]:
        tried.append(index)
        return prepare(index)

    found = reader(0)
    for _ in range(2):
        list(found.chunks(PLAN, note))
    assert (tried.count(4), tried.count(3)) == (1, 2)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("slow", [{}, {"color": 0.5}, {"auto": "rand", "erase": 0.3}])
def test_where_images_are_changed_changes_nothing(workers: int, slow: dict[str, float]) -> None:
    change = Change(Augmentation("flip-crop", seed=1, **slow), 1, (0.5,) * 3)  # type: ignore[arg-type]
    numbers = np.array([3, 0, 8])
    wanted, moves = change(IMAGES[numbers], numbers)
    chunk = next(reader(workers).changed(PLAN, prepare, change))
    assert torch.equal(chunk.images, wanted)
    assert moves.shift is not None
    assert chunk.moves.shift is not None
    assert chunk.moves.shift.tolist() == moves.shift.tolist()
    assert chunk.moves.crop is not None


@pytest.mark.parametrize("slow", [False, True])
def test_only_slow_changes_are_made_by_the_threads(
    slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[bool] = set()
    apply = Augmentation.apply

    def note(self: Augmentation, *given: object) -> Tensor:
        seen.add(threading.current_thread() is threading.main_thread())
        return apply(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Augmentation, "apply", note)
    change = Change(Augmentation("flip", color=0.5 if slow else 0.0), 0)
    list(reader().changed(PLAN, prepare, change))
    assert seen == {not slow}
