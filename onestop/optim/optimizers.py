"""The optimizers, and which parameters get weight decay."""

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
    """An optimizer from torch for all parameters that are trained.

    Weight decay is not applied to vectors and scalars (biases and the weights of normalisation
    layers) unless `decay_all` is set.

    Args:
        optim: Settings of the optimizer.
        network: The network; its parameters that require gradients are trained.
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
    # One pass over memory per step instead of several; RMSprop has no fused form.
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
    """torch's SGD, except that it accepts newly unfrozen weights together with others when fused.

    Their momentum starts at zero, to which the first step adds the gradient as usual.
    """

    def _init_group(self, group: Any, params: Any, grads: Any, buffers: list[Any]) -> Any:
        sparse = super()._init_group(group, params, grads, buffers)  # type: ignore[no-untyped-call]
        missing = [place for place, buffer in enumerate(buffers) if buffer is None]
        if len(missing) < len(buffers):
            for place in missing:
                buffers[place] = torch.zeros_like(params[place])
        return sparse


def _without_compiler(cls: type[Any]) -> type[Any]:
    """A torch optimizer that does not import torch's compiler, which takes two seconds.

    torch wraps these methods to exclude them from compilation, and imports the compiler to do so. This
    removes the wrappers. `torch.compile` never sees these methods here: only the network is compiled.
    """
    bare = {
        "add_param_group": inspect.unwrap(cls.add_param_group),
        "step": torch.no_grad()(inspect.unwrap(cls.step)),
    }
    return type(cls.__name__, (cls,), bare)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of the next step."""
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
    """The optimizer's state: (parameter's name, slot's name, value)."""
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    for parameter, state in optimizer.state.items():
        for slot, value in state.items():
            if isinstance(value, torch.Tensor):
                yield names[id(parameter)], slot, value


def restore_slots(
    optimizer: torch.optim.Optimizer, network: nn.Module, saved: dict[tuple[str, str], torch.Tensor]
) -> None:
    """Restore the state that `slots` listed.

    Raises:
        KeyError, ValueError: It is not that of such an optimizer and network.
    """
    parameters = dict(network.named_parameters())
    for (name, slot), value in saved.items():
        parameter = parameters[name]
        if value.shape != (() if slot == "step" else parameter.shape):
            raise ValueError(f"{slot} of {name} is {list(value.shape)}")
        if slot == "step":  # stays on the device where the optimizer stores it
            optimizer.state[parameter][slot] = value.clone()
        else:  # on the device and in the memory format of its parameter
            optimizer.state[parameter][slot] = torch.empty_like(parameter).copy_(value)
