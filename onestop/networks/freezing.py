"""Stages of a network, freezing the first ones, and lower learning rates for early stages."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

from torch import nn

from onestop.errors import UsageError

_FEWEST = 4
"""Networks with fewer parts than this at the top level are opened until there are as many."""


def stages(network: nn.Module, heads: Iterable[str]) -> list[list[str]]:
    """The parts of a network from input to head, each as the names of its modules.

    The parts are those the network was written in: its top-level modules, or, if these are few, the
    modules in them. A part without a weight matrix (a lone BatchNorm) and the layers before an
    auxiliary head belong to the part before them. Heads are left out.

    Args:
        network: Any network.
        heads: Names of its heads, the main one first; see `onestop.networks.surgery.find_heads`.
    """
    kept = list(heads)
    top = [head.partition(".")[0] for head in kept]
    beside = set(top) - set(top[:1])
    names = _children(network, "")
    while True:
        parts: list[list[str]] = []
        for name in names:
            shapes = [p.ndim for p in network.get_submodule(name).parameters()]
            if name in kept:
                continue
            if parts and (max(shapes) < 2 or name.partition(".")[0] in beside):
                parts[-1].append(name)
            else:
                parts.append([name])
        opened = {name for name in names if any(_inside(head, [name]) for head in kept)}
        if not opened and len(parts) < _FEWEST:
            opened = {name for name in names if _children(network, name)} - set(kept)
        if not opened:
            return parts
        names = [
            inner
            for name in names
            for inner in (_children(network, name) if name in opened else [name])
        ]


def _children(network: nn.Module, name: str) -> list[str]:
    """Names of the modules directly in a module that have parameters."""
    children = network.get_submodule(name).named_children()
    learning = [child for child, module in children if any(True for _ in module.parameters())]
    return [f"{name}.{child}" if name else child for child in learning]


class Freezing:
    """Which parts of a network are frozen, and how to undo it.

    A frozen module does not learn and stays in evaluation mode even after `train()`: its BatchNorm
    statistics do not move and its dropout is off.
    """

    def __init__(self, network: nn.Module, heads: Sequence[str]) -> None:
        """Nothing is frozen yet."""
        self.network = network
        self.heads = tuple(heads)
        self.what = "none"
        self._parameters: list[nn.Parameter] = []
        self._modules: list[nn.Module] = []

    def freeze(self, what: str) -> None:
        """Freeze `none`, the `backbone` (everything but the heads), or the first N stages.

        What was frozen before is thawed first.

        Raises:
            UsageError: Not one of these, or more stages than there are.
        """
        if what == self.what:
            return
        self.check(what)
        self.thaw()
        if what == "backbone":
            self._freeze_all_but(self.network, "", set(self.heads))
        elif what != "none":
            parts = stages(self.network, self.heads)
            for name in {name for part in parts[: int(what)] for name in part}:
                self._freeze_module(self.network.get_submodule(name))
            # Tokens and position tables lie outside of all stages, before the first one.
            stays = [*self.heads, *(name for part in parts for name in part)]
            self._freeze_parameters(
                parameter
                for name, parameter in self.network.named_parameters()
                if not _inside(name, stays)
            )
        self.what = what

    def check(self, what: str) -> None:
        """Raise what `freeze` would raise, without freezing anything."""
        if what in ("none", "backbone"):
            return
        count = len(stages(self.network, self.heads))
        if not what.isdecimal() or not 0 < int(what) <= count:
            raise UsageError(
                f"--freeze {what}: none, backbone, or 1 to {count} stages of this network"
            )

    def thaw(self) -> None:
        """Make everything that was frozen here learn again and follow `train()` and `eval()`."""
        for module in self._modules:
            del module.train
            module.train(self.network.training)
        for parameter in self._parameters:
            parameter.requires_grad_(True)
        self._modules, self._parameters, self.what = [], [], "none"

    def _freeze_all_but(self, module: nn.Module, name: str, kept: set[str]) -> None:
        """Freeze the largest modules that hold none of the kept ones."""
        if name in kept:
            return
        if name and not any(other.startswith(f"{name}.") for other in kept):
            self._freeze_module(module)
            return
        self._freeze_parameters(module.parameters(recurse=False))
        for child, inner in module.named_children():
            self._freeze_all_but(inner, f"{name}.{child}" if name else child, kept)

    def _freeze_module(self, module: nn.Module) -> None:
        self._freeze_parameters(module.parameters())
        module.eval()
        # The parent's `train()` calls the children's; this one no longer listens. Bound to the
        # module, so that a deep copy of the network has its own.
        module.train = functools.partial(_stay, module)  # type: ignore[method-assign]
        self._modules.append(module)

    def _freeze_parameters(self, parameters: Iterable[nn.Parameter]) -> None:
        for parameter in parameters:
            if parameter.requires_grad:  # what the user froze stays frozen
                parameter.requires_grad_(False)
                parameter.grad = None
                self._parameters.append(parameter)


def rate_scales(
    network: nn.Module, heads: Sequence[str], backbone: float, layer_decay: float
) -> dict[str, float]:
    """A factor of the learning rate for each parameter, by name.

    Heads have the full learning rate, everything else `backbone` times it, and each stage before the
    last `layer_decay` times that of the stage after it (Clark et al. 2020, section 3.2,
    https://arxiv.org/abs/2003.10555).
    """
    parts = stages(network, heads)
    scales = {}
    for name, _ in network.named_parameters():
        if any(name.startswith(f"{head}.") for head in heads):
            scales[name] = 1.0
            continue
        depth = next((i for i, part in enumerate(parts) if _inside(name, part)), 0)
        scales[name] = backbone * layer_decay ** (len(parts) - depth)
    return scales


def _inside(name: str, modules: Iterable[str]) -> bool:
    return any(name.startswith(f"{module}.") for module in modules)


def _stay(module: nn.Module, mode: bool = True) -> nn.Module:  # noqa: ARG001
    return module
