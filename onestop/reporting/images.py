"""Pictures for a page: images as the network sees them, and heat maps.

Legend: B images, C channels, h and w height and width of the network's input.
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
from onestop.errors import BadImageError, OneStopError
from onestop.explaining.attribution import heat_maps
from onestop.figures.explanation import overlay
from onestop.recipe import Recipe
from onestop.reporting.blocks import Table, Tile, Tone, tile
from onestop.tasks import Prediction

if TYPE_CHECKING:
    from onestop.inference.model import Model
    from onestop.reporting.run_data import RunData

Pixels = NDArray[np.uint8]
TRAINING_SAMPLES = 24
ISSUES = 12


def _label(prediction: Prediction) -> str:
    return prediction.label


class Pictures:
    """Images of a split by name, as the network sees them."""

    def __init__(
        self, samples: Samples, model: Model, lines: Callable[[Prediction], Sequence[str]]
    ) -> None:
        """`lines` gives the text below the picture of a prediction."""
        self._samples, self._model, self._lines = samples, model, lines
        self._preprocessing = model.preprocessing

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {self._samples.name(i): i for i in range(len(self._samples))}

    def prepared(self, name: str) -> torch.Tensor | None:
        """An image as uint8 [C, h, w]; None if it is missing or cannot be read."""
        index = self._indices.get(name)
        if index is None:
            return None
        try:
            return self._preprocessing.prepare(self._samples, index)
        except BadImageError:
            return None

    def tiles(self, predictions: Sequence[Prediction], tone: Tone = "") -> list[Tile]:
        """One picture per prediction, with the prediction below it."""
        return [self._tile(p, self.prepared(p.image), None, tone) for p in predictions]

    def explained(
        self,
        predictions: Sequence[Prediction],
        tone: Tone = "",
        of: Callable[[Prediction], str] = _label,
    ) -> list[Tile]:
        """The same, each with a second picture: a heat map for a class or label.

        Args:
            predictions: For the images.
            tone: Of all of them.
            of: Names the class or label to explain; default: the predicted one. Empty: no heat map.
        """
        images = [(prediction, self.prepared(prediction.image)) for prediction in predictions]
        readable = [(p, pixels) for p, pixels in images if pixels is not None and of(p)]
        overlays: dict[str, Pixels] = {}
        if readable:
            inputs = self._preprocessing.normalise(torch.stack([pixels for _, pixels in readable]))
            classes = [self._model.classes.index(of(p)) for p, _ in readable]
            with contextlib.suppress(OneStopError):  # a network without feature maps has none
                heat_map = heat_maps(self._model, inputs, classes).numpy()
                for (prediction, pixels), heat in zip(readable, heat_map, strict=True):
                    overlays[prediction.image] = overlay(as_image(pixels), heat)
        return [self._tile(p, pixels, overlays.get(p.image), tone) for p, pixels in images]

    def _tile(
        self, prediction: Prediction, pixels: torch.Tensor | None, heat: Pixels | None, tone: Tone
    ) -> Tile:
        name, truth = prediction.image, prediction.truth_text
        alt = f"{name}, predicted {prediction.predicted_text}, truth {truth}"
        if pixels is None:
            return tile(name, None, alt, self._lines(prediction), tone, heat)
        image = prediction.draw(as_image(pixels), self._preprocessing)
        return tile(name, image, alt, self._lines(prediction), tone, heat)

    def compared(self, predictions: Sequence[Prediction], tone: Tone = "") -> list[Tile]:
        """The same, each with a second picture that shows the truth."""
        tiles = []
        for prediction in predictions:
            pixels = self.prepared(prediction.image)
            truth = None
            if pixels is not None:
                truth = prediction.draw(as_image(pixels), self._preprocessing, truth=True)
            tiles.append(self._tile(prediction, pixels, truth, tone))
        return tiles


def pictures_of(
    run: RunData, lines: Callable[[Prediction], Sequence[str]] | None = None
) -> Pictures | None:
    """Images of the split that was scored, if they are available.

    Args:
        run: The data of the run.
        lines: The lines below the picture of a prediction; default: those of the task's report.
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
    """Predictions for images that cannot be shown."""
    rows = [
        (p.image, p.truth_text, p.predicted_text, "" if p.score is None else f"{p.score:.1%}")
        for p in predictions
    ]
    return Table(("image", "truth", "predicted", "probability"), rows, caption, unfolded)


def training_tiles(recipe: Recipe, dataset: Dataset, model: Model) -> list[Tile]:
    """The first training images of the first epoch, with the augmentation they had there."""
    loader = training_loader(recipe, dataset.splits["train"], model.preprocessing)
    count = len(loader.samples)
    plan = epoch_plan(count, recipe.optim.batch_size or count, recipe.machine.seed, 0)
    if not loader.augmentation.mixes:  # mixing needs whole batches
        plan = [np.concatenate(plan)[:TRAINING_SAMPLES]]
    tiles: list[Tile] = []
    for batch in loader.train(plan[: -(-TRAINING_SAMPLES // len(plan[0]))], 0):
        images = loader.preprocessing.denormalise(batch.inputs)
        for place, (image, index) in enumerate(zip(images, batch.indices.tolist(), strict=True)):
            words, name = loader.samples.targets.text(index), loader.samples.name(index)
            if loader.augmentation.mixes:
                words = mixture(batch.targets[place], loader.samples.targets.names)
            picture = loader.samples.targets.draw(batch.targets[place], as_image(image))
            tiles.append(tile(name, picture, f"{name}, {words}", [words]))
    return tiles[:TRAINING_SAMPLES]


def issue_tiles(run: RunData) -> list[Tile]:
    """The first images whose label looks wrong, as the network sees them; none if they are gone."""
    issues, dataset, model = (run.label_issues or [])[:ISSUES], run.dataset, run.model
    if dataset is None or model is None or not has_images(run):
        return []
    places = {
        (split, samples.name(i)): (samples, i)
        for split, samples in dataset.splits.items()
        if any(issue.split == split for issue in issues)
        for i in range(len(samples))
    }
    tiles = []
    for issue in issues:
        place, pixels = places.get((issue.split, issue.image)), None
        if place is not None:
            with contextlib.suppress(BadImageError):
                pixels = as_image(model.preprocessing.prepare(*place))
        label, other = issue.label or "no label", issue.suggested or "no label"
        lines = [f"labelled {label}", f"rather {other}", f"score {issue.score:.2f}"]
        tiles.append(tile(issue.image, pixels, issue.text, lines))
    return tiles


def mixture(shares: torch.Tensor, names: Sequence[str]) -> str:
    """The target of a mixed image in words, from its shares [K] of the classes, largest first."""
    parts = [(float(share), k) for k, share in enumerate(shares.tolist()) if share > 0.005]
    return " + ".join(f"{share:.0%} {names[k]}" for share, k in sorted(parts, reverse=True))


def as_image(pixels: torch.Tensor) -> Pixels:
    """A tensor uint8 [C, h, w] as pixels [h, w, C]."""
    image: NDArray[Any] = pixels.permute(1, 2, 0).contiguous().numpy()
    return image
