"""Chunks and batches: taken apart without a copy, whatever their targets are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from onestop.data.augmentation import Augmentation, Change, Moves
from onestop.data.batch import Batch, Chunk


def batch(count: int = 11, targets: Any = None) -> Batch:
    inputs = torch.rand(count, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    found = torch.arange(count) if targets is None else targets
    return Batch(inputs, found, np.arange(count)[::-1])


@pytest.mark.parametrize("parts", [1, 2, 3, 5, 11, 13])
def test_a_batch_is_split_into_parts_as_torch_splits(parts: int) -> None:
    whole = batch()
    found = list(whole.split(parts))
    assert [len(part) for part in found] == [len(p) for p in torch.arange(11).tensor_split(parts)]
    for one, other in zip(found, whole.inputs.tensor_split(parts), strict=True):
        assert torch.equal(one.inputs, other)
        assert not len(one) or one.inputs.data_ptr() == other.data_ptr()
    assert torch.equal(torch.cat([part.targets for part in found]), whole.targets)
    assert np.concatenate([part.indices for part in found]).tolist() == whole.indices.tolist()
    assert parts > 1 or found[0] is whole


def test_a_batch_is_cut_at_places() -> None:
    found = list(batch().cut([0, 4, 4, 10]))
    assert [len(part) for part in found] == [0, 4, 0, 6, 1]
    assert [len(part.inputs) for part in found] == [0, 4, 0, 6, 1]
    assert [part.targets.tolist() for part in found[1:3]] == [[0, 1, 2, 3], []]


def test_a_batch_may_hold_a_matrix_or_a_list_of_targets() -> None:
    rows = [part.targets.shape for part in batch(5, torch.rand(5, 7)).cut([2])]
    assert rows == [(2, 7), (3, 7)]
    lists = [part.targets for part in batch(5, ["a", "b", "c", "d", "e"]).cut([2, 3])]
    assert lists == [["a", "b"], ["c"], ["d", "e"]]


def test_a_changed_chunk_knows_what_moved_and_where_its_batches_end() -> None:
    images = torch.randint(0, 256, (6, 3, 8, 8), dtype=torch.uint8)
    crop = np.random.default_rng(0).random((6, 4))
    chunk = Chunk(images, np.arange(6), Moves(crop), [2, 4])
    change = Change(Augmentation("flip-crop", seed=2), 1)
    changed = chunk.changed(change)
    wanted, moves = change(images, np.arange(6))
    assert torch.equal(changed.images, wanted)
    assert changed.indices is chunk.indices
    assert changed.cuts == [2, 4]
    assert changed.moves.crop is crop
    assert changed.moves.flip is not None
    assert moves.flip is not None
    assert changed.moves.flip.tolist() == moves.flip.tolist()
    assert chunk.moves.flip is None
