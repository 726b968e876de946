"""A model from a network by name and its weights: published ones, or a file from anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn

from onestop.data.preprocess import ImagePreprocessing
from onestop.errors import ModelFileError, UsageError
from onestop.inference.class_names import class_names
from onestop.inference.confidence import Confidence
from onestop.inference.fitted import fit, fitted, started
from onestop.inference.published import (
    adjusted,
    inputs_text,
    is_tag,
    mean_and_std,
    preprocessing_of,
    published_for,
)
from onestop.networks import build, find, release
from onestop.networks.catalog import Entry
from onestop.networks.imagenet import names_for, numbered_name
from onestop.networks.pretrained import Inputs
from onestop.storage.model_file import Card, is_bare, model_path, read_weights, task_of
from onestop.tasks import TASKS
from onestop.weights import place_of, published_weights

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Named:
    """A network with its weights that is not built yet, nor are published weights downloaded.

    Attributes:
        card: What it is.
        build: Returns the network.
        weights: Where they are, or will come from, in words.
        notes: What a person should know of how it is loaded.
    """

    card: Card
    build: Callable[[], nn.Module]
    weights: str
    notes: tuple[str, ...] = ()


def from_network(
    name: str,
    weights: str | Path = "default",
    classes: Any = None,
    settings: Mapping[str, Any] = NOTHING,
) -> Named:
    """A network with its weights and the names of its outputs, without any training.

    Args:
        name: A network, such as `vgg13`, `timm:resnet18`, or `path/to/file.py:Class`.
        weights: `default`, the name of a published set, or a file.
        classes: See `onestop.inference.class_names`; those of the weights by default.
        settings: How images are prepared, where not as published; see `onestop.inference.published`.

    Raises:
        UsageError: No such network, weights, or names; or other names than there are outputs.
        ModelFileError: The file is damaged, for another network, or without a last layer.
    """
    entry, names = find(name), None if classes is None else class_names(classes)
    if entry.vectors:
        raise UsageError(
            f"{entry.name}: takes vectors and has no classes; name a run or a model file"
        )
    if is_tag(str(weights)):
        return _published(entry, str(weights), names, settings)
    path = model_path(weights)
    if not is_bare(path):
        raise UsageError(
            f"--weights {weights}: is a model with names and preprocessing of its own; give it alone, "
            f"in place of {entry.name}"
        )
    return from_tensors(entry, read_weights(path), str(path), names, settings)


def _published(
    entry: Entry, which: str, names: tuple[str, ...] | None, settings: Mapping[str, Any]
) -> Named:
    if not entry.weights:
        raise UsageError(
            f"{entry.name}: has no published weights; name a file of weights with --weights FILE"
        )
    stated = release(entry, which)
    require_own(entry, stated.inputs)
    known, used = stated.names(), adjusted(preprocessing_of(stated.inputs), settings)
    if not known:
        raise UsageError(
            f"--weights {which}: {entry.name} has no classifier, so it names nothing; it can be "
            f"trained from: onestop train DATA --model {entry.name}"
        )
    _require_as_many(names, len(known), entry.name)

    card = _card(entry, names or known, used, stated.inputs)

    def load() -> nn.Module:
        state, source = published_weights(entry, which).state, f"published weights of {entry.name}"
        if entry.whole:
            return fitted(entry, state, source, used.size[0])[0]
        return started(lambda: built(card), state, source, known)

    note = f"note: {entry.name}: images are prepared as {inputs_text(used)}, not as published"
    return Named(card, load, place_of(stated), (note,) if settings else ())


def from_tensors(
    entry: Entry,
    tensors: Mapping[str, Tensor],
    source: str,
    names: tuple[str, ...] | None,
    settings: Mapping[str, Any] = NOTHING,
) -> Named:
    """A network with the tensors of a file.

    Args:
        entry: The network.
        tensors: By name.
        source: Path of the file.
        names: Of the outputs; where None, ImageNet's if their number fits, else numbers.
        settings: As of `from_network`.
    """
    if not entry.whole:
        return _of_objects(entry, tensors, source, names, settings)
    preprocessing = published_for(entry)
    used = adjusted(preprocessing or _assumed(entry), settings)
    one = fit(entry, tensors, source, used.size[0])
    _require_as_many(names, one.outputs, source)
    known = names_for(one.outputs)
    by_number = known[0] == numbered_name(0)
    told = "named by --classes" if names else "by number" if by_number else "ImageNet's"
    assumed = "" if preprocessing else ", which is assumed: nothing is published for it"
    note = (
        f"note: {source}: {entry.name} with {one.outputs:,} classes ({told}); images are prepared as "
        f"{inputs_text(used)}{assumed}"
    )
    return Named(_card(entry, names or known, used, None), one.build, source, (note,))


def _of_objects(
    entry: Entry,
    tensors: Mapping[str, Tensor],
    source: str,
    names: tuple[str, ...] | None,
    settings: Mapping[str, Any],
) -> Named:
    """The same for a network that finds things in images: its classes are those published, or named."""
    stated = release(entry)
    require_own(entry, stated.inputs)
    used, known = adjusted(preprocessing_of(stated.inputs), settings), names or stated.names()
    card = _card(entry, known, used, stated.inputs)
    note = (
        f"note: {source}: {entry.name} with {len(known):,} classes "
        f"({'named by --classes' if names else 'as published'}); images are prepared as "
        f"{inputs_text(used)}"
    )
    return Named(
        card, lambda: started(lambda: built(card), tensors, source, known), source, (note,)
    )


def built(card: Card) -> nn.Module:
    """The network that a card describes, with random weights."""
    return build(card.network, **card.arguments, needs=task_of(card).head().needs)


def require_own(entry: Entry, inputs: Inputs) -> None:
    """See that weights are those of a network and not only of its backbone.

    Raises:
        UsageError: They are for whole images, and the network is not.
    """
    if TASKS[inputs.task].whole != entry.whole:
        raise UsageError(
            f"{entry.name}: has published weights of its backbone only; train it on objects of your "
            "own first"
        )


def _require_as_many(names: tuple[str, ...] | None, outputs: int | None, what: str) -> None:
    if names and outputs and len(names) != outputs:
        raise UsageError(
            f"--classes: {len(names):,} names for the {outputs:,} outputs of {what}; name each once"
        )


def _assumed(entry: Entry) -> ImagePreprocessing:
    """ImageNet's mean and deviation, as most networks expect."""
    size, channels = entry.image_size, entry.channels
    mean, std = mean_and_std("imagenet" if channels == 3 else "none", channels)
    crop_fraction = 0.875 if size > 64 else 1.0
    return ImagePreprocessing(channels, (size, size), mean, std, crop_fraction=crop_fraction)


def _card(
    entry: Entry, classes: tuple[str, ...], preprocessing: ImagePreprocessing, inputs: Inputs | None
) -> Card:
    if entry.whole and len(classes) < 2:
        raise ModelFileError(
            f"{entry.name}: has one output, so there are no classes to choose from"
        )
    return Card(
        network=entry.name,
        arguments={
            "classes": len(classes), "channels": preprocessing.channels,
            "image_size": preprocessing.size[0],
        },
        classes=classes,
        preprocessing=preprocessing.to_json(),
        data={"name": "published weights"},
        task=inputs.task if inputs else Inputs.task,
        task_options=inputs.task_options if inputs else {},
        confidence=Confidence(why_not="published weights know no held-out images").to_json(),
    )  # fmt: skip
