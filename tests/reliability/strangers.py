"""Files that strangers might send: with programs in them, lying about their size, or plainly broken.

`corpus(folder)` writes them. Those that would run something try to make a file `executed`.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import io
import itertools
import json
import os
import pickle
import shutil
import socket
import struct
import subprocess
import webbrowser
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

_SOME = {"weight": torch.zeros(2, 3), "bias": torch.zeros(2)}


class Order:
    """Unpickling this calls a function."""

    def __init__(self, function: Callable[..., Any], *words: Any) -> None:
        self.function, self.words = function, words

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.function, self.words


# The rest of a card that nothing is wrong with.
_PLAUSIBLE = {
    "arguments": {"classes": 2, "channels": 3, "image_size": 8}, "classes": ["a", "b"],
    "preprocessing": {
        "kind": "ImagePreprocessing", "channels": 3, "size": [8, 8], "mean": [0.5] * 3, "std": [0.5] * 3,
    },
}  # fmt: skip


def corpus(folder: Path, *, large: bool = True) -> list[Path]:
    """Write the files into a folder, those that are large or hold very much if asked; their paths."""
    folder.mkdir(parents=True)
    target = str(folder / "executed")
    made = [_programs(target), _archives(target), _odd_pickles(), _no_weights(), _safetensors()]
    for name, content in itertools.chain(*made, _large() if large else ()):
        path = folder / name
        assert not path.exists(), name
        path.write_bytes(content)
    _no_files(folder)
    return sorted(path for path in folder.iterdir() if path.name != "canary")


def _programs(target: str) -> Iterator[tuple[str, bytes]]:
    touch, code = f"touch {target}", f"open({target!r}, 'w').close()"
    orders: dict[str, Order] = {
        "system": Order(os.system, touch),
        "popen": Order(os.popen, touch),
        "subprocess": Order(subprocess.check_call, ["touch", target]),
        "exec": Order(exec, code),
        "eval": Order(eval, f"__import__('os').system({touch!r})"),
        "compile": Order(compile, code, "x", "exec"),
        "open": Order(open, target, "w"),
        "import": Order(importlib.import_module, "antigravity"),
        "getattr": Order(getattr, "", "join"),
        "partial": Order(functools.partial, os.system, touch),
        "rmtree": Order(shutil.rmtree, str(Path(target).parent)),
        "copy": Order(shutil.copyfile, "/etc/hostname", target),
        "browser": Order(webbrowser.open, "file:///etc/hostname"),
        "torch load": Order(torch.load, target),
        "torch hub": Order(torch.hub.load, "no/where", "net"),
        "jit": Order(torch.jit.load, target),
        "path": Order(Path.touch, Path(target)),
        "pickle": Order(pickle.loads, pickle.dumps(Order(os.system, touch))),
        "environment": Order(os.putenv, "LD_PRELOAD", target),
        "input": Order(builtins.input, "password?"),
    }
    for name, order in orders.items():
        for protocol in (0, 2, 4, 5):
            yield f"{name} {protocol}.pt", pickle.dumps(order, protocol)
        yield f"{name} in a state dict.pth", _saved({"state_dict": {**_SOME, "evil": order}})
        yield f"{name} in an old file.pth", _saved({**_SOME, "evil": order}, new=False)


def _saved(content: Any, *, new: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=new)
    return file.getvalue()


def _members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _archive(members: list[tuple[str, bytes]], how: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def _archives(target: str) -> Iterator[tuple[str, bytes]]:
    good = _saved(_SOME)
    members = _members(good)
    yield "compressed.pt", _archive(list(members.items()), zipfile.ZIP_DEFLATED)
    yield "two of a name.pt", _duplicated(members)
    place = good.index(members[next(n for n in members if n.endswith("data/0"))], 200)
    yield "wrong checksum.pt", good[:place] + b"\1" + good[place + 1 :]
    for share in (1, 10, 50, 90, 99):
        yield f"cut at {share} percent.pt", good[: len(good) * share // 100]
    lying = bytearray(good)
    directory = lying.rindex(b"PK\1\2")
    lying[directory + 24 : directory + 28] = struct.pack("<I", 2**31)
    yield "lies about a size.pt", bytes(lying)
    yield "no pickle.pt", _archive([(n, c) for n, c in members.items() if not n.endswith(".pkl")])
    yield "no numbers.pt", _archive([(n, c) for n, c in members.items() if "/data/" not in n])
    yield (
        "numbers too short.pt",
        _archive([(n, c[:4] if "/data/" in n else c) for n, c in members.items()]),
    )
    yield (
        "path out of the folder.pt",
        _archive([*members.items(), (f"../{Path(target).name}", b"x")]),
    )
    yield "other archive.pt", _archive([("readme.txt", b"hello")])
    yield "empty archive.pt", _archive([])
    program = [  # as torch.jit.save lays it out
        ("net/data.pkl", members[next(n for n in members if n.endswith("data.pkl"))]),
        ("net/code/__torch__/net.py", b"class Net(Module):\n  def forward(self, x): return x\n"),
        ("net/constants.pkl", b"\x80\x02)."),
        ("net/version", b"3\n"),
    ]
    yield "torchscript.pt", _archive(program)
    yield "torchscript.pth", _archive(program)
    yield (
        "exported.pt2",
        _archive([("net/archive_format", b"pt2"), ("net/models/model.json", b"{}")]),
    )
    yield (
        "exported.pt",
        _archive([("net/archive_format", b"pt2"), ("net/models/model.json", b"{}")]),
    )
    yield "exported old.pt", _archive([("serialized_exported_program.json", b"{}")])
    whole = io.BytesIO()
    torch.save(torch.nn.Linear(3, 2), whole)
    yield "a whole network.pth", whole.getvalue()


def _large() -> Iterator[tuple[str, bytes]]:
    members = _members(_saved(_SOME))
    yield (
        "bomb.pt",
        _archive([*members.items(), ("archive/data/9", bytes(2**28))], zipfile.ZIP_DEFLATED),
    )
    yield (
        "bomb as the pickle.pt",
        _archive([("archive/data.pkl", bytes(2**28))], zipfile.ZIP_DEFLATED),
    )
    yield "many members.pt", _list_of_members(200_001)
    yield "a million keys.pt", _saved({str(i): i for i in range(10**6)})
    yield "many tensors.pt", _saved({str(i): _SOME["bias"] for i in range(100_001)})
    empty = '"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    header = ("{" + ",".join(empty % i for i in range(10**6)) + "}").encode()
    yield "a million keys.safetensors", len(header).to_bytes(8, "little") + header


def _list_of_members(count: int) -> bytes:
    """A ZIP file of so many empty members, whose list alone is there (PKWARE, APPNOTE 4.3.12-16)."""
    entries = []
    for i in range(count):
        name = b"archive/data/%d" % i
        fixed = (0x02014B50, 20, 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0)
        entries.append(struct.pack("<IHHHHHHIIIHHHHHII", *fixed) + name)
    listed = b"".join(entries)
    long = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, len(listed), 0)
    place = struct.pack("<IIQI", 0x07064B50, 0, len(listed), 1)
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, len(listed), 0, 0)
    return listed + long + place + end


def _headed(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file with that header, which is said to be so long."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def _duplicated(members: dict[str, bytes]) -> bytes:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _archive([*members.items(), *members.items()])


def _odd_pickles() -> Iterator[tuple[str, bytes]]:
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    yield "nested lists.pt", _saved({"a": deep})
    yield "deeply nested.pt", b"\x80\x04" + b"]" * 100_000 + b"a" * 99_999 + b"."
    yield "endless memo.pt", b"\x80\x04" + b"]\x94" * 100_000 + b"."
    yield "bytearray of a terabyte.pt", pickle.dumps(Order(bytearray, 2**40), 2)
    yield "huge number.pt", b"I" + b"9" * 100_000 + b"\n."
    yield "huge string.pt", b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"x."
    yield "huge list.pt", b"\x80\x04\x96" + struct.pack("<Q", 2**62) + b"x."
    yield "stack underflow.pt", b"\x80\x02R."
    yield "no stop.pt", b"\x80\x02}"
    yield "unknown protocol.pt", b"\x80\x63}."
    yield "a number.pt", _saved(3)
    yield "a list.pt", _saved([torch.zeros(2)])
    yield "a tensor.pt", _saved(torch.zeros(2))
    yield "an empty dict.pt", _saved({})
    yield "only numbers.pt", _saved({"epoch": 3, "loss": 0.5})
    unchecked: Any = torch.sparse.check_sparse_tensor_invariants  # which has no types
    with unchecked(enable=False):
        places = torch.tensor([[0, 10**6], [0, 5]])
        far = _saved({"weight": torch.sparse_coo_tensor(places, torch.ones(2), (2, 3))})
        near = _saved({"weight": torch.sparse_coo_tensor(places % 2, torch.ones(2), (2, 3))})
    yield "sparse out of bounds.pt", far
    yield "sparse.pt", near
    yield "meta.pt", _saved({"weight": torch.zeros(2, 3, device="meta")})


def _no_weights() -> Iterator[tuple[str, bytes]]:
    pages = {
        "nothing": b"",
        "a byte": b"\x80",
        "text": b"these are not weights\n" * 20,
        "web page": b"<!DOCTYPE html>\n<html><body>404</body></html>",
        "web page late": b"\n\n  <html><head></head></html>",
        "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1234\n",
        "picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "pdf": b"%PDF-1.7\n" + bytes(100),
        "gzip": b"\x1f\x8b\x08" + bytes(100),
        "tar": b"a" + bytes(256) + b"ustar\0" + bytes(300),
        "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(200),
        "numpy": b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,)}" + bytes(100),
        "zeros": bytes(1000),
        "ones": b"\xff" * 1000,
    }  # fmt: skip
    for name, content in pages.items():
        for suffix in (".pth", ".safetensors"):
            yield name + suffix, content


def _safetensors() -> Iterator[tuple[str, bytes]]:
    def tensor(kind: str = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
        return {"dtype": kind, "shape": shape, "data_offsets": offsets}

    cases: dict[str, bytes] = {
        "header too long": _headed({"a": tensor()}, bytes(8), 2**63),
        "header longer than the file": _headed({"a": tensor()}, bytes(8), 10**6),
        "header of 90 MB": _headed({}, bytes(100), 90 * 10**6),
        "header cut": _headed({"a": tensor()}, bytes(8), 10),
        "no json": _headed(b"not json at all     "),
        "a list": _headed([1, 2, 3]),
        "deep json": _headed(b"[" * 100_000 + b"]" * 100_000),
        "deep object": _headed(b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
        "overlap": _headed({"a": tensor(), "b": tensor(offsets=(4, 12))}, bytes(12)),
        "hole": _headed({"a": tensor(), "b": tensor(offsets=(12, 20))}, bytes(20)),
        "beyond the end": _headed({"a": tensor(offsets=(0, 800), shape=(200,))}, bytes(8)),
        "backwards": _headed({"a": tensor(offsets=(8, 0))}, bytes(8)),
        "negative": _headed({"a": tensor(offsets=(-8, 0))}, bytes(8)),
        "shape too large": _headed({"a": tensor(shape=(2**40, 2**40))}, bytes(8)),
        "shape overflows": _headed({"a": tensor(shape=(2**32, 2**32))}, bytes(8)),
        "negative shape": _headed({"a": tensor(shape=(-2,))}, bytes(8)),
        "shape in words": _headed({"a": tensor(shape="two")}, bytes(8)),
        "unknown kind": _headed({"a": tensor("F99")}, bytes(8)),
        "more data": _headed({"a": tensor()}, bytes(80)),
        "same name twice": _headed(b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}', bytes(16)),
        "metadata of numbers": _headed({"__metadata__": {"onestop": 3}, "a": tensor()}, bytes(8)),
        "bad utf-8": _headed(b'{"\xff\xfe":{}}'),
    }  # fmt: skip
    cards: dict[str, Any] = {
        "card is no json": "{",
        "card is a list": "[1, 2]",
        "card is deep": "[" * 50_000 + "]" * 50_000,
        "card is empty": "{}",
        "card without network": json.dumps({"format_version": 1}),
        "card of the future": json.dumps({"format_version": 99}),
        "card with a wrong version": json.dumps({"format_version": "x"}),
        "card without a checksum": json.dumps({"format_version": 2, "network": "linear", "arguments": {"classes": 2, "channels": 1, "image_size": 8}, "classes": ["a", "b"], "preprocessing": {}}),
        "card names code": json.dumps({"format_version": 1, "network": "/tmp/evil.py:Net", **_PLAUSIBLE}),
        "card names no network": json.dumps({"format_version": 1, "network": "nonesuch", **_PLAUSIBLE}),
        "card wants a billion classes": json.dumps({"format_version": 1, "network": "linear", "arguments": {"classes": 10**9, "channels": 3, "image_size": 10**6}, "classes": ["a", "b"], "preprocessing": {}}),
    }  # fmt: skip
    for name, text in cards.items():
        cases[name] = _headed({"__metadata__": {"onestop": text}, "a": tensor()}, bytes(8))
    for name, content in cases.items():
        yield name + ".safetensors", content


def _no_files(folder: Path) -> None:
    for suffix in (".pt", ".pth", ".safetensors"):
        (folder / f"folder{suffix}").mkdir()
        os.mkfifo(folder / f"pipe{suffix}")
        (folder / f"zero{suffix}").symlink_to("/dev/zero")
        (folder / f"dangling{suffix}").symlink_to(folder / "nowhere")
        (folder / f"loop{suffix}").symlink_to(folder / f"loop{suffix}")
        with socket.socket(socket.AF_UNIX) as plug:
            here = Path.cwd()
            os.chdir(folder)  # the name of a socket must be short
            plug.bind(f"plug{suffix}")
            os.chdir(here)
