"""`onestop predict`: predict what is in images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge, Le

from onestop.recipe import Positive, Precision
from onestop.recipe.signatures import checked
from onestop.results.predictions import Predictions

if TYPE_CHECKING:
    from torch import nn


@checked
def predict(
    model: Any,
    images: Any,
    *,
    top: Positive = 3,
    device: str | None = None,
    precision: Precision | None = None,
    network: nn.Module | str | None = None,
    strict: bool = False,
    save_grid: str | Path | None = None,
    save_images: str | Path | None = None,
    save_coco: str | Path | None = None,
    threshold: Annotated[float, Ge(0), Le(1)] | None = None,
    max_objects: Positive | None = None,
) -> Predictions:
    """Predict what is in images, most likely label first.

    An image that cannot be read is reported with the reason and does not stop the others.

    Args:
        model: run folder, model file, or a network with published weights (torchvision:vgg13)
        images: image files, or folders to search for images; in Python also Pillow images, arrays
            (RGB), tensors, bytes and file objects, one or several of them, data sets and DataFrames
        top: labels per image
        device: cpu, cuda, cuda:1, mps (default: the best available)
        precision: arithmetic: 32 bits, TF32 (NVIDIA GPUs), or mixed with 16 bits (default: as in
            training; fp32 for published weights and on other devices)
        network: path/to/file.py:Class of a custom network; in Python also the network itself
        strict: if any image cannot be read, stop and predict nothing
        save_grid: picture to write, of the first 64 images with their predictions: .png, .svg, .pdf or
            .jpg; green and red if the truth is known, from a folder named after a class
        save_images: for objects: new folder to write each image to, with its objects drawn over it
        save_coco: for objects: COCO JSON to write, of the predicted objects, to correct or train on
        threshold: for objects and several labels: least score of what is predicted (default: that of
            each class, chosen on the validation images)
        max_objects: for objects: at most so many per image, those with the highest scores

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
    from onestop.runtime.rng import preserved

    with preserved():
        loaded, _ = load_model(model, network, device, precision)
    loaded.task = loaded.task.predicting(threshold, max_objects)
    for flag, path in (("--save-images", save_images), ("--save-coco", save_coco)):
        if path is not None:
            loaded.task.require_objects(flag)
    drawings = None if save_images is None else new_folder("--save-images", save_images)
    if loaded.preprocessing.is_image:
        require_images(inputs)
    stream = loaded.predict(inputs, top)
    predictions = Predictions(stream, len(inputs), [vars(s) for s in skipped], loaded.classes)
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
