"""Pictures for a page: images as the network saw them, and where it looked.

Legend: B images, C channels, h and w as the network sees them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from onestop.data.dataset import Dataset
from onestop.data.for_training import training_loader
from onestop.data.loader import epoch_plan
from onestop.data.samples import Samples
from onestop.errors import OneStopError
from onestop.explaining.attribution import heat_maps
from onestop.figures.explanation import overlay
from onestop.images.formats import BadImageError
from onestop.inference.model import Model
from onestop.recipe import Recipe
from onestop.reporting.blocks import Table, Tile, Tone, tile
from onestop.tasks import Prediction

if TYPE_CHECKING:
    from onestop.reporting.run_data import RunData

Pixels = NDArray[np.uint8]
TRAINING_SAMPLES = 24


def _label(prediction: Prediction) -> str:
    return prediction.label


class Pictures:
    """Images of a split by name, as the network saw them."""

    def __init__(
        self, samples: Samples, model: Model, lines: Callable[[Prediction], Sequence[str]]
    ) -> None:
        """`lines` are what stands under the picture of a prediction."""
        self._samples, self._model, self._lines = samples, model, lines
        self._preprocessing = model.preprocessing

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {self._samples.name(i): i for i in range(len(self._samples))}

    def prepared(self, name: str) -> torch.Tensor | None:
        """An image as uint8 [C, h, w]; None where it is not there or cannot be read."""
        number = self._numbers.get(name)
        if number is None:
            return None
        try:
            return self._preprocessing.prepare(self._samples, number)
        except BadImageError:
            return None

    def tiles(self, predictions: Sequence[Prediction], tone: Tone = "") -> list[Tile]:
        """A picture each, with what was predicted."""
        return [self._tile(p, self.prepared(p.image), None, tone) for p in predictions]

    def explained(
        self,
        predictions: Sequence[Prediction],
        tone: Tone = "",
        of: Callable[[Prediction], str] = _label,
    ) -> list[Tile]:
        """The same with a second picture each: where the network looked for a class or label.

        Args:
            predictions: Of the images.
            tone: Of all of them.
            of: Names what is explained of each; what is predicted unless given.
        """
        found = [(prediction, self.prepared(prediction.image)) for prediction in predictions]
        there = [(prediction, pixels) for prediction, pixels in found if pixels is not None]
        maps: dict[str, Pixels] = {}
        if there:
            inputs = self._preprocessing.normalise(torch.stack([pixels for _, pixels in there]))
            numbers = [self._model.classes.index(of(prediction)) for prediction, _ in there]
            with contextlib.suppress(OneStopError):  # a network without maps has no heat maps
                heat = heat_maps(self._model, inputs, numbers).numpy()
                for (prediction, pixels), one in zip(there, heat, strict=True):
                    maps[prediction.image] = overlay(as_image(pixels), one)
        return [self._tile(p, pixels, maps.get(p.image), tone) for p, pixels in found]

    def _tile(
        self, prediction: Prediction, pixels: torch.Tensor | None, heat: Pixels | None, tone: Tone
    ) -> Tile:
        name, truth = prediction.image, prediction.truth_text
        alt = f"{name}, predicted {prediction.predicted_text}, is {truth}"
        image = None if pixels is None else as_image(pixels)
        return tile(name, image, alt, self._lines(prediction), tone, heat)


def pictures_of(
    run: RunData, lines: Callable[[Prediction], Sequence[str]] | None = None
) -> Pictures | None:
    """Images of the split that was scored, if they are at hand.

    Args:
        run: What is known of it.
        lines: What stands under the picture of a prediction; as the task's report has it unless given.
    """
    if run.dataset is None or run.model is None or not has_images(run):
        return None
    if run.split not in run.dataset.splits:
        return None
    return Pictures(run.dataset.splits[run.split], run.model, lines or run.report.lines)


def has_images(run: RunData) -> bool:
    """Whether the run's network takes images."""
    return run.model is not None and run.model.preprocessing.is_image


def prediction_table(predictions: Sequence[Prediction], caption: str, unfolded: int) -> Table:
    """What was predicted for images that cannot be shown."""
    rows = [(p.image, p.truth_text, p.predicted_text, f"{p.score:.1%}") for p in predictions]
    return Table(("image", "is", "predicted", "probability"), rows, caption, unfolded)


def training_tiles(recipe: Recipe, dataset: Dataset, model: Model) -> list[Tile]:
    """The first training images of the first epoch, with the random changes that they got there."""
    loader = training_loader(recipe, dataset.splits["train"], model.preprocessing)
    count = len(loader.samples)
    plan = epoch_plan(count, recipe.optim.batch_size or count, recipe.machine.seed, 0)
    if not loader.augmentation.mixes:  # which is of whole batches
        plan = [np.concatenate(plan)[:TRAINING_SAMPLES]]
    tiles: list[Tile] = []
    for batch in loader.train(plan[: -(-TRAINING_SAMPLES // len(plan[0]))], 0):
        images = loader.preprocessing.denormalise(batch.inputs)
        for place, (image, index) in enumerate(zip(images, batch.indices.tolist(), strict=True)):
            words, name = loader.samples.targets.text(index), loader.samples.name(index)
            if loader.augmentation.mixes:
                words = mixture(batch.targets[place], loader.samples.targets.names)
            tiles.append(tile(name, as_image(image), f"{name}, {words}", [words]))
    return tiles[:TRAINING_SAMPLES]


def mixture(shares: torch.Tensor, names: Sequence[str]) -> str:
    """The target of a mixed image in words, from the share [K] of each class: the largest first."""
    parts = [(float(share), k) for k, share in enumerate(shares.tolist()) if share > 0.005]
    return " + ".join(f"{share:.0%} {names[k]}" for share, k in sorted(parts, reverse=True))


def as_image(pixels: torch.Tensor) -> Pixels:
    """A tensor uint8 [C, h, w] as pixels [h, w, C]."""
    image: NDArray[Any] = pixels.permute(1, 2, 0).contiguous().numpy()
    return image
