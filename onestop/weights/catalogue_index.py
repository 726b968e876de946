"""Networks by the names and shapes of their tensors.

`networks.json` beside this file has those of one version of the libraries, so that nothing needs to be
built; what other versions add is built once, on the meta device, and kept in the user's cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

from torch import nn

from onestop.data.cache_file import user_cache
from onestop.errors import OneStopError
from onestop.networks import build, find, whole_entries
from onestop.networks.meta import build_on_meta
from onestop.reading import read_object
from onestop.runtime.files import write_atomic
from onestop.runtime.json_text import json_text
from onestop.version import __version__

_COUNTER = "num_batches_tracked"
_ALIKE = 0.6  # share of a file's kinds of names that a family must have
USUAL = 1000
"""Outputs of the networks that are compared."""
SHIPPED = Path(__file__).with_name("networks.json")
"""What `described` returns, by network; tests/weights/test_catalogue_index.py renews it."""

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]


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


def described(own: Shapes) -> str:
    """A network with the usual number of outputs in a line: a hash, and the names of its last tensors.

    Args:
        own: Shapes of its tensors; none for a network that cannot be built.

    Returns:
        The hash is of the other tensors, whose shapes do not depend on the number of outputs.
    """
    return _line(own, [name for name, shape in own.items() if USUAL in shape])


def _line(found: Shapes, last: Iterable[str]) -> str:
    rest = sorted((name, *shape) for name, shape in found.items() if name not in set(last))
    digest = hashlib.sha256(repr(rest).encode()).hexdigest()[:16] if found else ""
    return " ".join([digest, *last])


class CatalogueIndex:
    """All networks that can be built, by their tensors; `save` keeps what was built and decided.

    Attributes:
        networks: What `described` returns, by network.
        kinds: The kinds of names (with digits left out) of one network of each family of timm.
        decided: The networks that files of weights are for, by the digest of their tensors.
        reasons: Why files are for no network.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._file, self._say = _index_file(), say
        stored, shipped = read_object(self._file), read_object(SHIPPED)
        fresh = stored if stored.get("versions") == _versions() else {}
        self.is_of_others = any(
            _versions().get(name) not in (None, number)
            for name, number in shipped["versions"].items()
        )
        self._own: dict[str, str] = dict(fresh.get("networks") or {})
        self.networks: dict[str, str] = {**shipped["networks"], **self._own}
        self.kinds: dict[str, list[str]] = dict(fresh.get("kinds") or {})
        self.decided: dict[str, list[str]] = dict(fresh.get("decided") or {})
        self.reasons: dict[str, str] = dict(fresh.get("reasons") or {})

    def save(self) -> None:
        """Write what was built and decided."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "versions": _versions(), "networks": self._own, "kinds": self.kinds,
            "decided": self.decided, "reasons": self.reasons,
        }  # fmt: skip
        write_atomic(self._file, json_text(content))

    def only_built(self) -> None:
        """Forget what other versions of the libraries have, if these are others."""
        self.networks = dict(self._own)

    def with_shapes(self, found: Shapes) -> list[str]:
        """The networks that have exactly these tensors, for whatever number of outputs."""
        return [name for name, last in self._fitting(found) if found.keys() >= set(last)]

    def backbones(self, found: Shapes) -> dict[str, list[str]]:
        """The networks that have these tensors and those of a last layer, whose names are returned."""
        fitting = self._fitting(found)
        return {name: last for name, last in fitting if last and not found.keys() & set(last)}

    def _fitting(self, found: Shapes) -> list[tuple[str, list[str]]]:
        """The networks whose tensors are these but for those of the last layer, and its names."""
        candidates = [entry.name for entry in whole_entries() if not entry.vectors]
        self._look_at(candidates)
        candidates += self._of_timm(found)
        self._look_at(candidates)
        lines, fitting = dict[str, str](), list[tuple[str, list[str]]]()
        for name in candidates:
            last = self.networks[name].partition(" ")[2]
            if last not in lines:
                lines[last] = _line(found, last.split())
            if found and self.networks[name] == lines[last]:
                fitting.append((name, last.split()))
        return fitting

    def _look_at(self, networks: Iterable[str]) -> None:
        missing = [name for name in networks if name not in self.networks]
        if len(missing) > 20:
            self._say(f"comparing with {len(missing)} networks; this is done once")
        for name in missing:
            self.networks[name] = self._own[name] = described(shapes_of(name))

    def _of_timm(self, names: Iterable[str]) -> list[str]:
        """Timm's networks: those that are known, and of families in which names look like these."""
        try:
            import timm
        except ImportError:
            return []
        kinds, found = _kinds(names), list[str]()
        for family in timm.list_modules():
            members = [f"timm:{member}" for member in timm.list_models(module=family)]
            unknown = [name for name in members if name not in self.networks]
            found += [name for name in members if name in self.networks]
            if unknown and family not in self.kinds:
                self.kinds[family] = sorted(_kinds(shapes_of(unknown[0])))
            if unknown and len(kinds & set(self.kinds[family])) >= _ALIKE * len(kinds):
                found += unknown
        return found


def _kinds(names: Iterable[str]) -> set[str]:
    return {re.sub(r"\d+", "#", name) for name in names}


def _index_file() -> Path:
    return user_cache() / "weights" / "networks.json"


def _versions() -> dict[str, str]:
    return {"onestop": __version__, **library_versions()}


def library_versions() -> dict[str, str]:
    """The versions of the libraries that have networks."""
    found = {}
    for library in ("torchvision", "timm"):
        with contextlib.suppress(PackageNotFoundError):
            found[library] = version(library)
    return found
