"""BatchNorm folding: merges each BatchNorm into the preceding layer, for inference.

In evaluation mode BatchNorm is an affine map with constant coefficients, which the preceding weights
can absorb (Jacob et al. 2018, section 3.2, https://arxiv.org/abs/1712.05877). Outputs are the same up
to rounding.
"""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval
from torch.utils._python_dispatch import TorchDispatchMode

from onestop.networks.blocks import SameConv
from onestop.networks.trace import device_of, hooked, in_mode
from onestop.networks.trimmed_conv import Conv2d

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
_LAYERS = (nn.Conv2d, Conv2d, SameConv, nn.Linear)  # exactly; a subclass may do anything


class Folding:
    """The BatchNorms of a network that can be folded; calling it folds them in a copy.

    Determined once by tracing a run: a BatchNorm is folded into a convolution or linear layer if it is
    the only user of that layer's output.

    Attributes:
        pairs: Names of layers, each with the name of its BatchNorm.
    """

    def __init__(self, network: nn.Module, shape: tuple[int, ...]) -> None:
        """`shape` is the shape of one input, (C, H, W) or (F,)."""
        self.pairs: list[tuple[str, str]] = []
        if not any(isinstance(module, _NORMS) for module in network.modules()):
            return
        self.pairs = _pairs(network, shape)

    def __call__(self, network: nn.Module) -> nn.Module:
        """A copy in evaluation mode with BatchNorm folded; the network itself if there is none."""
        if not self.pairs:
            return network
        fast = copy.deepcopy(network).eval().requires_grad_(False)
        for layer_name, norm_name in self.pairs:
            layer: Any = fast.get_submodule(layer_name)
            norm: Any = fast.get_submodule(norm_name)
            if isinstance(layer, nn.Conv2d):
                fast.set_submodule(layer_name, fuse_conv_bn_eval(layer, norm))
            else:
                fast.set_submodule(layer_name, fuse_linear_bn_eval(layer, norm))
            fast.set_submodule(norm_name, _rest_of(norm))
        return fast


def _pairs(network: nn.Module, shape: tuple[int, ...]) -> list[tuple[str, str]]:
    """Names of layers, each with the BatchNorm that is the only user of its output."""
    uses = _Uses()
    made: dict[int, tuple[str, Tensor]] = {}
    candidates: list[tuple[str, str, Tensor]] = []
    calls: Counter[str] = Counter()

    def note_layer(name: str, _: nn.Module, __: Any, output: Tensor) -> None:
        calls[name] += 1
        made[id(output)] = (name, output)

    def note_norm(name: str, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        calls[name] += 1
        if id(inputs[0]) in made:
            candidates.append((made[id(inputs[0])][0], name, inputs[0]))

    modules = list(network.named_modules())
    layers = [(name, m) for name, m in modules if type(m) in _LAYERS]
    norms = [(name, module) for name, module in modules if _is_plain(module)]
    with (
        hooked(layers, after=note_layer),
        hooked(norms, before=note_norm),
        in_mode(network, training=False),
        torch.no_grad(),
        uses,
    ):
        network(torch.zeros(1, *shape, device=device_of(network)))
    return [
        (layer, norm)
        for layer, norm, between in candidates
        if calls[layer] == calls[norm] == 1 and uses.count[id(between)] == 1
    ]


def _is_plain(module: nn.Module) -> bool:
    """Whether it is a BatchNorm with running statistics, including timm's with an activation."""
    known = type(module) in _NORMS or (
        isinstance(module, _NORMS) and hasattr(module, "drop") and hasattr(module, "act")
    )
    return known and module.running_mean is not None


def _rest_of(norm: nn.Module) -> nn.Module:
    """What remains of a folded BatchNorm: the identity, or timm's activation."""
    if type(norm) in _NORMS:
        return nn.Identity()
    return nn.Sequential(norm.drop, norm.act)  # type: ignore[arg-type]


class _Uses(TorchDispatchMode):
    """Counts the operations that use each tensor, by its id."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count: Counter[int] = Counter()
        self.alive: list[Tensor] = []  # else the id of a freed tensor could be reused

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for value in torch.utils._pytree.tree_leaves((args, kwargs)):  # noqa: SLF001
            if isinstance(value, Tensor):
                self.count[id(value)] += 1
                self.alive.append(value)
        return func(*args, **(kwargs or {}))

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # as in onestop.networks.trace
