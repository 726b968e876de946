"""Checksummed safetensors: tensors and a JSON description, with a SHA-256 over both.

The description is the only entry of the file's metadata. Its first value is the checksum: the SHA-256
of everything else in the file, that is the names, types, shapes and values of the tensors and the
description. Any safetensors reader can read such a file; ours also detects a single flipped bit. Equal
content gives equal bytes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from onestop.errors import ModelFileError, UsageError
from onestop.reading import MOST_HEADER
from onestop.runtime.json_text import json_text
from onestop.storage.torch_files import require_file

_CHECKSUM = re.compile(r'\{"sha256": "([0-9a-f]{64})", ')


@dataclass(frozen=True)
class Content:
    """The content of a file of tensors.

    Attributes:
        metadata: Texts by key, without the checksum.
        tensors: By name, on the CPU.
        sealed: Key of the description with the (correct) checksum; empty without a checksum.
    """

    metadata: Mapping[str, str]
    tensors: dict[str, Tensor]
    sealed: str


def packed(tensors: Mapping[str, Tensor], key: str, description: Mapping[str, Any]) -> bytes:
    """The bytes of a checksummed file; the description is stored under `key` and must not be empty."""
    stored = {
        # On the CPU, contiguous, no two sharing memory.
        name: tensor.detach().to("cpu").clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    # In ASCII: class names can contain bytes that are not text.
    text = json_text(description, ascii_only=True)
    checksum = _checksum(stored, {key: text})
    return save(stored, metadata={key: f'{{"sha256": "{checksum}", {text[1:]}'})


def unpacked(path: Path) -> Content:
    """The content of a checksummed file, or of any other safetensors file.

    Raises:
        UsageError: There is no such file.
        ModelFileError: It is not a safetensors file, or has changed since it was written.
    """
    begin = require_file(path)
    if len(begin) >= 8 and int.from_bytes(begin[:8], "little") > MOST_HEADER:
        raise ModelFileError(
            f"{path}: damaged, or not a safetensors file (its list of tensors would be longer than "
            f"{MOST_HEADER // 10**6} MB)"
        )
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}; name a model file") from None
    except SafetensorError as error:
        raise ModelFileError(f"{path}: damaged, or not a safetensors file ({error})") from None
    for key, text in metadata.items():
        if match := _CHECKSUM.match(text):
            metadata[key] = "{" + text[match.end() :]
            if match[1] != _checksum(tensors, metadata):
                raise ModelFileError(
                    f"{path}: damaged, its content does not match its checksum; use another copy"
                )
            return Content(metadata, tensors, key)
    return Content(metadata, tensors, "")


def _checksum(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for key in sorted(metadata):
        digest.update(_framed(key) + _framed(metadata[key]))
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(_framed(name) + _framed(f"{tensor.dtype} {list(tensor.shape)}"))
        if tensor.numel():
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _framed(text: str) -> bytes:
    """Text prefixed with its length, so that different sequences never give the same bytes."""
    content = text.encode(errors="surrogatepass")
    return len(content).to_bytes(8, "little") + content
