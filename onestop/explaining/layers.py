"""The layer whose map says where a network looked, chosen by the network's structure.

A map holds numbers for places of the image: rows and columns. Grad-CAM reads the last one that a
network makes, which knows most about classes and still where things are (Selvaraju et al. 2017, section
3, https://arxiv.org/abs/1610.02391). That layer is found by running the network once.

Legend: B images of a batch, C channels, h and w rows and columns of a map, N tokens of a transformer.
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
"""Places of a map that suffice: of maps with fewer the finest is taken, not the last."""
_EXTRA = 8
"""Tokens in front of those of places, at most: the class, registers."""
_NOTHING_NEW = ("Pool", "Permute", "Clone")
"""Steps that add nothing to the map before them: names of autograd's."""

Form = Literal["channels first", "channels last", "tokens"]


@dataclass(frozen=True)
class Layer:
    """A layer that puts out a map.

    Attributes:
        name: As in the network's `named_modules`.
        places: Rows and columns of the map, (h, w).
        form: How numbers lie in the output: [B, C, h, w], [B, h, w, C], or [B, N, C] with the tokens
            of places, row by row, at the end.
        shape: Of the output, without the batch.
        relu: Whether all that becomes of the output is a ReLU that is no module of its own; the map is
            read behind it.
        stride: Pixels from one place to the next, by rows and by columns; None if it is not known.
    """

    name: str
    places: tuple[int, int]
    form: Form
    shape: tuple[int, ...]
    relu: bool = False
    stride: tuple[int, int] | None = None

    def map_in(self, output: Tensor) -> Tensor:
        """The layer's output as a map, [B, C, h, w]."""
        if self.form == "channels first":
            return output
        if self.form == "channels last":
            return output.permute(0, 3, 1, 2)
        tokens = output[:, -math.prod(self.places) :]
        return tokens.mT.reshape(len(output), -1, *self.places)

    def put_back(self, output: Tensor, found: Tensor) -> Tensor:
        """The layer's output with a map [B, C, h, w] in place of its own."""
        if self.form == "channels first":
            return found
        if self.form == "channels last":
            return found.permute(0, 2, 3, 1)
        return torch.cat([output[:, : -math.prod(self.places)], found.flatten(2).mT], 1)


@dataclass(frozen=True)
class _Call:
    """The last call of a module that put out a map."""

    layer: Layer
    edge: GradientEdge
    first: bool

    @property
    def step(self) -> Node:
        return self.edge.node

    @property
    def merit(self) -> tuple[bool, int]:
        """The less, the better."""
        adds = not any(word in self.step.name() for word in _NOTHING_NEW)
        return not adds, -min(_ENOUGH, math.prod(self.layer.places))


def find_layer(network: nn.Module, shape: tuple[int, ...], name: str | None = None) -> Layer:
    """The last layer with a map that everything the network knows of an image passes through.

    Of modules that put out the same the outermost counts; pooling adds nothing to the map before it
    and does not count. A map has 16 places or more; where the last has fewer, the last of those that
    have them is taken, or the finest there is. The output's gradient there must not be zero, as it is
    at the last tokens of a transformer that classifies by one of them alone.

    Args:
        network: Any network for images, in any mode; left as it is.
        shape: Of one input, (C, H, W).
        name: Another layer, by its name in `network.named_modules()`.

    Raises:
        UsageError: There is no such layer, or none that puts out a map.
    """
    device = device_of(network)
    with undisturbed(network), exact_gradients(device):
        image = _noise("image", (1, *shape), device).requires_grad_()
        start = get_gradient_edge(image).node
        calls: dict[str, _Call] = {}
        with _noted(network, shape, calls):
            output = network(image.clone())  # what computes in place takes no leaf
        takers = dominators(output.grad_fn) if output.grad_fn else {}
        best = _named(name, network, calls) if name else _best(output, takers, calls)
    if best is None:
        raise UsageError(
            f"{type(network).__name__}: has no layer with a map that the whole image passes through; "
            "use --method occlusion or integrated-gradients, or name a --layer"
        )
    next_steps = [step.name() for step in takers.get(best.step, ())]
    relu = best.first and next_steps == ["ReluBackward0"]  # else it might not follow other calls
    known = best.layer.form == "channels first"
    stride = effective_stride(best.step, start) if known else None
    return replace(best.layer, relu=relu, stride=stride)


@contextmanager
def exact_gradients(device: torch.device) -> Iterator[None]:
    """Gradients and 32 bits, whatever the caller computes in."""
    with torch.inference_mode(False), torch.enable_grad(), in_32_bits(device.type):
        yield


@contextmanager
def undisturbed(network: nn.Module) -> Iterator[None]:
    """The network in evaluation mode, no parameter asking for gradients; afterwards all as before."""
    learning = [p for p in network.parameters() if p.requires_grad]
    try:
        for parameter in learning:
            parameter.requires_grad_(False)
        with in_mode(network, training=False):
            yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)


def _noise(purpose: str, shape: Sequence[int], device: torch.device) -> Tensor:
    """Numbers of mean 0 and deviation 1 that are the same each time."""
    one = np.zeros(1, np.int64)
    flat = uniform(key_for("explain", purpose), one, math.prod(shape)) * 12**0.5 - 3**0.5
    return torch.from_numpy(flat.astype(np.float32)).reshape(tuple(shape)).to(device)


@contextmanager
def _noted(network: nn.Module, shape: tuple[int, ...], calls: dict[str, _Call]) -> Iterator[None]:
    """While open, each module that puts out a map is noted, in the order in which they end."""
    inputs_of: list[list[Node | None]] = []  # of the modules that are running

    def enter(_: str, __: nn.Module, inputs: tuple[Any, ...]) -> None:
        # Asked before the module runs: one that computes in place changes the answer.
        inputs_of.append([x.grad_fn for x in inputs if isinstance(x, Tensor)])

    def leave(name: str, _: nn.Module, __: Any, output: Any) -> None:
        before = inputs_of.pop()
        passed_on = not isinstance(output, Tensor) or output.grad_fn in (None, *before)
        if not passed_on and (layer := layer_of(name, tuple(output.shape), shape)):
            first = calls.pop(name, None) is None
            calls[name] = _Call(layer, get_gradient_edge(output), first)

    with hooked(network.named_modules(), enter, leave):
        yield


def layer_of(name: str, output: tuple[int, ...], image: tuple[int, ...]) -> Layer | None:
    """The layer with an output of that shape, [B, ...], where it is a map of an image (C, H, W)."""
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
    """How far the ratio of rows to columns is from that of the image's height to its width."""
    return abs(math.log(places[0] * image[2] / (places[1] * image[1])))


def _grid(tokens: int, image: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of the tokens of places; (1, 1) where they lie in no grid like the image."""
    for places in range(tokens, max(1, tokens - _EXTRA - 1), -1):
        rows = math.isqrt(places * image[1] // image[2])
        if rows and places % rows == 0 and rows * image[2] == places // rows * image[1]:
            return rows, places // rows
    return 1, 1


def _named(name: str, network: nn.Module, calls: dict[str, _Call]) -> _Call:
    if name in calls:
        return calls[name]
    there = name in dict(network.named_modules())
    problem = "puts out no map of places" if there else f"no such layer{did_you_mean(name, calls)}"
    last = listing(reversed(calls), 4) or "none does"
    raise UsageError(f"--layer {name}: {problem}; layers that put out maps, the last first: {last}")


def _best(output: Tensor, steps: Iterable[Node], calls: dict[str, _Call]) -> _Call | None:
    # Of modules that put out the same, the last to end is the outermost.
    outermost = {call.step: call for call in calls.values()}
    chosen = [outermost[step] for step in steps if step in outermost]  # the last first
    chosen.sort(key=lambda call: call.merit)
    weights = _noise("output", output.shape, output.device)
    score = (output.float() * weights).sum()
    for call in chosen:
        (gradient,) = torch.autograd.grad(score, [call.edge], retain_graph=True)
        if call.layer.map_in(gradient).any():
            return call
        if not gradient.any():
            break  # and none before it: a head of zeros, as some networks start with
    return next(iter(chosen), None)
