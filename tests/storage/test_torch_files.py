"""Foreign checkpoints: plain tensors are read, and nothing else ever is.

A whole corpus of hostile files is in `tests/reliability/test_strangers.py`.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from onestop.errors import ModelFileError, UsageError
from onestop.storage import torch_files
from onestop.storage.torch_files import read_checkpoint, require_file

STATE = {"fc.weight": torch.arange(6.0).reshape(2, 3), "fc.bias": torch.zeros(2)}


def saved(path: Path, content: Any, **options: Any) -> Path:
    torch.save(content, path, **options)
    return path


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        OrderedDict(STATE),
        {"state_dict": STATE, "epoch": 3},
        {"model_state_dict": STATE, "optimizer": {"lr": 0.1}},
        {"model": STATE},
        {"state_dict": STATE, "best": torch.tensor(0.9), "model": {"a": torch.zeros(3)}},
        {"optimizer": {"state": {n: {"exp": torch.zeros(9)} for n in range(9)}}, "anything": STATE},
        {"epoch": 3, "model": {"state_dict": STATE}, "model_ema": {"x": torch.zeros(1)}},
        {
            "student": STATE,
            "student_ema": {"a": torch.zeros(3)},
            "loss": {"centre": torch.zeros(3)},
        },
        {"teacher": STATE, "student": {"a": torch.zeros(3)}},
        {"state_dict_ema": STATE, "args": None},
        {"hyper_parameters": {"a": 1}, "callbacks": {}, "state_dict": STATE, "loops": {"b": {}}},
    ],
)
@pytest.mark.parametrize("archive", [True, False])
def test_tensors_are_found_by_name(tmp_path: Path, content: Any, archive: bool) -> None:
    path = saved(tmp_path / "w.pt", content, _use_new_zipfile_serialization=archive)
    tensors = read_checkpoint(path)
    assert tensors.keys() == STATE.keys()
    assert all(torch.equal(tensors[name], tensor) for name, tensor in STATE.items())


class Runs:
    """A pickle of it makes a folder when it is read without care."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("made",)


class Mine:
    """A class that only its own program knows."""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            nn.Linear(2, 2),
            "contains torch.nn.modules.linear.Linear, which cannot be made without run",
        ),
        ({"a": Runs()}, r"contains (posix|nt)\.mkdir, which cannot be made without running code"),
        ({"model": STATE, "args": Mine()}, r"contains [\w.]*\.Mine, which cannot be made without"),
        ({"epoch": 3}, "holds no named tensors"),
        (torch.zeros(2), "holds no named tensors"),
        ({"a": torch.eye(2).to_sparse()}, "a is not a plain dense tensor"),
        ({"a": torch.empty(2, device="meta")}, "a is not a plain dense tensor"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_anything_else_is_refused(tmp_path: Path, content: Any, reason: str) -> None:
    path = saved(tmp_path / "w.pt", content)
    with pytest.raises(ModelFileError, match=reason) as error:
        read_checkpoint(path)
    assert not Path("made").exists()
    text = str(error.value).removeprefix(str(path))
    assert len(text) < 300
    assert not any(word in text for word in ("weights_only", "\\x1b", "add_safe_globals"))


def test_where_the_tensors_were_is_known(tmp_path: Path) -> None:
    assert read_checkpoint(saved(tmp_path / "a.pt", STATE)).place == ""
    nested = {"epoch": 3, "ema": {"model": STATE}}
    assert read_checkpoint(saved(tmp_path / "b.pt", nested)).place == "ema.model"


def test_a_mapping_that_holds_itself_ends(tmp_path: Path) -> None:
    knot: dict[str, Any] = {"model": STATE}
    knot |= {str(n): knot for n in range(50)}
    assert read_checkpoint(saved(tmp_path / "w.pt", knot)).keys() == STATE.keys()


def test_a_file_may_be_called_like_a_part_of_a_program(tmp_path: Path) -> None:
    for name in ("code.pth", "constants.pth"):
        torch.save({"weight": torch.ones(2)}, tmp_path / name)
        assert torch.equal(read_checkpoint(tmp_path / name)["weight"], torch.ones(2))


@pytest.mark.filterwarnings("ignore")
def test_programs_are_refused_before_they_are_read(tmp_path: Path) -> None:
    torch.jit.script(nn.Linear(2, 2)).save(tmp_path / "script.pt")
    with pytest.raises(ModelFileError, match=r"holds a program \(TorchScript\)"):
        read_checkpoint(tmp_path / "script.pt")


@pytest.mark.parametrize(
    ("begin", "reason"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "git-lfs pointer"),
        (b"\n <!DOCTYPE html><html>", "is a web page"),
        (b"not a pickle", "is damaged, not a checkpoint of torch"),
        (b"", "is damaged, or not a checkpoint of torch"),
        (b"PK\x03\x04 and then nothing", "damaged"),
    ],
)
def test_what_is_plainly_something_else_is_named(tmp_path: Path, begin: bytes, reason: str) -> None:
    (tmp_path / "w.pt").write_bytes(begin)
    with pytest.raises(ModelFileError, match=reason):
        read_checkpoint(tmp_path / "w.pt")


def repacked(path: Path, compression: int = zipfile.ZIP_STORED, twice: bool = False) -> Path:
    """The members of an archive in another archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w", compression) as new:
        for member in old.infolist():
            new.writestr(member.filename, old.read(member))
        if twice:
            new.writestr(member.filename, b"another")
    path.write_bytes(buffer.getvalue())
    return path


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    path = repacked(saved(tmp_path / "w.pt", STATE), zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelFileError, match="is compressed, which torch's files never are"):
        read_checkpoint(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="has two members of the same name"):
        read_checkpoint(repacked(saved(tmp_path / "w.pt", STATE), twice=True))


def test_a_changed_byte_in_a_tensor_is_noticed(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.pt", {"a": torch.full((64,), 3.0)})
    content = path.read_bytes()
    place = content.index(torch.full((64,), 3.0).numpy().tobytes())
    path.write_bytes(content[:place] + b"\xff" + content[place + 1 :])
    with pytest.raises(ModelFileError, match="does not match its checksum"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("limit", "value", "reason"),
    [
        ("MOST_BYTES", 100, "more than the limit of 0"),
        ("MOST_TENSORS", 1, "has 2 tensors, more than the limit of 1"),
        ("MOST_PICKLE", 10, "has a pickle of more than 0 MiB"),
    ],
)
def test_what_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, reason: str
) -> None:
    path = saved(tmp_path / "w.pt", STATE, _use_new_zipfile_serialization=limit != "MOST_TENSORS")
    monkeypatch.setattr(torch_files, limit, value)
    with pytest.raises(ModelFileError, match=reason):
        read_checkpoint(path)


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a file"):
        require_file(tmp_path)
    with pytest.raises(UsageError, match="No such file or directory; name a weights file"):
        require_file(tmp_path / "nothing.pt")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")  # opening it would wait forever
        with pytest.raises(UsageError, match="is not a file"):
            require_file(tmp_path / "pipe")


def test_the_first_bytes_of_a_file_are_given(tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_bytes(bytes(range(256)) * 4)
    assert require_file(tmp_path / "w.pt") == bytes(range(256)) * 2
