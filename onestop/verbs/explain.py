"""`onestop explain`: why the network said so, as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from onestop.errors import DataError, UsageError
from onestop.explaining.explanation import Explanations, Method
from onestop.text import listing, plural

if TYPE_CHECKING:
    from torch import nn

_MOST = 64


def explain(
    model: Any,
    images: Any,
    *,
    target: str | None = None,
    method: Method = "gradcam",
    layer: str | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    device: str | None = None,
    network: nn.Module | str | None = None,
) -> Explanations:
    """Show why the network said so: image, heat map and overlay, side by side.

    Bright places of a heat map speak for the class. An image that cannot be read is told with its
    reason and the others go on. Computed in 32 bits.

    Args:
        model: run folder, model file, or a network with published weights (torchvision:vgg13)
        images: image files, or folders to search for images, 64 images at most; in Python also Pillow
            images, arrays (red, green, blue), tensors and bytes, one or a list of them
        target: the class to explain (default: of each image the one predicted)
        method: gradcam reads a layer's map and is quick; integrated-gradients adds up gradients of the
            pixels; occlusion covers parts of the image, and takes a hundred times as long
        layer: layer whose map gradcam reads, by its name in the network (default: the last with a map
            that everything passes through)
        out: picture to write: .png, .svg, .pdf or .jpg (default: why.png; from Python none)
        overwrite: write the picture also where such a file is there
        device: cpu, cuda, cuda:1, mps (default: the best one here)
        network: path/to/file.py:Class of your own network, where the model is one; in Python also
            the network itself

    Returns:
        An explanation an image, with its heat map; `.figure()` draws all of them.

    Raises:
        OneStopError: No such model, image, class or layer, or a picture that cannot be written.
    """
    from onestop.figures.files import picture_file, write_figure

    if overwrite and out is None:
        raise UsageError("--overwrite: no picture is written without --out; name one")
    picture = None if out is None else picture_file("--out", out, overwrite=overwrite)
    from onestop.data.inputs import given_images, names_of

    found, others = given_images(images)
    if len(found) > _MOST:
        raise UsageError(
            f"{plural(len(found), 'image')}: more than the {_MOST} that one sheet holds; name fewer"
        )
    from onestop.explaining.images import explain_images
    from onestop.inference.load import load_model
    from onestop.runtime.rng import preserved

    with preserved():
        loaded, _ = load_model(model, network, device)
        names = names_of(found)
        explained = explain_images(loaded, found, names, target=target, method=method, layer=layer)
    skipped = [*explained.skipped, *(vars(s) for s in others)]
    if not explained:
        reasons = listing((f"{s['path']} ({s['reason']})" for s in skipped), 3)
        raise DataError(f"none of the images can be read: {reasons}")
    if picture:
        write_figure(explained.figure(), picture)
    return Explanations(explained, skipped, picture)
