"""One hash for the same tensors, wherever they are stored."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from onestop.storage.tensor_digest import tensor_digest

ONE = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(3)}


def test_order_and_layout_in_memory_do_not_matter() -> None:
    other = {"b": torch.tensor(3), "a": torch.arange(6.0).reshape(2, 3).T.contiguous().T}
    assert not other["a"].is_contiguous()
    assert tensor_digest(other) == tensor_digest(ONE)
    assert len(tensor_digest(ONE)) == 32


@pytest.mark.parametrize(
    "change",
    [
        {"a": ONE["a"].reshape(3, 2)},
        {"a": ONE["a"].double()},
        {"a": ONE["a"] + torch.tensor([[0, 0, 0], [0, 0, 1e-6]])},
        {"c": torch.zeros(0)},
    ],
    ids=["shape", "type", "value", "name"],
)
def test_everything_else_does(change: dict[str, Tensor]) -> None:
    assert tensor_digest({**ONE, **change}) != tensor_digest(ONE)
