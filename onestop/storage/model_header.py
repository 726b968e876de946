"""What the header of a model file says, read without torch and without the tensors.

For lists of runs and for checks that files belong together. Nothing is verified: whoever uses the
tensors reads the file with `onestop.storage.model_file`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from onestop.reading import MOST_HEADER, open_regular, parse_json

DIGEST = "network_digest"
"""The key of the digest of a network, in model files and metrics.json."""
_CARD = b'{"__metadata__":{"onestop":"{'
_DIGEST = re.compile(rb'\\"network_digest\\": \\"([0-9a-f]{32})\\"')
_BEGIN = 256  # bytes that hold the checksum and the digest


def digest_in(path: Path) -> str | None:
    """The digest of the network in a model file.

    Empty if an earlier version wrote the file; None if there is no model file.
    """
    begin = _read(path, _BEGIN)
    if not begin.startswith(_CARD):
        return None
    found = _DIGEST.search(begin)
    return found[1].decode() if found else ""


def card_in(path: Path) -> dict[str, Any]:
    """The description in a model file; empty if there is none, or it cannot be read."""
    try:
        metadata = parse_json(_read(path, MOST_HEADER).decode())["__metadata__"]
        card = parse_json(metadata["onestop"])
    except (ValueError, KeyError, TypeError):
        return {}
    return card if isinstance(card, dict) else {}


def _read(path: Path, most: int) -> bytes:
    """The beginning of the header of a safetensors file; empty if it cannot be read."""
    try:
        with open_regular(path) as file:
            size = int.from_bytes(file.read(8), "little")
            return file.read(min(size, most)) if size <= MOST_HEADER else b""
    except OSError:
        return b""
