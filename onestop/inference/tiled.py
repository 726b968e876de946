"""Predictions for large images in tiles, in each of which small objects are as large as they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from onestop.data.inputs import name_of
from onestop.errors import BadImageError
from onestop.images.decode import pixels_of
from onestop.metrics.tiles import tiles_of
from onestop.tasks import Prediction

if TYPE_CHECKING:
    from onestop.inference.model import Model


def predict_tiled(model: Model, images: Iterable[Any], side: int) -> Iterator[Prediction]:
    """One prediction per image, in order, joined from those for its tiles.

    Args:
        model: Of a task that can join predictions; see `Task.joined`.
        images: As `Model.predict` takes them.
        side: Of a tile, in pixels of the image.
    """
    preprocessing: Any = model.preprocessing
    for number, image in enumerate(images):
        warnings: list[str] = []
        name = name_of(image, number)
        try:
            pixels = pixels_of(
                image, preprocessing.channels, warnings.append, preprocessing.pixel_range
            )
        except BadImageError as error:
            yield Prediction(name, error=str(error), given=image)
            continue
        size = (pixels.shape[0], pixels.shape[1])
        tiles = tiles_of(size, side)
        parts = (pixels[top:bottom, left:right] for left, top, right, bottom in tiles)
        predicted = list(zip(model.predict(parts), tiles, strict=True))
        yield dataclasses.replace(
            model.task.joined(predicted, size, side), image=name, given=image,
            warning="; ".join(warnings), pixel_range=preprocessing.pixel_range,
        )  # fmt: skip
