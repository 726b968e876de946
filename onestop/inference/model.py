"""A trained network at work: the one way from images to outputs, for every verb.

Legend: B inputs of a batch, K outputs.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from onestop.data.loader import Loader
from onestop.data.pixels import choose_source
from onestop.data.prefetch import ahead
from onestop.data.preprocess import Preprocessing, from_json
from onestop.images.formats import BadImageError
from onestop.inference.score import Scored, batch_size, score
from onestop.networks.fuse import Folding
from onestop.networks.tta import augmented
from onestop.recipe import MemoryFormat, Precision
from onestop.runtime.device import Engine, choose_device, cores, suited_format
from onestop.runtime.rng import preserved
from onestop.storage.model_file import Card, write_model
from onestop.tasks import task_for
from onestop.tasks.task import Label


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
    ) -> Iterator[list[Label] | BadImageError]:
        """The `top` guesses for each image, best first, while the images are still being read.

        Args:
            images: Paths, bytes of image files, Pillow images, or arrays and tensors as
                `onestop.images.arrays.images_array` takes them (colour in the order red, green,
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

    def score(self, samples: Any, *, keep_outputs: bool = False) -> tuple[Scored, Loader]:
        """Score a split; what was found, and the feed, which knows what could not be read."""
        feed = self.feed(samples)
        batches = feed.in_order(batch_size(self.preprocessing.shape))
        with preserved():
            found = score(self.fast, self.task, batches, self.engine, keep_outputs=keep_outputs)
        return found, feed

    def save(self, path: str | Path) -> None:
        """Write network, classes and preprocessing into one safe file."""
        write_model(Path(path), self.network.state_dict(), self.card)

    def feed(self, samples: Any) -> Loader:
        """A split as this model sees it."""
        pixels = choose_source(samples, self.preprocessing, workers=cores(), keep="none")
        return Loader(samples, self.preprocessing, pixels=pixels, engine=self.engine)

    def prepare(self, image: Any, remark: Callable[[str], None] | None = None) -> Tensor:
        """One image, in a form that `predict` takes, prepared for the network: uint8 [C, h, w].

        Raises:
            BadImageError: It cannot be read.
        """
        return self.preprocessing.prepare_input(image, remark)

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
    ) -> Iterator[list[Label] | BadImageError]:
        readable = [item for item in waiting if isinstance(item, Tensor)]
        guesses: Iterator[list[Label]] = iter(())
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
