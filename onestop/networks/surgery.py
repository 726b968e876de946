"""Model surgery: another head or another number of input channels for a finished network.

There are no tables of networks here: a run on shapes alone (`onestop/networks/trace.py`) shows which
layers compute the outputs and which see the image first.

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
from onestop.networks.trace import (
    hooked,
    outputs_of,
    run_on_shapes,
    shapes_of_two,
    without_values,
)

_LAYERS = (nn.Linear, nn.Conv2d)


def find_heads(network: nn.Module, shape: tuple[int, ...]) -> list[str]:
    """Names of the layers that compute the network's outputs, the main head first.

    A network has several if it averages the outputs of several layers, or if auxiliary classifiers
    have outputs of their own in training.

    Args:
        network: Any network for images.
        shape: Of one input, (C, H, W).

    Raises:
        ArchitectureError: No linear or convolutional layer with as many outputs as the network has
            computes them.
    """
    heads: dict[str, None] = {}  # an ordered set
    for training in (False, True):
        graph = _graph(network, shape, training=training)
        for output in graph.outputs:
            classes = output.shape[-1]
            last = [name for name in graph.layers_behind(output)
                    if _outputs(network.get_submodule(name)) == classes]  # fmt: skip
            if output.ndim != 2 or not last:
                raise ArchitectureError(
                    f"{type(network).__name__}: has no last layer with {classes} outputs"
                )
            heads.update(dict.fromkeys(last))
        if not heads:
            raise ArchitectureError(f"{type(network).__name__}: gives no tensor of outputs")
    return list(heads)


def replace_head(
    network: nn.Module, classes: int, shape: tuple[int, ...] = (3, 224, 224)
) -> nn.Module:
    """Give a network a new head with random weights for another number of classes.

    Heads that are averaged and auxiliary ones are replaced too; every other layer is left as it is.

    Args:
        network: Any network for images; changed in place.
        classes: Number of classes.
        shape: Of one input that the network takes, (C, H, W).

    Returns:
        The network.

    Raises:
        ArchitectureError: No head was found, or the network does not work with another one.
    """
    heads = find_heads(network, shape)
    new = {name: _like(network.get_submodule(name), outputs=classes) for name in heads}
    _swap(network, new, shape, classes)
    return network


def replace_channels(network: nn.Module, channels: int, shape: tuple[int, ...]) -> nn.Module:
    """Let a network take images of another number of channels.

    The convolutions that see the image keep their weights as far as can be, see
    `onestop.networks.partial_load.spread_channels`.

    Args:
        network: Any network for images; changed in place.
        channels: 1, 3 or 4.
        shape: Of one input that the network takes now, (C, H, W).

    Raises:
        ArchitectureError: What sees the image is not a convolution over its channels.
    """
    first = _graph(network, shape, training=False).layers_at_the_image()
    layers = {name: network.get_submodule(name) for name in first}
    if not layers or not all(_sees_channels(layer, shape[0]) for layer in layers.values()):
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
    """The computation of a run.

    Attributes:
        outputs: The network's, the main one first.
        image: The step that the image is.
        layers: The step that each layer's output is, in the order they ran.
    """

    outputs: list[Tensor]
    image: Node
    layers: dict[Node, str]

    def layers_behind(self, output: Tensor) -> list[str]:
        """The layers that are met first on the way back from an output, in the order they ran."""
        met = self._met([output.grad_fn])
        return list(dict.fromkeys(name for step, name in self.layers.items() if step in met))

    def layers_at_the_image(self) -> list[str]:
        """The layers that see the image before any other layer does, in the order they ran."""
        names = (
            name
            for step, name in self.layers.items()
            if self.image in self._met(before for before, _ in step.next_functions)
        )
        return list(dict.fromkeys(names))

    def _met(self, steps: Iterable[Node | None]) -> set[Node]:
        """All steps on the way back from some, up to the first layer on each path."""
        return {*walk(steps, until=self.layers.__contains__)}


def _graph(network: nn.Module, shape: tuple[int, ...], *, training: bool) -> _Graph:
    """Run a copy of a network on shapes and keep what was computed from what."""
    shapes = without_values(network).train(training)
    layers: dict[Node, str] = {}

    def note(name: str, _: nn.Module, __: Any, output: Tensor) -> None:
        if output.grad_fn is not None:
            layers.setdefault(output.grad_fn, name)

    named = [(name, m) for name, m in shapes.named_modules() if name and isinstance(m, _LAYERS)]
    with torch.inference_mode(False), torch.enable_grad(), hooked(named, after=note):
        images = shapes_of_two(shape).requires_grad_()
        outputs = list(_tensors(outputs_of(shapes, images)))
        return _Graph(outputs, get_gradient_edge(images).node, layers)


def _tensors(outputs: Any) -> Iterator[Tensor]:
    """The outputs of a network that gives one, several, or some of which are None."""
    if isinstance(outputs, Tensor):
        yield outputs
    elif isinstance(outputs, tuple | list):
        yield from (output for output in outputs if isinstance(output, Tensor))


def _outputs(layer: nn.Module) -> int:
    return int(layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels)  # type: ignore[arg-type]


def _sees_channels(layer: nn.Module, channels: int) -> bool:
    return isinstance(layer, nn.Conv2d) and layer.in_channels == channels and layer.groups == 1


def _like(layer: nn.Module, inputs: int | None = None, outputs: int | None = None) -> Any:
    """A layer of the same kind with random weights and another width."""
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
    """Put layers into a network, unless it no longer works with them."""
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
