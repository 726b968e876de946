"""Names of tensors in well-known older spellings.

What wrappers put before names is dealt with where weights are copied; see
`onestop.networks.partial_load.matched`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from onestop.weights.wheels import renamed

_Value = TypeVar("_Value")

# torchvision's DenseNets as their published files still have them; torchvision renames them too.
_DENSE = re.compile(r"(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..+)")
_MOST_PREFIXES = 3  # such as `module.model.backbone.`


def respelled(tensors: Mapping[str, _Value], own: Iterable[str]) -> dict[str, _Value]:
    """Tensors in the spelling of a network, if theirs is an older one of it.

    Args:
        tensors: By name, as a file has them.
        own: The names of the network's tensors.
    """
    if any(_DENSE.fullmatch(name) for name in tensors):
        return {_DENSE.sub(r"\1\2", name): value for name, value in tensors.items()}
    own = list(own)
    for named in without_prefixes(tensors):
        if "_conv_stem.weight" in named and "conv_stem.weight" in own:
            return _of_lukemelas(named, own)
    return dict(tensors)


def _of_lukemelas(named: Mapping[str, _Value], own: list[str]) -> dict[str, _Value]:
    try:
        return renamed(named, own)
    except IndexError:  # it has more blocks
        return dict(named)


def without_prefixes(tensors: Mapping[str, _Value]) -> Iterator[dict[str, _Value]]:
    """The names as they are, then without their first parts for as long as all have the same."""
    named = dict(tensors)
    yield named
    for _ in range(_MOST_PREFIXES):
        prefix = next(iter(named), "").partition(".")[0] + "."
        if not named or not all(n.startswith(prefix) and len(n) > len(prefix) for n in named):
            return
        named = {name.removeprefix(prefix): value for name, value in named.items()}
        yield named
