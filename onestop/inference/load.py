"""Loading models: from a run, a model file, published weights, or with a custom network."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from onestop.data.preprocess import from_json
from onestop.errors import ModelFileError, UsageError
from onestop.images.forms import local_path
from onestop.inference.class_names import class_names
from onestop.inference.confidence import confidence_of
from onestop.inference.from_network import NOTHING, Named, from_network, from_tensors
from onestop.inference.identify import identify
from onestop.inference.model import Model
from onestop.networks import build, find, other_purpose, similar
from onestop.networks.custom import is_users
from onestop.networks.meta import build_on_meta
from onestop.networks.partial_load import misfit
from onestop.networks.trace import run
from onestop.recipe import Precision
from onestop.recipe.markers import flag
from onestop.runtime import memory
from onestop.runtime.rng import preserved
from onestop.storage.model_file import (
    Card,
    is_bare,
    model_path,
    read_model,
    read_weights,
    task_of,
)

_USUAL = 2048  # pixels per side of images for which any computer has the memory


def load(path: str | Path, network: nn.Module | None = None) -> Model:
    """Load a model file or the model of a run folder; no code from the file is run.

    Args:
        path: `runs/NAME`, or a model file.
        network: Your own network, if the model was trained with one; it receives the file's weights.
            Code runs only because you pass it, never because a file names it.

    Raises:
        UsageError: There is no model, or its custom network is missing.
        ModelFileError: It is damaged, for another network, or for a task unknown to this version.
    """
    file = model_path(_path_of(path))
    return _loaded(file, *read_model(file), network)


def _loaded(
    file: Path, card: Card, tensors: Mapping[str, Tensor], network: nn.Module | None
) -> Model:
    try:
        task_of(card)
        layer = confidence_of(card).layer
    except ModelFileError as error:
        raise ModelFileError(f"{file}: {error}") from None
    if network is None:
        if is_users(card.network):
            raise UsageError(
                f"{file}: was trained with your own network {card.network}; build it and pass it: "
                "onestop.load(path, network), or --network FILE.py:Class"
            )
        try:
            network = _built(file, card, tensors)
        except ModelFileError:
            raise
        except UsageError as error:
            raise UsageError(f"{file}: its network cannot be built: {error}") from None
    if problem := misfit(network, tensors):
        raise ModelFileError(f"{file} (a {card.network}): {problem}")
    if layer not in dict(network.named_modules()):
        raise ModelFileError(f"{file} (a {card.network}): has no layer {layer!r}, as its card says")
    network.load_state_dict(tensors)
    return Model(network, card)


def _built(file: Path, card: Card, tensors: Mapping[str, Tensor]) -> nn.Module:
    """The network that a card names, built once its shapes are known to be those of the tensors.

    Shapes take no memory, values would take as much as the card says.
    """

    def make() -> nn.Module:
        return build(card.network, **card.arguments, needs=task_of(card).head().needs)

    preprocessing = from_json(card.preprocessing)
    if find(card.network).vectors == preprocessing.is_image:
        raise ModelFileError(f"{file}: its preprocessing is not for a {card.network}")

    def problem(network: nn.Module) -> str:
        return misfit(network, tensors) or _too_large(network, preprocessing.shape)

    with preserved():
        without_values = build_on_meta(make, problem)
        if without_values and without_values[1]:
            raise ModelFileError(f"{file} (a {card.network}): {without_values[1]}")
        return make()


def _too_large(network: nn.Module, shape: tuple[int, ...]) -> str:
    """Why a network without values cannot run here, if its images are unusually large; else empty.

    The size of the images is in the card, and need not show in the tensors.
    """
    free = memory.available()
    if len(shape) < 3 or max(shape) <= _USUAL or free is None:
        return ""
    trace, _ = run(network, shape)
    needed = (
        2 * 4 * max(trace.made.values(), default=0)
    )  # what a layer reads and writes, in 32 bits
    if needed <= free:
        return ""
    return (
        f"is for images of {shape[1]:,} pixels per side, one of which takes {needed / 1e9:,.1f} GB of "
        f"memory; {free / 1e9:,.1f} are free"
    )


@dataclass(frozen=True)
class Described:
    """A model that is known but not in memory yet, nor are published weights downloaded.

    Attributes:
        card: What it is.
        file: Where it comes from; an empty path if that is no file.
        load: Returns the model, on the CPU.
        weights: Where they are, or will come from, in words.
        notes: What a person should know of how it is loaded.
    """

    card: Card
    file: Path
    load: Callable[[], Model]
    weights: str = ""
    notes: tuple[str, ...] = ()


def load_model(
    model: Any,
    network: nn.Module | str | None = None,
    device: str | None = None,
    precision: Precision | None = None,
    *,
    weights: str | Path | None = None,
    classes: Any = None,
    settings: Mapping[str, Any] = NOTHING,
) -> tuple[Model, Path]:
    """A model in any form a verb takes, on a device, and the file it came from.

    Args:
        model: As of `describe_model`; so are `network`, `weights`, `classes` and `settings`.
        network: A custom network, or its `path/to/file.py:Class`.
        device: See `Model.on`.
        precision: See `Model.on`.
        weights: For a network by name.
        classes: Names of the outputs.
        settings: How images are prepared.

    Raises:
        UsageError: As of `describe_model`, or weights cannot be downloaded.
        ModelFileError: The file is damaged, or for another network.
    """
    described = describe_model(
        model, network, weights=weights, classes=classes, settings=settings
    )  # fmt: skip
    return described.load().on(device, precision), described.file


def describe_model(
    model: Any,
    network: nn.Module | str | None = None,
    *,
    weights: str | Path | None = None,
    classes: Any = None,
    settings: Mapping[str, Any] = NOTHING,
) -> Described:
    """What a model is, in any form a verb takes, before anything is built or downloaded.

    Args:
        model: A `Model`, a `Run` or its folder, a model file, a file of weights alone, or the name of
            a network.
        network: A custom network, or its `path/to/file.py:Class`.
        weights: For a network by name: `default`, the name of a published set, or a file.
        classes: Names of the outputs of a network by name, or of a file of weights alone; see
            `onestop.inference.class_names`.
        settings: How such a network's images are prepared; see `onestop.inference.published`.

    Raises:
        UsageError: There is no such model, or an argument that it has no use for.
        ModelFileError: The file is damaged, or for another network.
    """
    if isinstance(model, Model):
        _refuse(weights, classes, "a model in memory", settings)
        return Described(model.card, Path(), lambda: model, notes=model.notes)
    model = _path_of(model)
    if _names_a_network(model):
        named = from_network(str(model), weights or "default", classes, settings)
        return _described(named, Path())
    file = model_path(model)
    if is_bare(file) and not isinstance(network, nn.Module):
        if weights is not None:
            _refuse(weights, None, str(model))
        return _described(_bare(file, network, classes, settings), file)
    _refuse(weights, classes, str(model), settings)
    card, tensors = read_model(file)

    def load_file() -> Model:
        if isinstance(network, str):
            needs = task_of(card).head().needs
            return _loaded(file, card, tensors, build(network, **card.arguments, needs=needs))
        return _loaded(file, card, tensors, network)

    return Described(card, file, load_file, str(file))


def _bare(file: Path, network: str | None, classes: Any, settings: Mapping[str, Any]) -> Named:
    """The model of a file of weights alone, for the network that is named or that it must be for."""
    names = None if classes is None else class_names(classes)
    tensors = read_weights(file)
    name = network or identify(file, tensors)
    return from_tensors(find(name), tensors, str(file), names, settings)


def _described(named: Named, file: Path) -> Described:
    def load_named() -> Model:
        model = Model(named.build(), named.card)
        model.notes = named.notes
        return model

    return Described(named.card, file, load_named, named.weights, named.notes)


def _refuse(weights: Any, classes: Any, model: str, settings: Mapping[str, Any] = NOTHING) -> None:
    """Stop if a model that has its own weights and names is given others."""
    if weights is not None:
        raise UsageError(
            f"--weights {weights}: is for a network by name; {model} has weights of its own; drop one"
        )
    if classes is not None:
        raise UsageError(f"--classes: {model} knows the names of its classes; leave it out")
    for name, value in settings.items():
        raise UsageError(
            f"{flag(name, value)}: {model} prepares images as in training; leave it out"
        )


def _path_of(model: Any) -> Path:
    """The path, or the network's name, of a model in any form but a `Model`.

    Raises:
        UsageError: It is nothing that names a model; the message names its type.
    """
    model = getattr(model, "folder", model)  # of a `Run`
    if isinstance(model, str | os.PathLike):
        return local_path(model)
    way = "; a network of your own is passed as network=..." if isinstance(model, nn.Module) else ""
    raise UsageError(
        f"model of type {type(model).__name__}: give a run, a model file, or a name of a network{way}"
    )


def _names_a_network(model: Path) -> bool:
    """Whether it is a network's name rather than a path, mistyped or not.

    Raises:
        UsageError: It names a network that is not for classes, or a similar one is meant.
    """
    text = str(model)
    if is_users(text):
        return True
    if model.exists():
        return False
    if text.startswith(("torchvision:", "timm:")):
        return True
    try:
        find(text)
    except UsageError:
        if purpose := other_purpose(text):
            raise UsageError(f"{text}: {purpose}") from None
        if len(model.parts) == 1 and not model.suffix and (near := similar(text)):
            raise UsageError(f"{text}: no such run, model file or network{near}") from None
        return False
    return True
