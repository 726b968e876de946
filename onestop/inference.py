"""A trained network at work: the one way from images to outputs, for every verb.

Legend: B inputs of a batch, K outputs.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from onestop.data.ahead import ahead
from onestop.data.decode import decode, from_pillow, to_channels
from onestop.data.formats import BadImageError
from onestop.data.preprocess import ImagePreprocessing, Preprocessing, from_json, pixel_tensor
from onestop.data.samples import ArraySamples, image_array
from onestop.data.stream import Batch, Feed
from onestop.device import Engine, choose_device, cores
from onestop.errors import UsageError
from onestop.metrics import Metrics
from onestop.modelfile import Card, misfit, model_path, read_card, read_model, write_model
from onestop.networks import build, find, published_weights
from onestop.networks.filling import fill
from onestop.networks.folding import Folding
from onestop.networks.mirrored import augmented
from onestop.networks.published import Published
from onestop.networks.traits import suited_format
from onestop.networks.users import is_users
from onestop.randomness import preserved
from onestop.recipe import MemoryFormat, Precision
from onestop.signals import check
from onestop.tasks import Task, task_for
from onestop.tasks.task import Guess

_NUMBERS = 2**22
"""Numbers of input that are computed at once, about; more do not fit the caches of a processor."""


def batch_size(shape: tuple[int, ...]) -> int:
    """Inputs of a shape, (C, H, W) or (F,), computed at once.

    It can change the last bits of an output, so all verbs use this one.
    """
    return min(256, max(8, _NUMBERS // math.prod(shape)))


@dataclass
class Scored:
    """The figures of a split and, where asked for, the outputs behind them."""

    metrics: Metrics
    indices: list[int] = field(default_factory=list)
    outputs: Tensor | None = None  # [N, K], float32


def score(
    network: nn.Module,
    task: Task,
    batches: Iterable[Batch],
    engine: Engine,
    *,
    keep_outputs: bool = False,
) -> Scored:
    """Score a network on every sample of some batches, such as `Feed.in_order` gives."""
    sums, kept, numbers = task.empty(), [], []
    for indices, targets, outputs in outputs_of(network, batches, engine):
        task.score(sums, outputs, targets)
        if keep_outputs:
            kept.append(outputs.cpu())
            numbers += indices.tolist()
    return Scored(task.metrics(sums), numbers, torch.cat(kept) if kept else None)


def outputs_of(
    network: nn.Module, batches: Iterable[Batch], engine: Engine
) -> Iterator[tuple[NDArray[np.int64], Tensor, Tensor]]:
    """Indices, targets [B] and float32 outputs [B, K] of some batches.

    The network is in evaluation mode meanwhile and in its former mode afterwards.
    """
    was_training = network.training
    network.eval()
    try:
        for batch in batches:
            check()
            with torch.inference_mode(), engine.autocast():
                outputs = network(batch.inputs)
            yield batch.indices, batch.targets, outputs.float()
    finally:
        network.train(was_training)


class Model(nn.Module):
    """A trained network in evaluation mode that knows its classes and its preprocessing.

    Calling it computes outputs [B, K] from prepared, normalised inputs; `predict` takes images as
    they come.

    Attributes:
        network: The bare network.
        card: All that the model file says.
        preprocessing: From an image to the network's input.
        classes: Class names in the order of the outputs.
        task: What the outputs mean.
    """

    def __init__(self, network: nn.Module, card: Card) -> None:
        super().__init__()
        self.network = network
        self.card = card
        self.preprocessing: Preprocessing = from_json(card.preprocessing)
        self.classes = card.classes
        self.task = task_for(card.classes)
        self.engine = Engine(choose_device("cpu"), threads=torch.get_num_threads())
        self.eval()

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [B, K] of normalised inputs, [B, C, h, w] (or [B, F] of vectors)."""
        return self.network(inputs)  # type: ignore[no-any-return]

    def on(self, device: str | None, precision: Precision | None = None) -> Model:
        """The same model, computing on a device in a precision.

        Args:
            device: cpu, cuda, cuda:1, mps; None is the best one here.
            precision: None is what it was trained in, 32 bits on another device and for published
                weights.
        """
        found, recipe = choose_device(device), self.card.recipe
        # As it was trained, so that the figures are the same; on another device 32 bits are safe.
        same = str(recipe.get("device", "")).partition(":")[0] == found.type
        trained: Precision = recipe.get("precision", "fp32") if same else "fp32"
        self.engine = Engine(
            found, precision or trained, torch.get_num_threads(), memory_format=self._format()
        )
        self.engine.place(self.network)
        self.__dict__.pop("fast", None)
        return self

    def _format(self) -> MemoryFormat:
        if "memory_format" in self.card.recipe:
            return self.card.recipe["memory_format"]  # type: ignore[no-any-return]
        convolutions = any(isinstance(module, nn.Conv2d) for module in self.network.modules())
        return suited_format(convolutions=convolutions)[0]

    @functools.cached_property
    def fast(self) -> nn.Module:
        """The network as `predict` and `evaluate` run it: BatchNorm folded, `tta` as in training.

        Made from the weights at its first use; a network whose weights change later is not followed.
        """
        folded = Folding(self.network, self.preprocessing.shape)(self.network)
        return augmented(folded, self.card.recipe.get("tta", "none"))

    def predict(
        self,
        images: Iterable[Any],
        top: int = 5,
        remark: Callable[[int, str], None] | None = None,
    ) -> Iterator[list[Guess] | BadImageError]:
        """The `top` guesses for each image, best first, while the images are still being read.

        Args:
            images: Paths, bytes of image files, Pillow images, or arrays and tensors as
                `onestop.data.samples.images_array` takes them (colour in the order red, green,
                blue), or vectors.
            top: How many guesses an image.
            remark: Called with the number of an image, before its guesses are given, and what is
                wrong with it though it can be read; see `decode`.

        Yields:
            For each image in turn its guesses, or the reason why it cannot be read.
        """
        size = batch_size(self.preprocessing.shape)
        prepare = functools.partial(self._prepare, remark)
        for prepared in ahead(_batches(enumerate(images), size), prepare, cores()):
            yield from self._guess(prepared, top)

    def save(self, path: str | Path) -> None:
        """Write network, classes and preprocessing into one safe file."""
        write_model(Path(path), self.network.state_dict(), self.card)

    def feed(self, samples: Any) -> Feed:
        """A split as this model sees it."""
        return Feed(samples, self.preprocessing, engine=self.engine, workers=cores(), keep=False)

    def prepare(self, image: Any, remark: Callable[[str], None] | None = None) -> Tensor:
        """One image, in a form that `predict` takes, as the network is to see it: uint8 [C, h, w].

        Raises:
            BadImageError: It cannot be read.
        """
        preprocessing = self.preprocessing
        if not isinstance(preprocessing, ImagePreprocessing):
            vector = np.asarray(image, dtype=np.float32).reshape(1, -1)
            if vector.shape[1:] != preprocessing.shape:
                raise BadImageError(f"{vector.shape[1]} numbers, {preprocessing.shape[0]} wanted")
            return preprocessing.prepare(ArraySamples(vector, np.zeros(1, np.int64)), 0)
        channels = preprocessing.channels
        if isinstance(image, str | Path | bytes):
            pixels = decode(image, channels, remark)
        elif hasattr(image, "convert"):
            pixels = from_pillow(image, channels)
        else:
            pixels = to_channels(image_array(image), channels)
        return preprocessing.resize(pixel_tensor(pixels))[0]

    def _prepare(
        self, remark: Callable[[int, str], None] | None, numbered: tuple[int, Any]
    ) -> Tensor | BadImageError:
        number, image = numbered
        try:
            return self.prepare(image, functools.partial(remark, number) if remark else None)
        except BadImageError as error:
            return error

    def _guess(
        self, waiting: list[Tensor | BadImageError], top: int
    ) -> Iterator[list[Guess] | BadImageError]:
        readable = [item for item in waiting if isinstance(item, Tensor)]
        guesses: Iterator[list[Guess]] = iter(())
        if readable:
            inputs = self.preprocessing.normalise(self.engine.place_inputs(torch.stack(readable)))
            with torch.inference_mode(), self.engine.autocast():
                guesses = iter(self.task.decode(self.fast(inputs).cpu(), top))
        for item in waiting:
            yield next(guesses) if isinstance(item, Tensor) else item


def _batches(images: Iterable[Any], count: int) -> Iterator[list[Any]]:
    rest = iter(images)
    while batch := list(itertools.islice(rest, count)):
        yield batch


def load(path: str | Path, network: nn.Module | None = None) -> Model:
    """Load a model file or the model of a run folder; no code from the file is run.

    Args:
        path: `runs/NAME`, or a model file.
        network: Your own network, where the model was trained with one: code is only run because you
            name it, never because a file does. It takes the file's weights.

    Raises:
        UsageError: No model, damaged, or not the network's.
    """
    file = model_path(path)
    card, tensors = read_model(file)
    if network is None:
        if is_users(card.network):
            raise UsageError(
                f"{file}: was trained with your own network {card.network}; build it and pass it: "
                "onestop.load(path, network), or --model FILE.py:Class"
            )
        try:
            with preserved():
                network = build(card.network, **card.arguments)
        except UsageError as error:
            raise UsageError(f"{file}: its network cannot be built: {error}") from None
    if problem := misfit(network, tensors):
        raise UsageError(f"{file} (a {card.network}): {problem}")
    network.load_state_dict(tensors)
    return Model(network, card)


def pretrained(name: str) -> Model:
    """A network with its published weights and the classes these know, with no training at all.

    Args:
        name: A network with published weights, such as `torchvision:vgg13` or `timm:resnet18`.

    Raises:
        UsageError: No such network, or its weights are neither here nor to be downloaded.
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
    )
    return Model(network, card)


def preprocessing_of(published: Published) -> ImagePreprocessing:
    """How images must be prepared for published weights."""
    return ImagePreprocessing(
        channels=3,
        size=published.size,
        mean=published.mean,
        std=published.std,
        crop_fraction=published.crop_fraction,
        interpolation=published.interpolation,
    )


def load_model(
    model: Any,
    network: nn.Module | str | None = None,
    device: str | None = None,
    precision: Precision | None = None,
) -> tuple[Model, Path]:
    """A model in any form a verb takes, on a device, and the file it came from.

    Args:
        model: A `Model`, a run folder, a model file, or the name of a network with published
            weights.
        network: The user's own network, or its `path/to/file.py:Class`.
        device: See `Model.on`.
        precision: See `Model.on`.
    """
    if isinstance(model, Model):
        return model.on(device, precision), Path()
    if not Path(model).exists() and _names_a_network(str(model)):
        return pretrained(str(model)).on(device, precision), Path()
    file = model_path(model)
    if isinstance(network, str):
        network = build(network, **read_card(file).arguments)
    return load(file, network).on(device, precision), file


def _names_a_network(text: str) -> bool:
    """Whether a word is a network's name and not a mistyped path."""
    if text.startswith(("torchvision:", "timm:")):
        return True
    try:
        return find(text).origin == "torchvision"
    except UsageError:
        return False
