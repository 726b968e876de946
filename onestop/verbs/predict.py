"""`onestop predict`: say what is in images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from onestop.recipe import Positive, Precision
from onestop.results import Predictions

if TYPE_CHECKING:
    from torch import nn


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
) -> Predictions:
    """Say what is in images, best guess first.

    An image that cannot be read is told with its reason and the others go on.

    Args:
        model: run folder, model file, or a network with published weights (torchvision:vgg13)
        images: image files, or folders to search for images; in Python also Pillow images, arrays
            (red, green, blue), tensors and bytes, one or a list of them
        top: guesses an image
        device: cpu, cuda, cuda:1, mps (default: the best one here)
        precision: arithmetic: 32 bits, on a GPU with products in TF32, or mixed with 16 bits
            (default: as in training; fp32 for published weights and on other devices)
        network: path/to/file.py:Class of your own network, where the model is one; in Python also
            the network itself
        strict: stop, with nothing said of any image, where one cannot be read
        save_grid: picture to write, of the first 64 images with what was said of them: .png, .svg, .pdf
            or .jpg; green and red where the truth is known, from a folder named like a class

    Returns:
        A prediction an image, computed as one goes through them.

    Raises:
        OneStopError: No such model, file or folder, or a folder without images.
    """
    from onestop.data.inputs import given_images
    from onestop.figures.files import picture_file, write_figure

    picture = None if save_grid is None else picture_file("--save-grid", save_grid)
    found, skipped = given_images(images)
    from onestop.inference.load import load_model
    from onestop.runtime.rng import preserved

    with preserved():
        loaded, _ = load_model(model, network, device, precision)

    stream = loaded.predict(found, top)
    predictions = Predictions(stream, len(found), [vars(s) for s in skipped], loaded.classes)
    if strict:
        from onestop.data.dataset import Skipped, require_none_skipped

        bad = [Skipped(p.image, p.error) for p in predictions if p.error]
        require_none_skipped([*skipped, *bad], "predict")
    if picture:
        write_figure(predictions.figure(), picture)
    return predictions
