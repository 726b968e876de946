"""The optimizers, and which parameters decay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from onestop.recipe import Recipe


def optimizer_for(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    """Torch's optimizer of a resolved recipe over all parameters that learn.

    Weight decay is left off vectors and scalars, which are biases and the weights of normalisation
    layers, unless `decay_all` is set.
    """
    assert recipe.lr is not None
    decay, momentum = recipe.weight_decay or 0.0, recipe.momentum or 0.0
    learning = [p for p in network.parameters() if p.requires_grad]
    spared = [p for p in learning if p.ndim <= 1 and not recipe.decay_all]
    groups = [
        {"params": [p for p in learning if p.ndim > 1 or recipe.decay_all], "weight_decay": decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    kinds: dict[str, tuple[Callable[..., torch.optim.Optimizer], dict[str, Any]]] = {
        "sgd": (torch.optim.SGD, {"momentum": momentum, "nesterov": recipe.nesterov}),
        "adam": (torch.optim.Adam, {}),
        "adamw": (torch.optim.AdamW, {}),
        "rmsprop": (torch.optim.RMSprop, {"momentum": momentum}),
    }
    cls, options = kinds[recipe.optimizer]
    return cls(groups, lr=recipe.lr, **options)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Have the next step use this learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


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
        # A step counter stays where the optimizer keeps it; everything else lies with its parameter.
        place = value if slot == "step" else value.to(parameter.device)
        optimizer.state[parameter][slot] = place.clone()
