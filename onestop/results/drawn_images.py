"""Predicted objects written to files: drawn over their images, or as COCO JSON to correct."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from onestop.errors import BadImageError, UsageError
from onestop.runtime.files import write_atomic

if TYPE_CHECKING:
    from onestop.tasks.prediction import Prediction


def write_images(predictions: Sequence[Prediction], folder: Path) -> None:
    """Write each image with its objects drawn over it, as `NAME.png` or, of JPEGs, `NAME.jpg`.

    Images that cannot be read are left out.
    """
    import io

    from onestop.images.decode import pixels_of
    from onestop.images.thumbnail import picture_of

    taken: set[str] = set()
    for number, prediction in enumerate(predictions):
        if prediction.error:
            continue
        try:
            pixels = pixels_of(prediction.given, 3, pixel_range=prediction.pixel_range)
        except (BadImageError, UsageError):
            continue
        path = PurePath(prediction.image.removeprefix("#"))
        jpeg = path.suffix.lower() in (".jpg", ".jpeg")
        stem = path.stem if path.stem not in taken else f"{path.stem}-{number}"
        taken.add(stem)
        file = io.BytesIO()
        kind = "JPEG" if jpeg else "PNG"
        picture_of(prediction.draw(pixels)).save(file, kind, quality=92)
        write_atomic(folder / f"{stem}{'.jpg' if jpeg else '.png'}", file.getvalue())


def write_coco(predictions: Sequence[Prediction], names: Sequence[str], file: Path) -> None:
    """Write the predicted objects of images as COCO JSON, with their scores."""
    from onestop.data.writers.coco import coco_of
    from onestop.data.writers.pictures import Picture, Scheme
    from onestop.runtime.json_text import json_text

    pictures, points = [], ()
    for prediction in predictions:
        objects = prediction.places()
        if objects is not None and not prediction.error:
            pictures.append(Picture(prediction.image, objects))
            points = getattr(prediction, "point_names", points)
    scheme = Scheme(names, points)
    write_atomic(file, json_text(coco_of(pictures, scheme, scores=True)))
