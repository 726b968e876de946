"""A hash of tensors, the same wherever they are stored and in whichever format."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def tensor_digest(tensors: Mapping[str, Tensor]) -> str:
    """A hash of the names, types, shapes and values of tensors: 128 bits of SHA-256 in hex."""
    digest = hashlib.sha256()
    add_tensors(digest, tensors)
    return digest.hexdigest()[:32]


def add_tensors(digest: Any, tensors: Mapping[str, Tensor]) -> None:
    """Update a `hashlib` object with tensors, in the order of their names."""
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"\n{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        if tensor.numel():
            flat = tensor.as_strided((tensor.numel(),), (1,))  # a single value may have any stride
            digest.update(flat.view(torch.uint8).numpy().data)
