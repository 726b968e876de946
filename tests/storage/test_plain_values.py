"""Plain values beside tensors are passed over: whatever their class would do is not done."""

from __future__ import annotations

import argparse
import collections
import datetime as dt
import decimal
import fractions
import pathlib
import sys
import types
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from onestop.storage.plain_values import PLAIN, EmptyDict, EmptyList, Nothing
from onestop.storage.torch_files import read_checkpoint

STATE = {"fc.weight": torch.arange(6.0).reshape(2, 3), "fc.bias": torch.zeros(2)}
UTC = dt.UTC


@pytest.mark.parametrize(
    "value",
    [
        argparse.Namespace(lr=0.1, path=Path("a"), nested=argparse.Namespace(x=[1])),
        types.SimpleNamespace(a=1),
        np.float64(0.5), np.int64(3), np.bool_(True), np.str_("a"), np.arange(3), np.ones((2, 2), "f2"),
        np.dtype("f4"), np.float32,
        collections.defaultdict(list, {"a": [1]}), collections.defaultdict(int),
        collections.deque([1, 2], 5),
        collections.Counter("aab"), collections.OrderedDict(a=1), {1, 2}, frozenset({1}), range(3),
        slice(1, 2), complex(1, 2), bytearray(b"a"),
        pathlib.Path("a/b"), pathlib.PurePosixPath("a"), pathlib.PureWindowsPath("a"),
        dt.datetime.now(tz=UTC), dt.date(2024, 1, 2), dt.timedelta(1), dt.time(3),
        decimal.Decimal("1.5"), fractions.Fraction(1, 3), uuid.UUID(int=3),
        torch.Size([1, 2]), torch.float16, torch.device("cpu"), torch.torch_version.TorchVersion("2.1"),
        {"hyper_parameters": argparse.Namespace(a=np.float32(1))},
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
@pytest.mark.parametrize("archive", [True, False])
def test_tensors_beside_plain_values_are_read(value: Any, archive: bool, tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save({"args": value, "model": STATE}, path, _use_new_zipfile_serialization=archive)
    tensors = read_checkpoint(path)
    assert tensors.keys() == STATE.keys()
    assert torch.equal(tensors["fc.weight"], STATE["fc.weight"])
    assert not set(PLAIN) & set(torch.serialization.get_safe_globals())  # again as it was


def test_a_state_dict_in_a_mapping_of_another_class_is_read(tmp_path: Path) -> None:
    torch.save(
        collections.defaultdict(torch.zeros, STATE), tmp_path / "w.pt"
    )  # a function of torch's
    with pytest.raises(Exception, match="contains getattr, which cannot be made"):
        read_checkpoint(tmp_path / "w.pt")
    torch.save(collections.defaultdict(list, {**STATE}), tmp_path / "w.pt")  # type: ignore[arg-type]
    assert read_checkpoint(tmp_path / "w.pt").keys() == STATE.keys()


def test_no_class_of_the_list_is_made_or_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class of the same name that would do something is left alone."""

    class Namespace(argparse.Namespace):
        def __setstate__(self, state: Any) -> None:
            raise AssertionError("its code was run")

    Namespace.__module__, Namespace.__qualname__ = "argparse", "Namespace"
    monkeypatch.setattr(argparse, "Namespace", Namespace)
    torch.save({"args": Namespace(a=1), "model": STATE}, tmp_path / "w.pt")
    assert read_checkpoint(tmp_path / "w.pt").keys() == STATE.keys()
    assert "omegaconf" not in sys.modules


def test_what_stands_in_for_values_holds_nothing() -> None:
    nothing = Nothing(1, a=2)
    nothing.__setstate__({"a": 1})
    assert vars(nothing) == {}
    assert EmptyDict(list) == {}
    assert EmptyList([1], 3) == []
    assert {kind for kind, _ in PLAIN} == {Nothing, EmptyDict, EmptyList}


def test_nothing_that_acts_is_on_the_list() -> None:
    risky = (
        "eval",
        "exec",
        "getattr",
        "setattr",
        "open",
        "compile",
        "__import__",
        "system",
        "apply",
    )
    names = [name for _, name in PLAIN]
    assert len(names) == len(set(names))
    assert not [name for name in names if name.rpartition(".")[2] in risky]
    assert not [name for name in names if name.startswith(("os.", "sys.", "subprocess."))]
