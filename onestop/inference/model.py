"""A trained network: the one path from images to outputs, for every verb.

Legend: B inputs of a batch, K outputs.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from onestop.data.inputs import name_of
from onestop.data.loader import Loader
from onestop.data.pixels import choose_source
from onestop.data.prefetch import prefetch
from onestop.data.preprocess import Preprocessing, from_json
from onestop.errors import BadImageError
from onestop.inference.confidence import confidence_of
from onestop.inference.score import NOT_FINITE, Scored, batch_size, score
from onestop.networks.features import Features
from onestop.networks.fuse import Folding
from onestop.networks.tta import augmented
from onestop.recipe import MemoryFormat, Precision
from onestop.runtime.device import Engine, choose_device, cores, suited_format
from onestop.runtime.rng import preserved
from onestop.storage.model_file import Card, task_of, write_model
from onestop.tasks import Prediction


class Model(nn.Module):
    """A trained network in evaluation mode that knows its classes and its preprocessing.

    Calling it computes outputs [B, K] from prepared, normalised inputs; `predict` takes raw images.

    Attributes:
        network: The bare network.
        card: The description from the model file.
        preprocessing: From an image to the network's input.
        classes: Class names in the order of the outputs.
        task: What the outputs mean.
        notes: What a person should know of how it was loaded.
        confidence: How far predictions can be trusted.
    """

    notes: tuple[str, ...] = ()

    def __init__(self, network: nn.Module, card: Card) -> None:
        """Raises a `ModelFileError` if the card is damaged or its task not known to this version."""
        super().__init__()
        self.network = network
        self.card = card
        self.preprocessing: Preprocessing = from_json(card.preprocessing)
        self.classes = card.classes
        self.task = task_of(card)
        self.confidence = confidence_of(card)
        self.engine = Engine(choose_device("cpu"), threads=torch.get_num_threads())
        self.eval()

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [B, K] of normalised inputs, [B, C, h, w] (or [B, F] of vectors)."""
        return self.network(inputs)  # type: ignore[no-any-return]

    def on(self, device: str | None, precision: Precision | None = None) -> Model:
        """The same model, computing on a device in a precision.

        Args:
            device: cpu, cuda, cuda:1, mps; None is the best available.
            precision: None is that of training; on other devices and for published weights, 32 bits.
        """
        target, recipe = choose_device(device), self.card.recipe
        # As in training, so that the metrics are the same; on another device 32 bits are safe.
        same = str(recipe.get("device", "")).partition(":")[0] == target.type
        trained: Precision = (recipe.get("precision") or "fp32") if same else "fp32"
        self.engine = Engine(
            target, precision or trained, torch.get_num_threads(), memory_format=self._format()
        )
        self.engine.place(self.network)
        self.__dict__.pop("fast", None)
        return self

    def uncalibrated(self) -> Model:
        """A model with the same network, whose probabilities are the network's own."""
        options = self.task.uncalibrated().options()
        model = Model(self.network, dataclasses.replace(self.card, task_options=options))
        model.engine, model.notes = self.engine, self.notes
        return model

    def _format(self) -> MemoryFormat:
        if self.card.recipe.get("memory_format"):
            return self.card.recipe["memory_format"]  # type: ignore[no-any-return]
        convolutions = any(isinstance(module, nn.Conv2d) for module in self.network.modules())
        return suited_format(convolutions=convolutions)[0]

    @functools.cached_property
    def fast(self) -> nn.Module:
        """The network as `predict` and `evaluate` run it: BatchNorm folded, `tta` as in training.

        Made from the weights on first use; later changes of the weights have no effect on it.
        """
        folded = Folding(self.network, self.preprocessing.shape)(self.network)
        return augmented(folded, self.card.recipe.get("tta", "none"))

    def predict(
        self, images: Iterable[Any], top: int = 5, max_error: float | None = None
    ) -> Iterator[Prediction]:
        """One prediction per image, in order, while the images are still being read.

        Args:
            images: Paths, bytes of image files, Pillow images, or arrays and tensors as
                `onestop.images.arrays.images_array` takes them (colour as RGB), or vectors.
            top: Labels per image, most likely first.
            max_error: Share of wrong predictions to keep among those that are not `unsure`, in (0, 1);
                see `onestop.inference.confidence`.

        Yields:
            The prediction for each image, or the reason why it cannot be read.

        Raises:
            UsageError: The model knows nothing about its errors.
        """
        threshold = self.confidence.threshold(max_error)
        size = batch_size(self.preprocessing.shape)
        for prepared in prefetch(_batches(enumerate(images), size), self._prepare, cores()):
            yield from self._predict(prepared, top, threshold)

    def score(self, samples: Any, *, keep_outputs: bool = False) -> tuple[Scored, Loader]:
        """Score a split; the result, and the loader, which knows what could not be read."""
        loader = self.feed(samples)
        batches = loader.in_order(batch_size(self.preprocessing.shape))
        with preserved():
            scored = score(self.fast, self.task, batches, self.engine, keep_outputs=keep_outputs)
        return scored, loader

    def save(self, path: str | Path) -> None:
        """Write network, classes and preprocessing to one safe file."""
        write_model(Path(path), self.network.state_dict(), self.card)

    def feed(self, samples: Any) -> Loader:
        """A loader of a split, prepared for this model."""
        pixels = choose_source(samples, self.preprocessing, workers=cores(), keep="none")
        return Loader(samples, self.preprocessing, pixels=pixels, engine=self.engine)

    def prepare_placed(
        self, image: Any, remark: Callable[[str], None] | None = None
    ) -> tuple[Tensor, tuple[int, int] | None]:
        """The same, with the height and width of the image as it was given; None for vectors."""
        return self.preprocessing.prepare_placed(image, remark)

    def prepare(self, image: Any, remark: Callable[[str], None] | None = None) -> Tensor:
        """An image, in any form `predict` takes, prepared for the network: uint8 [C, h, w].

        Raises:
            BadImageError: It cannot be read.
        """
        return self.preprocessing.prepare_input(image, remark)

    def _prepare(self, numbered: tuple[int, Any]) -> _Prepared:
        number, image = numbered
        name, warnings = name_of(image, number), list[str]()
        try:
            pixels, size = self.prepare_placed(image, warnings.append)
        except BadImageError as error:
            return _Prepared(image, name, error=str(error))
        return _Prepared(image, name, pixels, size, warning="; ".join(warnings))

    def _describe(self, pixels: list[Tensor], top: int, threshold: float) -> Iterator[Prediction]:
        """The predictions for prepared images, with their doubts."""
        inputs = self.preprocessing.normalise(self.engine.place_inputs(torch.stack(pixels)))
        known = self.confidence.outliers is not None
        caught = Features(self.fast, self.confidence.layer) if known else None
        with torch.inference_mode(), caught or nullcontext():
            outputs = self.task.predict(self.engine.forward(self.fast), inputs)
            vectors = caught.take(outputs) if caught else None
        outputs = self.task.collect([outputs])
        doubts = self.confidence.doubts(
            len(pixels), self.task.certainty(outputs), vectors, threshold
        )
        described, finite = self.task.describe(outputs, top=top), self.task.are_finite(outputs)
        for prediction, doubt, fine in zip(described, doubts, finite, strict=True):
            if fine:
                yield dataclasses.replace(prediction, doubts=doubt)
            else:
                yield Prediction("", error=NOT_FINITE)

    def _predict(self, batch: list[_Prepared], top: int, threshold: float) -> Iterator[Prediction]:
        readable = [image.pixels for image in batch if image.pixels is not None]
        predictions = self._describe(readable, top, threshold) if readable else iter(())
        for image in batch:
            prediction = (
                Prediction("", error=image.error) if image.pixels is None else next(predictions)
            )
            if image.size:
                frame = self.preprocessing.geometry(image.size)
                prediction = prediction.placed(frame, image.size)
            yield dataclasses.replace(
                prediction, image=image.name, warning=image.warning, given=image.given,
                pixel_range=self.preprocessing.pixel_range,
            )  # fmt: skip


@dataclass(frozen=True)
class _Prepared:
    """An image ready for the network; without pixels if it cannot be read."""

    given: Any
    name: str
    pixels: Tensor | None = None
    size: tuple[int, int] | None = None
    error: str = ""
    warning: str = ""


def _batches(images: Iterable[Any], count: int) -> Iterator[list[Any]]:
    rest = iter(images)
    while batch := list(itertools.islice(rest, count)):
        yield batch
