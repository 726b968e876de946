"""Copies of whole images."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from onestop.data.memory_format import dense, rows, taken


def images() -> Tensor:
    return torch.arange(5 * 3 * 4 * 6).view(5, 3, 4, 6)


LAYOUTS = {
    "contiguous": images(),
    "channels-last": images().contiguous(memory_format=torch.channels_last),
    "a part": images()[:, 1:, :, 2:5],
    "turned": images().permute(0, 1, 3, 2),
    "repeated": images()[:1].expand(5, 3, 4, 6),
    "one channel": images()[:, :1].contiguous(),
    "one image": images()[2:3, :, 1:3],
    "none": images()[:0],
    "vectors": images().flatten(1),
    "part of vectors": images().flatten(1)[:, 7:20],
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_is_taken_is_what_indexing_gives(name: str) -> None:
    given = LAYOUTS[name]
    for numbers in ([], [0], [3, 0, 3, 4, 1]):
        if len(given) > max(numbers, default=-1):
            chosen = torch.tensor(numbers, dtype=torch.int64)
            assert torch.equal(taken(given, chosen), given[chosen])


def test_it_lies_as_the_images_do() -> None:
    two = torch.tensor([4, 2])
    assert taken(LAYOUTS["contiguous"], two).is_contiguous()
    last = taken(LAYOUTS["channels-last"], two)
    assert last.is_contiguous(memory_format=torch.channels_last)
    last.zero_()  # a copy
    assert LAYOUTS["channels-last"].count_nonzero() == images().count_nonzero()


def test_rows_are_a_view_in_the_order_of_memory() -> None:
    given = images().contiguous(memory_format=torch.channels_last)
    assert rows(given)[1].tolist() == given[1].permute(1, 2, 0).flatten().tolist()
    rows(given)[1] = 7
    assert (given[1] == 7).all()
    assert torch.equal(given[2], images()[2])


@pytest.mark.parametrize("name", LAYOUTS)
def test_dense_images_lie_one_after_the_other(name: str) -> None:
    given = LAYOUTS[name]
    assert torch.equal(dense(given), given)
    assert sorted(rows(dense(given)).flatten().tolist()) == sorted(given.flatten().tolist())
    already = name in ("contiguous", "channels-last", "one channel", "none", "vectors")
    assert (dense(given) is given) == already
