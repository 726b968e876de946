"""The module tree of a network with shapes, parameters and multiply-adds, from a traced run.

Legend: C, H, W channels, height and width of an image; F features of a vector.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import nn

from onestop.errors import ArchitectureError
from onestop.networks.describe import details
from onestop.networks.freezing import stages
from onestop.networks.surgery import find_heads
from onestop.networks.trace import CLOSED, run

ROOT = "(network)"
"""The name of the network itself among its modules."""

Row = dict[str, Any]


def tree(network: nn.Module, shape: tuple[int, ...]) -> list[Row]:
    """One row per module: the network itself, then all modules in preorder, as registered.

    A module that is used several times has one row, where it is first registered.

    Args:
        network: Any network; its mode is restored.
        shape: Shape of one input, (C, H, W) or (F,).

    Returns:
        For each module
        `layer`: its name, with dots between levels; `depth`: its level, 0 for the network;
        `kind` and `details`: its class and its settings;
        `output`: the shape of its output for one input in the last call, [] if it was not called;
        `parameters`: of all modules in it, each counted once; `own_parameters`: those directly in it;
        `multiply_adds`: of convolutions and linear layers in it, over all calls; products of two
        computed tensors, as in attention, are not counted;
        `activations`: output elements of the layers in it, without views and in-place operations;
        `calls`: number of calls; `training_only`: it is not used in evaluation mode, in which `output`
        and the other values are measured; `unused`: nor in training mode;
        `stage`: its stage as counted by `--freeze`, None if it is in none or they are unknown;
        `head`: whether it computes the network's outputs.

    Raises:
        ArchitectureError: The network does not accept such inputs.
    """
    trace, _ = run(network, shape)
    modules = dict(_modules(network))
    own = dict(_own_parameters(modules))
    parameters = _sums({name: sum(p.numel() for p in of) for name, of in own.items()})
    work = _sums({name: trace.work[module] for name, module in modules.items()})
    made = _sums({name: trace.made[module] for name, module in modules.items()})
    alive = _sums({
        name: trace.calls[module] + sum(id(p) in trace.used for p in own[name])
        for name, module in modules.items()
    })  # fmt: skip
    idle = [name for name in modules if parameters[name] and not alive[name]]
    training = _used_in_training(network, shape) if idle else set(modules)
    return [
        {
            "layer": name or ROOT,
            "depth": len(_path(name)),
            "kind": type(module).__name__,
            "details": details(module),
            "output": trace.outputs.get(module, []),
            "parameters": parameters[name],
            "own_parameters": sum(p.numel() for p in own[name]),
            "multiply_adds": work[name],
            "activations": made[name],
            "calls": trace.calls[module],
            "training_only": any(_is_in(name, outer) for outer in idle if outer in training),
            "unused": any(_is_in(name, outer) for outer in idle if outer not in training),
            **marks,
        }
        for (name, module), marks in zip(
            modules.items(), _marks(network, shape, modules), strict=True
        )
    ]


def layers(network: nn.Module, shape: tuple[int, ...]) -> list[Row]:
    """The rows of `tree` for modules without submodules.

    Excludes computations and parameters directly in a module with submodules.
    """
    return leaves(tree(network, shape))


def leaves(rows: list[Row]) -> list[Row]:
    """The rows of a tree that are not followed by a deeper row."""
    depths = [row["depth"] for row in rows[1:]] + [0]
    return [row for row, next_depth in zip(rows, depths, strict=True) if next_depth <= row["depth"]]


def _used_in_training(network: nn.Module, shape: tuple[int, ...]) -> set[str]:
    """Names of the modules that run in training, or that the network returns for use in the loss."""
    shadow = copy.deepcopy(network)  # running in training mode changes running statistics
    try:
        trace, output = run(shadow, shape, training=True)
    except ArchitectureError:  # unknown; assume that all are used
        return {name for name, _ in network.named_modules()}
    used = {inner for item in output if isinstance(item, nn.Module) for inner in item.modules()}
    return {
        name
        for name, module in shadow.named_modules()
        if any(trace.calls[inner] or inner in used for inner in module.modules())
    }


def _modules(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Names and modules, each once, excluding those inside closed modules."""
    closed: list[str] = []
    for name, module in network.named_modules():
        if not any(_is_in(name, outer) for outer in closed):
            yield name, module
        if isinstance(module, CLOSED):
            closed.append(name)


def _own_parameters(modules: Mapping[str, nn.Module]) -> Iterator[tuple[str, list[nn.Parameter]]]:
    """The parameters directly in each module; shared ones belong to the first module that has them."""
    seen: set[int] = set()
    for name, module in modules.items():
        parameters = module.parameters(recurse=isinstance(module, CLOSED))
        own = [p for p in parameters if id(p) not in seen]
        seen |= {id(p) for p in own}
        yield name, own


def _sums(own: Mapping[str, int]) -> Counter[str]:
    """For each module, the sum over it and all its submodules."""
    sums: Counter[str] = Counter()
    for name, value in own.items():
        path = _path(name)
        for level in range(len(path) + 1):
            sums[".".join(path[:level])] += value
    return sums


def _is_in(name: str, outer: str) -> bool:
    return name == outer or name.startswith(f"{outer}.") or not outer


def _path(name: str) -> list[str]:
    return name.split(".") if name else []


def _marks(network: nn.Module, shape: tuple[int, ...], names: Iterable[str]) -> Iterator[Row]:
    """The stage that each module is in, and whether it is a head."""
    try:
        heads = find_heads(network, shape)
    except ArchitectureError:  # no layer computes the outputs; `--freeze N` is an error then
        heads = []
    parts = stages(network, heads) if heads else []
    inside = {name: number for number, part in enumerate(parts, 1) for name in part}
    for name in names:
        path = _path(name)
        outer = (".".join(path[: level + 1]) for level in range(len(path)))
        yield {
            "stage": next(map(inside.get, filter(inside.get, outer)), None),
            "head": name in heads,
        }
