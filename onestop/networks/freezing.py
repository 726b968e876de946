"""Stages of a network: freezing the first ones, and layer-wise learning-rate decay."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

from torch import nn

from onestop.errors import UsageError

_NORMS = nn.modules.batchnorm._NormBase  # noqa: SLF001 - the base of all that have running statistics
_FEWEST = 4
"""Networks with fewer top-level parts are expanded until there are this many."""


def stages(network: nn.Module, heads: Iterable[str]) -> list[list[str]]:
    """The stages of a network from input to head, each as a list of module names.

    The stages are the network's top-level modules or, if these are few, the modules in them. A module
    without a weight matrix (such as a separate BatchNorm), and the layers before an auxiliary head,
    belong to the stage before them. Heads are excluded.

    Args:
        network: Any network.
        heads: Names of its heads, the main one first; see `onestop.networks.surgery.find_heads`.
    """
    excluded = list(heads)
    top = [head.partition(".")[0] for head in excluded]
    beside = set(top) - set(top[:1])
    names = _children(network, "")
    while True:
        parts: list[list[str]] = []
        for name in names:
            shapes = [p.ndim for p in network.get_submodule(name).parameters()]
            if name in excluded:
                continue
            if parts and (max(shapes) < 2 or name.partition(".")[0] in beside):
                parts[-1].append(name)
            else:
                parts.append([name])
        expanded = {name for name in names if any(_inside(head, [name]) for head in excluded)}
        if not expanded and len(parts) < _FEWEST:
            expanded = {name for name in names if _children(network, name)} - set(excluded)
        if not expanded:
            return parts
        names = [
            inner
            for name in names
            for inner in (_children(network, name) if name in expanded else [name])
        ]


def _children(network: nn.Module, name: str) -> list[str]:
    """Names of the direct submodules with parameters."""
    children = network.get_submodule(name).named_children()
    with_parameters = [c for c, module in children if any(True for _ in module.parameters())]
    return [f"{name}.{child}" if name else child for child in with_parameters]


class Freezing:
    """Freezes and unfreezes parts of a network.

    A frozen module is not trained and stays in evaluation mode even after `train()`: its BatchNorm
    statistics are fixed and its dropout is off.
    """

    def __init__(self, network: nn.Module, heads: Sequence[str], *, norms: bool = False) -> None:
        """Nothing is frozen yet, except, with `norms`, the running statistics of BatchNorm for good."""
        self.network = network
        self.heads = tuple(heads)
        self.what = "none"
        self._parameters: list[nn.Parameter] = []
        self._modules: list[nn.Module] = []
        for module in network.modules() if norms else ():
            if isinstance(module, _NORMS) and module.running_mean is not None:
                _fix(module)

    def freeze(self, what: str) -> None:
        """Freeze `none`, the `backbone` (all but the heads), the first N stages, or the first `half`.

        Unfreezes everything else first.

        Raises:
            UsageError: Another value, or more stages than there are.
        """
        if what == self.what:
            return
        self.check(what)
        self.thaw()
        if what == "backbone":
            self._freeze_all_but(self.network, "", set(self.heads))
        elif what != "none":
            parts = stages(self.network, self.heads)
            count = (len(parts) + 1) // 2 if what == "half" else int(what)
            for name in {name for part in parts[:count] for name in part}:
                self._freeze_module(self.network.get_submodule(name))
            # Class tokens and position embeddings are not in any stage: they come before the first.
            in_stages = [*self.heads, *(name for part in parts for name in part)]
            self._freeze_parameters(
                parameter
                for name, parameter in self.network.named_parameters()
                if not _inside(name, in_stages)
            )
        self.what = what

    def check(self, what: str) -> None:
        """Raise the errors of `freeze` without freezing anything."""
        if what in ("none", "backbone", "half"):
            return
        count = len(stages(self.network, self.heads))
        if not what.isdecimal() or not 0 < int(what) <= count:
            raise UsageError(
                f"--freeze {what}: use none, backbone, half, or 1 to {count} (the stages of this "
                "network)"
            )

    def thaw(self) -> None:
        """Unfreeze everything that was frozen here."""
        for module in self._modules:
            del module.train
            module.train(self.network.training)
        for parameter in self._parameters:
            parameter.requires_grad_(True)
        self._modules, self._parameters, self.what = [], [], "none"

    def _freeze_all_but(self, module: nn.Module, name: str, excluded: set[str]) -> None:
        """Freeze the largest modules that do not contain an excluded one."""
        if name in excluded:
            return
        if name and not any(other.startswith(f"{name}.") for other in excluded):
            self._freeze_module(module)
            return
        self._freeze_parameters(module.parameters(recurse=False))
        for child, inner in module.named_children():
            self._freeze_all_but(inner, f"{name}.{child}" if name else child, excluded)

    def _freeze_module(self, module: nn.Module) -> None:
        self._freeze_parameters(module.parameters())
        if "train" in vars(module):  # stays as it is anyway
            return
        _fix(module)
        self._modules.append(module)

    def _freeze_parameters(self, parameters: Iterable[nn.Parameter]) -> None:
        for parameter in parameters:
            if parameter.requires_grad:  # parameters frozen by the user stay frozen
                parameter.requires_grad_(False)
                parameter.grad = None
                self._parameters.append(parameter)


def rate_scales(
    network: nn.Module, heads: Sequence[str], backbone: float, layer_decay: float
) -> dict[str, float]:
    """The learning-rate factor of each parameter, by name.

    Heads have the full learning rate and everything else `backbone` times it; each stage before the
    last has `layer_decay` times the rate of the next one (Clark et al. 2020, section 3.2,
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


def _fix(module: nn.Module) -> None:
    """Put a module in evaluation mode, for good.

    Its parent's `train()` calls its own, which then does nothing. Bound to the module, so that a deep
    copy of the network has its own.
    """
    module.eval()
    module.train = functools.partial(_stay, module)  # type: ignore[method-assign]


def _inside(name: str, modules: Iterable[str]) -> bool:
    return any(name.startswith(f"{module}.") for module in modules)


def _stay(module: nn.Module, mode: bool = True) -> nn.Module:  # noqa: ARG001
    return module
