"""`onestop models`: list the networks that can be built."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onestop.networks.catalog import Entry


def models(pattern: str | None = None) -> list[Entry]:
    """List the networks that can be built by name.

    Args:
        pattern: part of a name, or a pattern such as resnet* (default: all)

    Returns:
        An entry a network: our own first, then torchvision's.
    """
    from onestop.networks import entries

    wanted = (pattern or "*").lower()
    if not any(sign in wanted for sign in "*?["):
        wanted = f"*{wanted}*"
    return [entry for entry in entries() if fnmatch.fnmatchcase(entry.name, wanted)]
