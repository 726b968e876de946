"""`onestop predict`: say what is in images."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onestop.errors import DataError
from onestop.recipe import Positive, Precision
from onestop.results import Prediction, Predictions

if TYPE_CHECKING:
    from torch import nn

    from onestop.data.dataset import Skipped


def predict(
    model: Any,
    images: Any,
    *,
    top: Positive = 3,
    device: str | None = None,
    precision: Precision | None = None,
    network: nn.Module | str | None = None,
    strict: bool = False,
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

    Returns:
        A prediction an image, computed as one goes through them.

    Raises:
        OneStopError: No such model, file or folder, or a folder without images.
    """
    found, skipped = _images(images)
    from onestop.inference import load_model
    from onestop.randomness import preserved

    with preserved():
        loaded, _ = load_model(model, network, device, precision)
    names = [
        str(image) if isinstance(image, str | Path) else f"#{i}" for i, image in enumerate(found)
    ]

    def stream() -> Iterator[Prediction]:
        remarks: dict[int, str] = {}
        said = loaded.predict(found, top, remarks.__setitem__)
        for number, (name, guesses) in enumerate(zip(names, said, strict=True)):
            if isinstance(guesses, list):
                yield Prediction(name, tuple(guesses), remark=remarks.get(number, ""))
            else:
                yield Prediction(name, error=str(guesses))

    predictions = Predictions(stream(), len(found), [vars(s) for s in skipped])
    if strict:
        from onestop.data.dataset import Skipped, require_none_skipped

        bad = [Skipped(p.image, p.error) for p in predictions if p.error]
        require_none_skipped([*skipped, *bad], "predict")
    return predictions


def _images(images: Any) -> tuple[list[Any], list[Skipped]]:
    """The images one by one, folders searched; paths are checked before any work."""
    if isinstance(images, str | Path | bytes) or not isinstance(images, list | tuple):
        images = [images]
    found: list[Any] = []
    skipped: list[Skipped] = []
    for image in images:
        if not isinstance(image, str | Path):
            found.append(image)
            continue
        path = Path(image)
        if path.is_dir():
            from onestop.data.sources.folder import images_below

            below, others = images_below(path)
            if not below:
                raise DataError(f"{path}: no images in this folder")
            found += below
            skipped += [dataclasses.replace(s, path=str(path / s.path)) for s in others]
        elif path.exists():
            found.append(path)
        else:
            raise DataError(f"{path}: no such image or folder")
    return found, skipped
