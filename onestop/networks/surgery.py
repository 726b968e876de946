"""Model surgery: replaces the head, or changes the number of input channels, of an existing network.

There are no tables of networks: a run on the meta device (`onestop/networks/trace.py`) shows which
layers compute the outputs and which process the image first.

Legend: K outputs of the network.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node, get_gradient_edge

from onestop.errors import ArchitectureError
from onestop.networks.autograd import walk
from onestop.networks.partial_load import spread_channels
from onestop.networks.protocols import KnowsHeads
from onestop.networks.trace import (
    device_of,
    hooked,
    in_mode,
    outputs_of,
    run_on_shapes,
    shapes_of_two,
    without_values,
)

_LAYERS = (nn.Linear, nn.Conv2d)


def find_heads(network: nn.Module, shape: tuple[int, ...]) -> list[str]:
    """Names of the layers that compute the network's outputs, the main head first.

    A network has several if it averages the outputs of several layers, or if auxiliary classifiers
    have their own outputs in training.

    Args:
        network: Any network for images.
        shape: Shape of one input, (C, H, W).

    Raises:
        ArchitectureError: The outputs are not computed by a linear or convolutional layer of that
        width.
    """
    if isinstance(network, KnowsHeads):
        return network.head_names()
    heads: dict[str, None] = {}  # an ordered set
    for training in (False, True):
        graph = _graph(network, shape, training=training)
        for output in graph.outputs:
            heads.update(dict.fromkeys(_last_layers(network, graph, output)))
        if not heads:
            raise ArchitectureError(f"{type(network).__name__}: does not return a tensor")
    return list(heads)


def main_head(network: nn.Module, shape: tuple[int, ...]) -> str:
    """The name of the first layer that computes the network's outputs in evaluation mode.

    Found by running the network itself, where `find_heads` runs it on shapes alone, for which torch
    imports its compiler. The network is not changed.

    Args:
        network: Any network.
        shape: Shape of one input, (C, H, W) or (F,).

    Raises:
        ArchitectureError: As `find_heads`.
    """
    with in_mode(network, training=False), torch.inference_mode(False):
        graph = _recorded(network, torch.zeros(2, *shape, device=device_of(network)))
        if not graph.outputs:
            raise ArchitectureError(f"{type(network).__name__}: does not return a tensor")
        return _last_layers(network, graph, graph.outputs[0])[0]


def _last_layers(network: nn.Module, graph: _Graph, output: Tensor) -> list[str]:
    """The layers that compute an output."""
    classes = output.shape[-1]
    last = [
        name
        for name in graph.layers_behind(output)
        if _outputs(network.get_submodule(name)) == classes
    ]
    if output.ndim != 2 or not last:
        raise ArchitectureError(
            f"{type(network).__name__}: has no last layer with {classes} outputs"
        )
    return last


def replace_head(
    network: nn.Module, classes: int, shape: tuple[int, ...] = (3, 224, 224)
) -> nn.Module:
    """Replace the head of a network by one with random weights for another number of classes.

    Averaged and auxiliary heads are replaced too; all other layers are unchanged.

    Args:
        network: Any network for images; changed in place.
        classes: Number of classes.
        shape: Shape of one input of the network, (C, H, W).

    Returns:
        The network.

    Raises:
        ArchitectureError: There is no head, or the network does not work with another one.
    """
    heads = find_heads(network, shape)
    new = {name: _like(network.get_submodule(name), outputs=classes) for name in heads}
    _swap(network, new, shape, classes)
    return network


def replace_channels(network: nn.Module, channels: int, shape: tuple[int, ...]) -> nn.Module:
    """Change the number of input channels of a network.

    The weights of the first convolutions are adapted, see
    `onestop.networks.partial_load.spread_channels`.

    Args:
        network: Any network for images; changed in place.
        channels: 1, 3 or 4.
        shape: Current shape of one input, (C, H, W).

    Raises:
        ArchitectureError: A first layer is not a convolution over the input channels.
    """
    first = _graph(network, shape, training=False).layers_at_the_image()
    layers = {name: network.get_submodule(name) for name in first}
    if not layers or not all(_has_channels(layer, shape[0]) for layer in layers.values()):
        raise ArchitectureError(
            f"{type(network).__name__}: its first layer is not a plain convolution"
        )
    new = {name: _like(layer, inputs=channels) for name, layer in layers.items()}
    with torch.no_grad():
        for name, layer in layers.items():
            new[name].weight.copy_(spread_channels(layer.weight, channels))  # type: ignore[arg-type]
            if isinstance(layer.bias, Tensor):
                new[name].bias.copy_(layer.bias)
    _swap(network, new, (channels, *shape[1:]))
    return network


@dataclass(frozen=True)
class _Graph:
    """The computation graph of a run.

    Attributes:
        outputs: Outputs of the network, the main one first.
        image: The step of the image.
        layers: The step of each layer's output, in execution order.
    """

    outputs: list[Tensor]
    image: Node
    layers: dict[Node, str]

    def layers_behind(self, output: Tensor) -> list[str]:
        """The first layers on each path back from an output, in execution order."""
        reached = self._reached([output.grad_fn])
        return list(dict.fromkeys(name for step, name in self.layers.items() if step in reached))

    def layers_at_the_image(self) -> list[str]:
        """The layers that process the image before any other layer, in execution order."""
        names = (
            name
            for step, name in self.layers.items()
            if self.image in self._reached(source for source, _ in step.next_functions)
        )
        return list(dict.fromkeys(names))

    def _reached(self, steps: Iterable[Node | None]) -> set[Node]:
        """All steps reachable backwards from some, up to the first layer on each path."""
        return {*walk(steps, until=self.layers.__contains__)}


def _graph(network: nn.Module, shape: tuple[int, ...], *, training: bool) -> _Graph:
    """Run a copy of a network on the meta device and record its computation graph."""
    shapes = without_values(network).train(training)
    return _recorded(shapes, shapes_of_two(shape))


def _recorded(network: nn.Module, images: Tensor) -> _Graph:
    """Run a network in its mode and record its computation graph."""
    layers: dict[Node, str] = {}

    def note(name: str, _: nn.Module, __: Any, output: Tensor) -> None:
        if output.grad_fn is not None:
            layers.setdefault(output.grad_fn, name)

    named = [(name, m) for name, m in network.named_modules() if name and isinstance(m, _LAYERS)]
    with torch.inference_mode(False), torch.enable_grad(), hooked(named, after=note):
        images = images.requires_grad_()
        outputs = list(_tensors(outputs_of(network, images)))
        return _Graph(outputs, get_gradient_edge(images).node, layers)


def _tensors(outputs: Any) -> Iterator[Tensor]:
    """The output tensors of a network that returns one or several, or None for some."""
    if isinstance(outputs, Tensor):
        yield outputs
    elif isinstance(outputs, tuple | list):
        yield from (output for output in outputs if isinstance(output, Tensor))


def _outputs(layer: nn.Module) -> int:
    return int(layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels)  # type: ignore[arg-type]


def _has_channels(layer: nn.Module, channels: int) -> bool:
    return isinstance(layer, nn.Conv2d) and layer.in_channels == channels and layer.groups == 1


def _like(layer: nn.Module, inputs: int | None = None, outputs: int | None = None) -> Any:
    """A layer of the same type with random weights and another width."""
    new: Any = copy.deepcopy(layer)
    if isinstance(layer, nn.Linear):
        new.in_features = inputs or layer.in_features
        new.out_features = outputs or layer.out_features
    else:
        new.in_channels = inputs or layer.in_channels
        new.out_channels = outputs or layer.out_channels
    shape = [outputs or len(new.weight), inputs or new.weight.shape[1], *new.weight.shape[2:]]
    new.weight = nn.Parameter(new.weight.new_empty(shape))
    if new.bias is not None:
        new.bias = nn.Parameter(new.bias.new_empty(shape[0]))
    new.reset_parameters()
    return new


def _swap(
    network: nn.Module,
    new: Mapping[str, nn.Module],
    shape: tuple[int, ...],
    classes: int | None = None,
) -> None:
    """Replace layers of a network; undone if it no longer works with them."""
    old = {name: network.get_submodule(name) for name in new}
    for name, layer in new.items():
        network.set_submodule(name, layer)
    try:
        for training in (False, True):
            outputs = _tensors(run_on_shapes(network, shape, training=training))
            widths = {output.shape[-1] for output in outputs} - {classes}
            if classes is not None and widths:
                raise ArchitectureError(f"it then has {widths.pop()} outputs instead of {classes}")
    except ArchitectureError as error:
        for name, layer in old.items():
            network.set_submodule(name, layer)
        raise ArchitectureError(
            f"{type(network).__name__}: does not work with a new {', '.join(new)} ({error})"
        ) from error
