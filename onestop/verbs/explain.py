"""`onestop explain`: what a prediction is based on, as heat maps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from onestop.errors import DataError, UsageError
from onestop.explaining.explanation import Explanations, Method
from onestop.recipe.arguments import PREPARING, checked_fields, takes_fields
from onestop.recipe.signatures import checked
from onestop.text import listing, plural

if TYPE_CHECKING:
    from torch import nn

_MOST = 64


@takes_fields(*PREPARING)
@checked
def explain(
    model: Any,
    images: Any,
    *,
    target: str | None = None,
    method: Method = "gradcam",
    layer: str | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    no_calibration: bool = False,
    device: str | None = None,
    network: nn.Module | str | None = None,
    weights: str | Path | None = None,
    classes: Any = None,
    **settings: Any,
) -> Explanations:
    """Show what a prediction is based on: image, heat map and overlay, side by side.

    Bright regions of a heat map are evidence for the class. An image that cannot be read is reported
    with the reason and does not stop the others. Computed in 32 bits.

    Args:
        model: run folder, model file, network by name with published weights (torchvision:vgg13) or
            with --weights, or a file of weights from anywhere
        images: image files, or folders to search for images, at most 64 images; in Python also Pillow
            images, arrays (RGB), tensors, bytes and file objects, one or several of them
        target: class to explain (default: the predicted class of each image)
        method: gradcam uses a layer's feature map and is fast; integrated-gradients adds up gradients
            of the pixels; occlusion covers parts of the image and takes a hundred times as long
        layer: layer whose feature map gradcam uses, by its name in the network (default: the last one
            that everything passes through)
        out: picture to write: .png, .svg, .pdf or .jpg (default: why.png; in Python none)
        overwrite: replace the picture if it exists
        no_calibration: print the network's own probabilities
        device: cpu, cuda, cuda:1, mps (default: the best available)
        network: path/to/file.py:Class of a custom network; in Python also the network itself
        weights: weights of a network by name: default (the best published), the name of published ones
            (IMAGENET1K_V1), or a file from anywhere (default: default)
        classes: names of the classes of such a network, in the order of its outputs: a file with one a
            line, or JSON of index to name; in Python also a list (default: ImageNet's, if there are
            1,000)
        settings: how images are prepared

    Returns:
        One explanation per image, with its heat map; `.figure()` draws all of them.

    Raises:
        OneStopError: No such model, image, class or layer, or a picture that cannot be written.
    """
    from onestop.figures.files import picture_file, write_figure

    if overwrite and out is None:
        raise UsageError("--overwrite: no picture is written without --out; name one")
    from onestop.data.inputs import given_images, names_of, require_images

    inputs, unusable = given_images(images)
    picture = None if out is None else picture_file("--out", out, overwrite=overwrite)
    if len(inputs) > _MOST:
        raise UsageError(
            f"{plural(len(inputs), 'image')}: more than the {_MOST} that fit on a sheet; name fewer"
        )
    from onestop.explaining.images import explain_images
    from onestop.inference.load import load_model
    from onestop.runtime.rng import preserved

    prepared = checked_fields(settings, PREPARING)
    with preserved():
        loaded, _ = load_model(
            model, network, device, weights=weights, classes=classes, settings=prepared
        )
        if not loaded.task.whole:
            raise UsageError(
                f"explain: heat maps are for whole images, and {model} finds objects; "
                "`onestop predict --save-images` draws them"
            )
        loaded = loaded.uncalibrated() if no_calibration else loaded
        if loaded.preprocessing.is_image:
            require_images(inputs)
        names = names_of(inputs)
        explained = explain_images(loaded, inputs, names, target=target, method=method, layer=layer)
    skipped = [*explained.skipped, *(vars(s) for s in unusable)]
    if not explained:
        reasons = listing((f"{s['path']} ({s['reason']})" for s in skipped), 3)
        raise DataError(f"none of the images can be explained: {reasons}")
    if picture:
        write_figure(explained.figure(), picture)
    return Explanations(explained, skipped, picture, loaded.notes)
