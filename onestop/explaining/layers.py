"""Choice of the layer for Grad-CAM from the network's structure, by running the network once.

A feature map has values for positions of the image, in rows and columns. Grad-CAM uses the last one of
a network: it has the most information about classes that is still localised (Selvaraju et al. 2017,
section 3, https://arxiv.org/abs/1610.02391).

Legend: B images in a batch, C channels, h and w rows and columns of a feature map, N tokens of a
transformer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, Node, get_gradient_edge

from onestop.errors import UsageError
from onestop.explaining.dominators import dominators
from onestop.explaining.stride import effective_stride
from onestop.networks.capsnet import in_32_bits
from onestop.networks.trace import device_of, hooked, in_mode
from onestop.runtime.rng import key_for, uniform
from onestop.text import did_you_mean, listing

_ENOUGH = 16
"""Sufficient positions of a feature map; if all have fewer, the finest is used, not the last."""
_EXTRA = 8
"""Maximum tokens before the patch tokens: class token, registers."""
_NOTHING_NEW = ("Pool", "Permute", "Clone")
"""Steps that add no information to their input, by their names in autograd."""

Form = Literal["channels first", "channels last", "tokens"]


@dataclass(frozen=True)
class Layer:
    """A layer whose output is a feature map.

    Attributes:
        name: Its name in the network's `named_modules`.
        places: Rows and columns of the feature map, (h, w).
        form: Layout of the output: [B, C, h, w], [B, h, w, C], or [B, N, C] with the patch tokens at
            the end, row by row.
        shape: Shape of the output, without the batch dimension.
        relu: Whether the output is only used by a functional ReLU; the feature map is taken after it.
        stride: Pixels between neighbouring positions, by rows and by columns; None if unknown.
    """

    name: str
    places: tuple[int, int]
    form: Form
    shape: tuple[int, ...]
    relu: bool = False
    stride: tuple[int, int] | None = None

    def map_in(self, output: Tensor) -> Tensor:
        """The layer's output as a feature map, [B, C, h, w]."""
        if self.form == "channels first":
            return output
        if self.form == "channels last":
            return output.permute(0, 3, 1, 2)
        tokens = output[:, -math.prod(self.places) :]
        return tokens.mT.reshape(len(output), -1, *self.places)

    def put_back(self, output: Tensor, feature_map: Tensor) -> Tensor:
        """The layer's output with its feature map replaced by another, [B, C, h, w]."""
        if self.form == "channels first":
            return feature_map
        if self.form == "channels last":
            return feature_map.permute(0, 2, 3, 1)
        return torch.cat([output[:, : -math.prod(self.places)], feature_map.flatten(2).mT], 1)


@dataclass(frozen=True)
class _Call:
    """The last call of a module that returned a feature map."""

    layer: Layer
    edge: GradientEdge
    first: bool

    @property
    def step(self) -> Node:
        return self.edge.node

    @property
    def merit(self) -> tuple[bool, int]:
        """Sort key; lower is better."""
        trivial = any(word in self.step.name() for word in _NOTHING_NEW)
        return trivial, -min(_ENOUGH, math.prod(self.layer.places))


def find_layer(network: nn.Module, shape: tuple[int, ...], name: str | None = None) -> Layer:
    """The last layer whose feature map lies on every path from the image to the output.

    Of modules with the same output, the outermost is taken. Pooling is ignored, since it adds no
    information. The last feature map with at least 16 positions is preferred, else the finest. The
    gradient of the output must not be zero there, as it is at the last patch tokens of a transformer
    that classifies by the class token alone.

    Args:
        network: Any network for images, in any mode; not changed.
        shape: Shape of one input, (C, H, W).
        name: Another layer, by its name in `network.named_modules()`.

    Raises:
        UsageError: There is no such layer, or it has no feature map.
    """
    device = device_of(network)
    with undisturbed(network), exact_gradients(device):
        image = _noise("image", (1, *shape), device).requires_grad_()
        start = get_gradient_edge(image).node
        calls: dict[str, _Call] = {}
        with _noted(network, shape, calls):
            output = network(image.clone())  # in-place operations are not allowed on a leaf
        users = dominators(output.grad_fn) if output.grad_fn else {}
        best = _named(name, network, calls) if name else _best(output, users, calls)
    if best is None:
        raise UsageError(
            f"{type(network).__name__}: has no layer with a feature map on every path to the output; "
            "use --method occlusion or integrated-gradients, or name a --layer"
        )
    next_steps = [step.name() for step in users.get(best.step, ())]
    relu = best.first and next_steps == ["ReluBackward0"]  # else it might not follow other calls
    stride = effective_stride(best.step, start) if best.layer.form == "channels first" else None
    return replace(best.layer, relu=relu, stride=stride)


@contextmanager
def exact_gradients(device: torch.device) -> Iterator[None]:
    """Enable gradients and exact float32, whatever the caller's mode."""
    with torch.inference_mode(False), torch.enable_grad(), in_32_bits(device.type):
        yield


@contextmanager
def undisturbed(network: nn.Module) -> Iterator[None]:
    """The network in evaluation mode without parameter gradients; restored afterwards."""
    trainable = [p for p in network.parameters() if p.requires_grad]
    try:
        for parameter in trainable:
            parameter.requires_grad_(False)
        with in_mode(network, training=False):
            yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)


def _noise(purpose: str, shape: Sequence[int], device: torch.device) -> Tensor:
    """Reproducible noise with mean 0 and standard deviation 1."""
    index = np.zeros(1, np.int64)
    flat = uniform(key_for("explain", purpose), index, math.prod(shape)) * 12**0.5 - 3**0.5
    return torch.from_numpy(flat.astype(np.float32)).reshape(tuple(shape)).to(device)


@contextmanager
def _noted(network: nn.Module, shape: tuple[int, ...], calls: dict[str, _Call]) -> Iterator[None]:
    """Record each module that returns a feature map, in the order in which their calls end."""
    inputs_of: list[list[Node | None]] = []  # of the modules currently running

    def enter(_: str, __: nn.Module, inputs: tuple[Any, ...]) -> None:
        # Read before the module runs, since in-place operations change `grad_fn`.
        inputs_of.append([x.grad_fn for x in inputs if isinstance(x, Tensor)])

    def leave(name: str, _: nn.Module, __: Any, output: Any) -> None:
        before = inputs_of.pop()
        unchanged = not isinstance(output, Tensor) or output.grad_fn in (None, *before)
        if not unchanged and (layer := layer_of(name, tuple(output.shape), shape)):
            first = calls.pop(name, None) is None
            calls[name] = _Call(layer, get_gradient_edge(output), first)

    with hooked(network.named_modules(), enter, leave):
        yield


def layer_of(name: str, output: tuple[int, ...], image: tuple[int, ...]) -> Layer | None:
    """The layer with this output shape [B, ...], if that is a feature map of an image (C, H, W)."""
    if not name or output[0] != 1 or 0 in output:
        return None
    form: Form
    if len(output) == 4:
        first, last = output[2:], output[1:3]
        form = (
            "channels first" if _stretch(first, image) <= _stretch(last, image) else "channels last"
        )
        places = first if form == "channels first" else last
    elif len(output) == 3:
        form, places = "tokens", _grid(output[1], image)
    else:
        return None
    return Layer(name, (places[0], places[1]), form, output[1:]) if math.prod(places) > 1 else None


def _stretch(places: tuple[int, ...], image: tuple[int, ...]) -> float:
    """Difference between the aspect ratios of a feature map and the image, on a log scale."""
    return abs(math.log(places[0] * image[2] / (places[1] * image[1])))


def _grid(tokens: int, image: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of the patch tokens; (1, 1) if they do not form a grid like the image."""
    for places in range(tokens, max(1, tokens - _EXTRA - 1), -1):
        rows = math.isqrt(places * image[1] // image[2])
        if rows and places % rows == 0 and rows * image[2] == places // rows * image[1]:
            return rows, places // rows
    return 1, 1


def _named(name: str, network: nn.Module, calls: dict[str, _Call]) -> _Call:
    if name in calls:
        return calls[name]
    exists = name in dict(network.named_modules())
    problem = "has no feature map" if exists else f"no such layer{did_you_mean(name, calls)}"
    last = listing(reversed(calls), 4) or "none"
    raise UsageError(f"--layer {name}: {problem}; layers with feature maps, the last first: {last}")


def _best(output: Tensor, steps: Iterable[Node], calls: dict[str, _Call]) -> _Call | None:
    # Of modules with the same output, the last to end is the outermost.
    outermost = {call.step: call for call in calls.values()}
    candidates = [outermost[step] for step in steps if step in outermost]  # the last first
    candidates.sort(key=lambda call: call.merit)
    weights = _noise("output", output.shape, output.device)
    score = (output.float() * weights).sum()
    for call in candidates:
        (gradient,) = torch.autograd.grad(score, [call.edge], retain_graph=True)
        if call.layer.map_in(gradient).any():
            return call
        if not gradient.any():
            break  # nor is any before it: some networks start with a head of zeros
    return next(iter(candidates), None)
