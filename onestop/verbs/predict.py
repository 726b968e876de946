"""`onestop predict`: predict what is in images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge, Le

from onestop.recipe import Positive, Precision
from onestop.recipe.arguments import PREPARING, checked_fields, takes_fields
from onestop.recipe.percent import Rate
from onestop.recipe.signatures import checked
from onestop.results.predictions import Predictions

if TYPE_CHECKING:
    from torch import nn


@takes_fields(*PREPARING)
@checked
def predict(
    model: Any,
    images: Any,
    *,
    top: Positive = 3,
    max_error: Rate | None = None,
    no_calibration: bool = False,
    device: str | None = None,
    precision: Precision | None = None,
    network: nn.Module | str | None = None,
    weights: str | Path | None = None,
    classes: Any = None,
    strict: bool = False,
    save_grid: str | Path | None = None,
    save_images: str | Path | None = None,
    save_coco: str | Path | None = None,
    threshold: Annotated[float, Ge(0), Le(1)] | None = None,
    max_objects: Positive | None = None,
    tile: Positive | None = None,
    **settings: Any,
) -> Predictions:
    """Predict what is in images, most likely label first.

    An image that cannot be read is reported with the reason and does not stop the others.

    Args:
        model: run folder, model file, network by name with published weights (torchvision:vgg13) or
            with --weights, or a file of weights from anywhere
        images: image files, or folders to search for images; in Python also Pillow images, arrays
            (RGB), tensors, bytes and file objects, one or several of them, data sets and DataFrames
        top: labels per image
        max_error: mark predictions as unsure so that of the others at most this share is wrong, such as
            5% (default: none is marked)
        no_calibration: print the network's own probabilities
        device: cpu, cuda, cuda:1, mps (default: the best available)
        precision: arithmetic: 32 bits, TF32 (NVIDIA GPUs), or mixed with 16 bits (default: as in
            training; fp32 for published weights and on other devices)
        network: path/to/file.py:Class of a custom network; in Python also the network itself
        weights: weights of a network by name: default (the best published), the name of published ones
            (IMAGENET1K_V1), or a file from anywhere (default: default)
        classes: names of the classes of such a network, in the order of its outputs: a file with one a
            line, or JSON of index to name; in Python also a list (default: ImageNet's, if there are
            1,000)
        strict: if any image cannot be read, stop and predict nothing
        save_grid: picture to write, of the first 64 images with their predictions: .png, .svg, .pdf or
            .jpg; green and red if the truth is known, from a folder named after a class
        save_images: for objects: new folder to write each image to, with its objects drawn over it
        save_coco: for objects: COCO JSON to write, of the predicted objects, to correct or train on
        threshold: for objects and several labels: least score of what is predicted (default: that of
            each class, chosen on the validation images)
        max_objects: for objects: at most so many per image, those with the highest scores
        tile: for objects: look at large images in overlapping tiles of so many pixels per side too, in
            which small objects are larger
        settings: how images are prepared

    Returns:
        One prediction per image, computed as they are iterated over.

    Raises:
        OneStopError: No such model, file or folder, or a folder without images.
    """
    from onestop.data.inputs import given_images, require_images
    from onestop.figures.files import picture_file, write_figure
    from onestop.results.drawn_images import write_coco, write_images
    from onestop.runtime.files import new_file, new_folder

    picture = None if save_grid is None else picture_file("--save-grid", save_grid)
    coco = None if save_coco is None else new_file("--save-coco", save_coco, ".json")
    inputs, skipped = given_images(images)
    from onestop.inference.load import load_model
    from onestop.inference.tiled import predict_tiled
    from onestop.runtime.rng import preserved

    prepared = checked_fields(settings, PREPARING)
    with preserved():
        loaded, _ = load_model(
            model, network, device, precision, weights=weights, classes=classes, settings=prepared
        )
    if loaded.preprocessing.is_image:
        require_images(inputs)
    notes = list(loaded.notes)
    if no_calibration:
        loaded = loaded.uncalibrated()
    loaded.task = loaded.task.predicting(threshold, max_objects)
    for flag, value in (
        ("--save-images", save_images), ("--save-coco", save_coco), ("--tile", tile)
    ):  # fmt: skip
        if value is not None:
            loaded.task.require_objects(flag)
    drawings = None if save_images is None else new_folder("--save-images", save_images)
    if max_error is not None:
        notes.append(loaded.confidence.explain(max_error))
    stream = predict_tiled(loaded, inputs, tile) if tile else loaded.predict(inputs, top, max_error)
    predictions = Predictions(
        stream, len(inputs), [vars(s) for s in skipped], loaded.classes, notes
    )
    if strict:
        from onestop.data.dataset import Skipped, require_none_skipped

        unreadable = [Skipped(p.image, p.error) for p in predictions if p.error]
        require_none_skipped([*skipped, *unreadable], "predict")
    if picture:
        write_figure(predictions.figure(), picture)
    if drawings is not None:
        write_images(predictions, drawings)
    if coco is not None:
        write_coco(predictions, loaded.classes, coco)
    return predictions
