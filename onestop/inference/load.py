"""Loading models: from a run, a model file, published weights, or with a custom network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from torch import nn

from onestop.errors import ModelFileError, UsageError
from onestop.images.forms import local_path
from onestop.inference.model import Model
from onestop.inference.published import preprocessing_of
from onestop.networks import build, find, published_weights
from onestop.networks.custom import is_users
from onestop.networks.partial_load import fill
from onestop.recipe import Precision
from onestop.runtime.rng import preserved
from onestop.storage.model_file import (
    Card,
    misfit,
    model_path,
    read_card,
    read_model,
    task_of,
)


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
    card, tensors = read_model(file)
    try:
        task_of(card)
    except ModelFileError as error:
        raise ModelFileError(f"{file}: {error}") from None
    if network is None:
        if is_users(card.network):
            raise UsageError(
                f"{file}: was trained with your own network {card.network}; build it and pass it: "
                "onestop.load(path, network), or --network FILE.py:Class"
            )
        try:
            with preserved():
                network = build(card.network, **card.arguments)
        except UsageError as error:
            raise UsageError(f"{file}: its network cannot be built: {error}") from None
    if problem := misfit(network, tensors):
        raise ModelFileError(f"{file} (a {card.network}): {problem}")
    network.load_state_dict(tensors)
    return Model(network, card)


def pretrained(name: str) -> Model:
    """A network with its published weights and their classes, without any training.

    Args:
        name: A network with published weights, such as `torchvision:vgg13` or `timm:resnet18`.

    Raises:
        UsageError: No such network, or its weights are not here and cannot be downloaded.
    """
    entry = find(name)
    published = published_weights(entry)
    arguments = {
        "classes": len(published.classes), "channels": 3, "image_size": published.size[0]
    }  # fmt: skip
    with preserved():
        network = build(name, **arguments)
    fill(network, published.state, name)
    card = Card(
        network=entry.name,
        arguments=arguments,
        classes=published.classes,
        preprocessing=preprocessing_of(published).to_json(),
        data={"name": "published weights"},
        task="classification",
    )
    return Model(network, card)


def load_model(
    model: Any,
    network: nn.Module | str | None = None,
    device: str | None = None,
    precision: Precision | None = None,
) -> tuple[Model, Path]:
    """A model in any form a verb takes, on a device, and the file it came from.

    Args:
        model: A `Model`, a `Run` or its folder, a model file, or the name of a network with published
            weights.
        network: A custom network, or its `path/to/file.py:Class`.
        device: See `Model.on`.
        precision: See `Model.on`.
    """
    if isinstance(model, Model):
        return model.on(device, precision), Path()
    model = _path_of(model)
    if not Path(model).exists() and _names_a_network(str(model)):
        return pretrained(str(model)).on(device, precision), Path()
    file = model_path(model)
    if isinstance(network, str):
        network = build(network, **read_card(file).arguments)
    return load(file, network).on(device, precision), file


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


def _names_a_network(text: str) -> bool:
    """Whether a text is a network's name rather than a mistyped path."""
    if text.startswith(("torchvision:", "timm:")):
        return True
    try:
        return find(text).origin == "torchvision"
    except UsageError:
        return False
