"""Foreign checkpoints: the one place where a pickle is opened, and only ever for plain tensors.

A `.pt` or `.pth` file is a pickle, a list of instructions that the reader carries out. torch's own
reader with `weights_only=True` carries out only those that make tensors
(https://pytorch.org/docs/stable/notes/serialization.html#weights-only). Everything that can be checked
without it is checked first: that it is a regular file, of which kind, and that an archive holds no more
than its size allows. There is no way to fall back to anything laxer.
"""

from __future__ import annotations

import stat
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from onestop.errors import ModelFileError, UsageError

MOST_BYTES = 2**36
"""Of the largest file of weights that is read: 64 GiB."""
MOST_TENSORS = 100_000
MOST_PICKLE = 2**28
"""Bytes of instructions in an archive, besides the values of the tensors: 256 MiB."""

_NESTED = ("state_dict", "model_state_dict", "model")
_DAMAGE = (UnpicklingError, RuntimeError, ValueError, EOFError, KeyError, AttributeError, TypeError,
           IndexError, AssertionError, OverflowError, RecursionError, MemoryError, NotImplementedError,
           UnicodeError, zipfile.BadZipFile)  # fmt: skip
_ASK = "ask for a .safetensors file"


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a `.pt`, `.pth` or `.th` file, on the CPU.

    Those under `state_dict`, `model_state_dict` or `model` are taken if there is such an entry; a
    leading `module.` is removed from the names.

    Raises:
        UsageError: There is no such file.
        ModelFileError: It is not a checkpoint, damaged, too large, or has code in it.
    """
    begin = require_file(path)
    if begin.startswith(b"PK"):
        _check_archive(path)
    try:
        with warnings.catch_warnings(), torch.sparse.check_sparse_tensor_invariants():
            warnings.simplefilter("ignore")  # of odd pickles; they load or they do not
            content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}; name a weights file") from None
    except _DAMAGE as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise ModelFileError(
            f"{path}: holds no plain tensors ({reason}); files with code in them are not opened, {_ASK}"
        ) from None
    return _named(path, content)


def require_file(path: Path) -> bytes:
    """The first bytes of a file, once it is clear that it can be one of weights.

    Raises:
        UsageError: There is no such file, or it is a folder, a pipe or a device.
        ModelFileError: It is too large, or plainly something else.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would block, /dev/zero never end
            raise UsageError(f"{path}: is not a file; name a file of weights")
        if status.st_size > MOST_BYTES:
            raise ModelFileError(
                f"{path}: has {status.st_size / 2**30:,.0f} GiB, more than the {MOST_BYTES // 2**30} "
                "that are read; name a file of weights"
            )
        with path.open("rb") as file:
            begin = file.read(512)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}; name a weights file") from None
    if begin.startswith(b"version https://git-lfs"):
        raise ModelFileError(
            f"{path}: is a git-lfs pointer, not the weights; fetch them: git lfs pull"
        )
    if begin.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise ModelFileError(f"{path}: is a web page, not the weights; download the file itself")
    return begin


def _check_archive(path: Path) -> None:
    """Check that an archive holds what torch writes, and no more than its size allows."""
    size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = [member.filename for member in members]
            problem = _problem(members, names, size)
            if not problem and (bad := archive.testzip()) is not None:
                problem = f"{bad} is not what its checksum says"
    except (*_DAMAGE, OSError) as error:
        raise ModelFileError(
            f"{path}: damaged ({str(error) or type(error).__name__}); {_ASK}"
        ) from None
    if problem:
        raise ModelFileError(f"{path}: {problem}; {_ASK}")


def _problem(members: list[zipfile.ZipInfo], names: list[str], size: int) -> str:
    """What is wrong with an archive's list of members; empty if nothing is."""
    parts = [name.split("/") for name in names]
    pickles = [member for member in members if member.filename.endswith(".pkl")]
    checks = {
        "holds a program (TorchScript), not only weights": any(
            "code" in part[:-1] or part[-1] == "constants.pkl" for part in parts
        ),
        "holds a program (torch.export), not only weights": any(
            part[-1] in ("archive_format", "serialized_exported_program.json") for part in parts
        ),
        f"has {len(members):,} members, more than the {2 * MOST_TENSORS:,} that are read": (
            len(members) > 2 * MOST_TENSORS
        ),
        "has two members of one name": len(set(names)) < len(names),
        "is compressed, which torch's files never are": any(
            member.compress_type != zipfile.ZIP_STORED for member in members
        ),
        "claims to hold more than it has bytes": (
            sum(member.file_size for member in members) > size
        ),
        f"has a pickle of more than {MOST_PICKLE // 2**20} MiB": any(
            member.file_size > MOST_PICKLE for member in pickles
        ),
    }
    return next((problem for problem, found in checks.items() if found), "")


def _named(path: Path, content: Any) -> dict[str, Tensor]:
    for key in _NESTED:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    entries: Mapping[Any, Any] = content if isinstance(content, dict) else {}
    tensors = {
        str(key).removeprefix("module."): value
        for key, value in entries.items()
        if isinstance(value, Tensor)
    }
    if not tensors:
        raise ModelFileError(
            f"{path}: holds no tensors by name; name a file of weights (a state dict)"
        )
    if len(tensors) > MOST_TENSORS:
        raise ModelFileError(
            f"{path}: has {len(tensors):,} tensors, more than the {MOST_TENSORS:,} that are read"
        )
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
            raise ModelFileError(
                f"{path}: {name} is not a plain tensor of numbers ({tensor.layout}, {tensor.dtype}); "
                f"{_ASK}"
            )
    return tensors
