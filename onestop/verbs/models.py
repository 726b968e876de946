"""`onestop models`: list the networks that can be built."""

from __future__ import annotations

import fnmatch
from operator import attrgetter
from typing import TYPE_CHECKING, Literal

from onestop.errors import UsageError
from onestop.recipe.signatures import checked
from onestop.text import did_you_mean

if TYPE_CHECKING:
    from onestop.networks.catalog import Entry

Sort = Literal["name", "params", "multiply-adds"]


@checked
def models(pattern: str | None = None, *, sort: Sort | None = None) -> list[Entry]:
    """List the networks that can be built by name.

    Args:
        pattern: part of a name, or a pattern such as resnet* (default: all)
        sort: order of the list (default: our own first, families together)

    Returns:
        One entry per network, our own first, then torchvision's.

    Raises:
        UsageError: No network has such a name.
    """
    from onestop.networks import entries

    glob = (pattern or "*").lower()
    if not any(sign in glob for sign in "*?["):
        glob = f"*{glob}*"
    known = list(entries())
    matching = [entry for entry in known if fnmatch.fnmatchcase(entry.name, glob)]
    if not matching:
        near = did_you_mean(str(pattern), [entry.name for entry in known])
        raise UsageError(f"{pattern}: no network has such a name{near}")
    keys = {"name": "name", "params": "parameters", "multiply-adds": "multiply_adds"}
    return sorted(matching, key=attrgetter(keys[sort])) if sort else matching
