"""A network built to the tensors of a file: the number of its outputs follows from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from onestop.errors import ArchitectureError, ModelFileError
from onestop.networks import build
from onestop.networks.catalog import Entry
from onestop.networks.meta import build_on_meta
from onestop.networks.partial_load import matched, misfit, start
from onestop.networks.surgery import find_heads
from onestop.runtime.rng import preserved
from onestop.text import listing
from onestop.weights.spelling import respelled

_USUAL = 1000  # outputs of most published networks
_COUNTER = "num_batches_tracked"  # of BatchNorm, which older files lack; used in training only


@dataclass(frozen=True)
class Fit:
    """Tensors that fit a network, which is not built yet.

    Attributes:
        outputs: Number of outputs.
        build: Builds the network with all of the tensors.
    """

    outputs: int
    build: Callable[[], nn.Module]


def fit(entry: Entry, tensors: Mapping[str, Tensor], source: str, size: int) -> Fit:
    """A network with all its tensors from a file; nothing but shapes is built yet.

    Args:
        entry: The network. Code of a user's is run, once.
        tensors: By name, in a spelling that is known.
        source: Where they come from, for error messages.
        size: Height and width of its images.

    Raises:
        ModelFileError: They are of another network, or lack the last layer.
    """

    def make(outputs: int) -> nn.Module:
        return build(entry.name, outputs, entry.channels, size)

    def build_it() -> nn.Module:
        with preserved():
            built = network if entry.users else make(outputs)
        built.load_state_dict(named)
        return built

    with preserved():
        if entry.users:
            outputs = _last(tensors)
            network = make(outputs)
            named = _complete(matched(tensors, network.state_dict())[0], network)
        else:
            network, outputs, named = _on_shapes(entry, tensors, make, source, size)
    if problem := misfit(network, named):
        raise ModelFileError(f"{source} (for {entry.name}): {problem}")
    return Fit(outputs, build_it)


def fitted(
    entry: Entry, tensors: Mapping[str, Tensor], source: str, size: int
) -> tuple[nn.Module, int]:
    """The network of a `fit`, built, and the number of its outputs."""
    one = fit(entry, tensors, source, size)
    return one.build(), one.outputs


def started(
    make: Callable[[], nn.Module], tensors: Mapping[str, Tensor], source: str, theirs: Sequence[str]
) -> nn.Module:
    """A network with weights that it takes in its own way.

    Args:
        make: Builds it.
        tensors: By name.
        source: Where they come from, for error messages.
        theirs: Classes that they were trained for, and that it has.

    Raises:
        ModelFileError: They do not fill all of it.
    """
    with preserved():
        network = make()
    filled = start(network, tensors, source, theirs, theirs)
    lacking = [*filled.other_shape, *(name for name in filled.missing if _COUNTER not in name)]
    if lacking:
        raise ModelFileError(
            f"{source}: {listing(lacking, 2)} for {len(theirs):,} classes cannot be had from it; name "
            "its classes with --classes, or train from it: onestop train DATA --weights FILE"
        )
    return network


def _on_shapes(
    entry: Entry, tensors: Mapping[str, Tensor], make: Any, source: str, size: int
) -> tuple[nn.Module, int, dict[str, Tensor]]:
    """The network without values, the number of outputs, and the tensors under its names."""
    network = _without_values(make, _USUAL)
    own = network.state_dict()
    named, _ = matched(respelled(tensors, own), own)
    _require_classifier(entry, network, named, source, size)
    outputs = outputs_in({name: tuple(value.shape) for name, value in named.items()},
                         {name: tuple(value.shape) for name, value in own.items()})  # fmt: skip
    if outputs != _USUAL:
        network = _without_values(make, outputs)
    return network, outputs, _complete(named, network)


def _without_values(make: Any, outputs: int) -> nn.Module:
    found = build_on_meta(lambda: make(outputs), lambda _: None)
    return found[0] if found else make(outputs)


def outputs_in(
    found: Mapping[str, tuple[int, ...]], own: Mapping[str, tuple[int, ...]], usual: int = _USUAL
) -> int:
    """The number of outputs for which tensors were made.

    Args:
        found: Their shapes by name.
        own: The shapes of a network with `usual` outputs.
        usual: A number that its other layers do not have.
    """
    numbers = {
        found[name][0]
        for name, shape in own.items()
        if shape[:1] == (usual,) and len(found.get(name, ())) == len(shape)
    }
    return numbers.pop() if len(numbers) == 1 else usual


def _require_classifier(
    entry: Entry, network: nn.Module, named: Mapping[str, Tensor], source: str, size: int
) -> None:
    """Stop if a file has all of a network but its last layer."""
    missing = [name for name in network.state_dict() if name not in named and _COUNTER not in name]
    if not missing:
        return
    try:
        heads = find_heads(network, (entry.channels, size, size))
    except ArchitectureError:
        return
    if all(name.rpartition(".")[0] in heads for name in missing):
        raise ModelFileError(f"{source}: {without_classifier(entry.name, missing, source)}")


def without_classifier(network: str, missing: Sequence[str], file: str) -> str:
    """What a file is good for that has all of a network but its last layer.

    Args:
        network: Name of the network.
        missing: Names of the tensors of its last layer.
        file: Of the rest.
    """
    return (
        f"has no classifier ({listing(missing, 2)} of {network} are missing), so it names nothing; "
        f"train it: onestop train DATA --model {network} --weights {file}"
    )


def _complete(named: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """The tensors, with the counters that older files lack."""
    missing = (name for name in network.state_dict() if _COUNTER in name and name not in named)
    return {**named, **{name: torch.tensor(0) for name in missing}}


def _last(tensors: Mapping[str, Tensor]) -> int:
    """The length of the last tensor, usually the biases of the last layer."""
    lengths = [tensor.shape[0] for tensor in tensors.values() if tensor.ndim]
    return lengths[-1] if lengths else 1
