"""Foreign checkpoints: the only place that opens pickles, and only for plain tensors.

A `.pt` or `.pth` file is a pickle, a list of instructions that the reader executes. torch's reader
with `weights_only=True` executes only those that make tensors
(https://pytorch.org/docs/stable/notes/serialization.html#weights-only). Everything that can be checked
without it is checked first: that it is a regular file, its format, and that an archive claims no more
than its size allows. There is no fallback to anything laxer.
"""

from __future__ import annotations

import re
import stat
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from onestop.errors import ModelFileError, UsageError
from onestop.storage.plain_values import PLAIN

SUFFIXES = (".safetensors", ".pth", ".pt", ".th", ".pth.tar", ".bin", ".ckpt")
"""How names of files of weights end, ours first."""
MOST_BYTES = 2**36
"""Size limit of a weights file: 64 GiB."""
MOST_TENSORS = 100_000
MOST_PICKLE = 2**28
"""Limit for the instructions in an archive, without the values of the tensors: 256 MiB."""

_NESTED = (
    "state_dict", "model_state_dict", "model", "module", "net", "network", "weights", "params",
    "teacher", "student", "state_dict_ema", "model_ema", "ema", "ema_state_dict", "params_ema",
)  # fmt: skip
"""Under which name a checkpoint has the tensors of the network; the first one that is there."""
_DEEPEST = 4  # mappings in each other
_GLOBAL = re.compile(r"GLOBAL ([\w.]{1,120})")
_DAMAGE = (UnpicklingError, RuntimeError, ValueError, EOFError, KeyError, AttributeError, TypeError,
           IndexError, AssertionError, OverflowError, RecursionError, MemoryError, NotImplementedError,
           UnicodeError, zipfile.BadZipFile)  # fmt: skip
_ASK = "ask for a .safetensors file"


class Named(dict[str, Tensor]):
    """Tensors by name, and where in a checkpoint they were.

    Attributes:
        place: The keys that lead to them, such as `model.state_dict`; empty at the top.
    """

    place = ""


def read_checkpoint(path: Path) -> Named:
    """The tensors of a `.pt`, `.pth` or `.th` file, on the CPU.

    Tensors are at the top, or in an entry such as `state_dict` or `model`; see `Named.place`. Plain
    values beside them (`onestop.storage.plain_values`) are passed over.

    Raises:
        UsageError: There is no such file.
        ModelFileError: It is not a checkpoint, damaged, too large, or contains code.
    """
    begin = require_file(path)
    if begin.startswith(b"PK"):
        _check_archive(path)
    try:
        with warnings.catch_warnings(), torch.sparse.check_sparse_tensor_invariants():
            warnings.simplefilter("ignore")  # about unusual pickles; they load or they do not
            with torch.serialization.safe_globals(list(PLAIN)):
                content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}; name a weights file") from None
    except _DAMAGE as error:
        raise ModelFileError(f"{path}: {_why_not(error)}") from None
    return _named(path, content)


def _why_not(error: BaseException) -> str:
    """Why torch's reader refuses a file; its own text names settings that are not for here."""
    if not isinstance(error, UnpicklingError):
        return f"is damaged, or not a checkpoint of torch; {_ASK}"
    if name := _GLOBAL.search(str(error)):
        return (
            f"contains {name[1]}, which cannot be made without running code, and files never run any "
            f"here; save the tensors alone: torch.save(model.state_dict(), FILE), or {_ASK}"
        )
    return f"is damaged, not a checkpoint of torch, or needs code to be read; {_ASK}"


def require_file(path: Path) -> bytes:
    """The first bytes of a file, after checking that it can be a weights file.

    Raises:
        UsageError: There is no such file, or it is a folder, a pipe or a device.
        ModelFileError: It is too large, or clearly something else.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would block, /dev/zero never end
            raise UsageError(f"{path}: is not a file; name a weights file")
        if status.st_size > MOST_BYTES:
            raise ModelFileError(
                f"{path}: has {status.st_size / 2**30:,.0f} GiB, more than the limit of "
                f"{MOST_BYTES // 2**30}; name a weights file"
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
                problem = f"{bad} does not match its checksum"
    except (*_DAMAGE, OSError) as error:
        raise ModelFileError(
            f"{path}: damaged ({str(error) or type(error).__name__}); {_ASK}"
        ) from None
    if problem:
        raise ModelFileError(f"{path}: {problem}; {_ASK}")


def _problem(members: list[zipfile.ZipInfo], names: list[str], size: int) -> str:
    """What is wrong with the members of an archive; empty if nothing is."""
    parts = [name.split("/") for name in names]
    pickles = [member for member in members if member.filename.endswith(".pkl")]
    checks = {
        "holds a program (TorchScript), not only weights": any(
            # The first part is the name of the file when it was saved, which may be `code`.
            "code" in part[1:-1] or part[-1] == "constants.pkl"
            for part in parts
        ),
        "holds a program (torch.export), not only weights": any(
            part[-1] in ("archive_format", "serialized_exported_program.json") for part in parts
        ),
        f"has {len(members):,} members, more than the limit of {2 * MOST_TENSORS:,}": (
            len(members) > 2 * MOST_TENSORS
        ),
        "has two members of the same name": len(set(names)) < len(names),
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
    return next((problem for problem, applies in checks.items() if applies), "")


def _named(path: Path, content: Any) -> Named:
    place, entries = _found(content)
    tensors = Named({str(k): value for k, value in entries.items() if isinstance(value, Tensor)})
    tensors.place = place
    if not tensors:
        raise ModelFileError(f"{path}: holds no named tensors; name a weights file (a state dict)")
    if len(tensors) > MOST_TENSORS:
        raise ModelFileError(
            f"{path}: has {len(tensors):,} tensors, more than the limit of {MOST_TENSORS:,}"
        )
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
            raise ModelFileError(
                f"{path}: {name} is not a plain dense tensor ({tensor.layout}, {tensor.dtype}); "
                f"{_ASK}"
            )
    return tensors


def _found(content: Any) -> tuple[str, Mapping[Any, Any]]:
    """The mapping of tensors in a checkpoint, and the keys that lead to it."""
    places = dict(_places(content, (), set()))
    rank = {name: number for number, name in enumerate(_NESTED)}

    def order(keys: tuple[str, ...]) -> tuple[bool, list[int], int]:
        ranks = [rank.get(key, len(rank)) for key in keys] or [len(rank)]
        return any("optim" in key.lower() for key in keys), ranks, -_tensors(places[keys])

    keys = min(places, key=order, default=())
    return ".".join(keys), places.get(keys, {})


def _places(
    content: Any, keys: tuple[str, ...], seen: set[int]
) -> Iterator[tuple[tuple[str, ...], Mapping[Any, Any]]]:
    """Each mapping with tensors in it, by the keys that lead there."""
    if not isinstance(content, dict) or len(keys) > _DEEPEST or id(content) in seen:
        return
    seen.add(id(content))  # a mapping may hold itself
    if _tensors(content):
        yield keys, content
    for key, value in content.items():
        yield from _places(value, (*keys, str(key)), seen)


def _tensors(content: Mapping[Any, Any]) -> int:
    return sum(isinstance(value, Tensor) for value in content.values())
