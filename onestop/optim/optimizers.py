"""The optimizers, and which parameters decay."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from onestop.recipe import Optim


def optimizer_for(
    optim: Optim, network: nn.Module, scales: Mapping[str, float] | None = None
) -> torch.optim.Optimizer:
    """Torch's optimizer over all parameters that are trained.

    Weight decay is not applied to vectors and scalars, which are biases and the weights of
    normalisation layers, unless `decay_all` is set.

    Args:
        optim: Settings of the optimizer.
        network: Its parameters that require gradients are taken.
        scales: Learning rate of each parameter by name, relative to the full one; 1 by default.
    """
    members: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            decays = optim.weight_decay if parameter.ndim > 1 or optim.decay_all else 0.0
            members.setdefault((decays, (scales or {}).get(name, 1.0)), []).append(parameter)
    groups = [
        {"params": parameters, "weight_decay": decays, "lr_scale": scale}
        for (decays, scale), parameters in members.items()
    ]
    # One pass over memory a step instead of several; RMSprop has no such form.
    fused = {"fused": next(network.parameters()).device.type in ("cpu", "cuda")}
    kinds: dict[str, tuple[type[Any], dict[str, Any]]] = {
        "sgd": (_SGD, {"momentum": optim.momentum, "nesterov": optim.nesterov, **fused}),
        "adam": (torch.optim.Adam, fused),
        "adamw": (torch.optim.AdamW, fused),
        "rmsprop": (torch.optim.RMSprop, {"momentum": optim.momentum}),
    }
    cls, options = kinds[optim.optimizer]
    optimizer: torch.optim.Optimizer = _without_compiler(cls)(groups, lr=optim.lr, **options)
    return optimizer


class _SGD(torch.optim.SGD):
    """torch's, which when fused cannot take weights that were frozen until now beside others.

    Their momentum begins with zero, to which the first step adds the gradient, as ever.
    """

    def _init_group(self, group: Any, params: Any, grads: Any, buffers: list[Any]) -> Any:
        sparse = super()._init_group(group, params, grads, buffers)  # type: ignore[no-untyped-call]
        missing = [place for place, buffer in enumerate(buffers) if buffer is None]
        if len(missing) < len(buffers):
            for place in missing:
                buffers[place] = torch.zeros_like(params[place])
        return sparse


def _without_compiler(cls: type[Any]) -> type[Any]:
    """One of torch's optimizers that does not load torch's compiler, which takes two seconds.

    Torch wraps these methods so that its compiler leaves them alone, and loads it to tell it so. The
    wraps are taken off; what is left is the method as it is written. `torch.compile` never meets
    them here: only the network is compiled.
    """
    bare = {
        "add_param_group": inspect.unwrap(cls.add_param_group),
        "step": torch.no_grad()(inspect.unwrap(cls.step)),
    }
    return type(cls.__name__, (cls,), bare)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Have the next step use this learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["lr_scale"]


def zero_grad(optimizer: torch.optim.Optimizer) -> None:
    """`optimizer.zero_grad(set_to_none=True)` without its bookkeeping for profilers."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = None


def slots(
    optimizer: torch.optim.Optimizer, network: nn.Module
) -> Iterator[tuple[str, str, torch.Tensor]]:
    """What the optimizer remembers: (parameter's name, slot's name, value)."""
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    for parameter, memory in optimizer.state.items():
        for slot, value in memory.items():
            if isinstance(value, torch.Tensor):
                yield names[id(parameter)], slot, value


def restore_slots(
    optimizer: torch.optim.Optimizer, network: nn.Module, saved: dict[tuple[str, str], torch.Tensor]
) -> None:
    """Give the optimizer back what `slots` listed."""
    parameters = dict(network.named_parameters())
    for (name, slot), value in saved.items():
        parameter = parameters[name]
        if slot == "step":  # stays where the optimizer keeps it
            optimizer.state[parameter][slot] = value.clone()
        else:  # lies like its parameter, also in the order of its numbers
            optimizer.state[parameter][slot] = torch.empty_like(parameter).copy_(value)
