"""The names of the tensors of every network that can be built, kept in the user's cache.

Made once per version of the libraries, on the meta device. timm has over a thousand networks; of each
of its families one is looked at first, and the others only if a file's names resemble that one's.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from torch import nn

from onestop.data.cache_file import user_cache
from onestop.errors import OneStopError
from onestop.networks import build, entries, find
from onestop.networks.meta import build_on_meta
from onestop.reading import read_object
from onestop.runtime.files import write_atomic
from onestop.version import __version__

_COUNTER = "num_batches_tracked"
_ALIKE = 0.6  # share of a file's kinds of names that a family must have
USUAL = 1000
"""Outputs of the networks that are compared."""


def shapes_of(name: str, outputs: int = USUAL) -> dict[str, tuple[int, ...]]:
    """Shapes of a network's tensors by name, of the usual size; empty if it cannot be built."""
    entry = find(name)

    def make() -> nn.Module:
        return build(name, outputs, entry.channels, entry.image_size)

    try:
        found = build_on_meta(make, lambda _: None)
    except OneStopError:
        return {}
    return {} if found is None else shapes(found[0].state_dict())


def shapes(tensors: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Shapes by name, without the counters of BatchNorm, which some files lack."""
    return {name: tuple(t.shape) for name, t in tensors.items() if _COUNTER not in name}


class CatalogueIndex:
    """Networks by the names of their tensors; `save` keeps what was built.

    Attributes:
        names: A hash of the tensors' names, by network; empty if it could not be built.
        kinds: The kinds of names (with digits left out) of one network of each family of timm.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._file, self._say = _index_file(), say
        stored = read_object(self._file)
        fresh = stored if stored.get("versions") == _versions() else {}
        self.names: dict[str, str] = dict(fresh.get("names") or {})
        self.kinds: dict[str, list[str]] = dict(fresh.get("kinds") or {})
        self.decided: dict[str, list[str]] = dict(fresh.get("decided") or {})

    def save(self) -> None:
        """Write what is known."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "versions": _versions(), "names": self.names, "kinds": self.kinds, "decided": self.decided
        }  # fmt: skip
        write_atomic(self._file, json.dumps(content))

    def with_names(self, names: Iterable[str]) -> list[str]:
        """The networks that have tensors of exactly these names."""
        wanted = sorted(name for name in names if _COUNTER not in name)
        candidates = [entry.name for entry in entries() if not entry.vectors]
        self._look_at(candidates)
        candidates += self._of_timm(wanted)
        self._look_at(candidates)
        return [name for name in candidates if self.names[name] == _hash(wanted)]

    def _look_at(self, networks: Iterable[str]) -> None:
        missing = [name for name in networks if name not in self.names]
        if len(missing) > 20:
            self._say(f"comparing with {len(missing)} networks; this is done once")
        for name in missing:
            self.names[name] = _hash(sorted(shapes_of(name)))

    def _of_timm(self, names: list[str]) -> list[str]:
        """Timm's networks of families in which names look like these."""
        try:
            import timm
        except ImportError:
            return []
        kinds, found = _kinds(names), list[str]()
        for family in timm.list_modules():
            members = timm.list_models(module=family)
            if not members:
                continue
            if family not in self.kinds:
                self.kinds[family] = sorted(_kinds(shapes_of(f"timm:{members[0]}")))
            if len(kinds & set(self.kinds[family])) >= _ALIKE * len(kinds):
                found += [f"timm:{member}" for member in members]
        return found


def _kinds(names: Iterable[str]) -> set[str]:
    return {re.sub(r"\d+", "#", name) for name in names}


def _hash(names: list[str]) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16] if names else ""


def _index_file() -> Path:
    return user_cache() / "weights" / "networks.json"


def _versions() -> dict[str, str]:
    found = {"onestop": __version__}
    for library in ("torchvision", "timm"):
        with contextlib.suppress(PackageNotFoundError):
            found[library] = version(library)
    return found
