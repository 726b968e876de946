"""The layers of a network with the shapes of their outputs, found by running it once."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


def layers(network: nn.Module, shape: tuple[int, ...]) -> list[dict[str, Any]]:
    """A row a module that holds no others, in the order they run.

    Args:
        network: Any network.
        shape: Of one input, (C, H, W) or (F,).

    Returns:
        `layer` (its name), `kind`, `output` (its shape for one input), `parameters` and
        `multiply_adds` (of convolutions and linear layers) of each; a network without inner modules
        is a single row.
    """
    rows: list[dict[str, Any]] = []

    def note(name: str) -> Any:
        def hook(module: nn.Module, _: Any, output: Any) -> None:
            own = sum(p.numel() for p in module.parameters())
            size = list(output.shape[1:]) if isinstance(output, Tensor) else []
            weight = getattr(module, "weight", None)
            matrix = isinstance(weight, Tensor) and weight.ndim > 1
            # Each output number of a convolution or linear layer is a sum over a row of weights.
            work = math.prod(size) * weight[0].numel() if matrix else 0  # type: ignore[index]
            rows.append({
                "layer": name, "kind": type(module).__name__, "output": size, "parameters": own,
                "multiply_adds": work,
            })  # fmt: skip

        return hook

    leaves = [(n, m) for n, m in network.named_modules() if not any(m.children())]
    handles = [m.register_forward_hook(note(n or "(network)")) for n, m in leaves]
    was_training = network.training
    try:
        with torch.inference_mode():
            network.eval()(torch.zeros(1, *shape))
    finally:
        network.train(was_training)
        for handle in handles:
            handle.remove()
    return rows
