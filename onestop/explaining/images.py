"""From images as they come to explanations: one preprocessing, what is said of each, its heat map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from onestop.errors import UsageError
from onestop.explaining.attribution import heat_maps, outputs_in_32_bits, require_images
from onestop.explaining.explanation import Explanation, Explanations, Method
from onestop.explaining.layers import Layer, find_layer
from onestop.images.formats import BadImageError
from onestop.inference.model import Model
from onestop.tasks.task import named
from onestop.text import did_you_mean, listing


def explain_images(
    model: Model,
    images: Sequence[Any],
    names: Sequence[str],
    *,
    target: str | None = None,
    method: Method = "gradcam",
    layer: str | None = None,
) -> Explanations:
    """Explain what a model says of images, or why it might say something else.

    Args:
        model: A model for images.
        images: As `Model.predict` takes them.
        names: What each image is called.
        target: The class to explain (default: of each image the one that is predicted).
        method: How heat maps are found, see `heat_maps`.
        layer: Whose map Grad-CAM reads (default: see `find_layer`).

    Raises:
        UsageError: The model takes vectors, knows no such class, or has no such layer.
    """
    require_images(model)
    number = None if target is None else _number(model, target)
    where = _layer(model, method, layer)
    seen: list[_Seen] = []
    bad = []
    for image, name in zip(images, names, strict=True):
        remarks: list[str] = []
        try:
            pixels = model.prepare(image, remarks.append)
        except BadImageError as error:
            bad.append({"path": name, "reason": str(error)})
        else:
            seen.append(_Seen(name, pixels, "; ".join(remarks)))
    return Explanations(_explained(model, seen, number, method, where) if seen else (), bad)


@dataclass(frozen=True)
class _Seen:
    name: str
    pixels: Tensor  # uint8 [C, h, w]
    remark: str


def _explained(
    model: Model,
    seen: Sequence[_Seen],
    number: int | None,
    method: Method,
    layer: Layer | None,
) -> Iterator[Explanation]:
    pixels = torch.stack([one.pixels for one in seen])
    inputs = model.preprocessing.normalise(pixels)
    outputs = outputs_in_32_bits(model, inputs)
    targets = outputs.argmax(1).tolist() if number is None else [number] * len(seen)
    heats = heat_maps(model, inputs, targets, method, layer)
    labels = model.task.label(outputs, targets)
    predictions = named(model.task.describe(outputs), [one.name for one in seen])
    for one, prediction, label, heat in zip(seen, predictions, labels, heats, strict=True):
        yield Explanation(
            image=one.name,
            explained=label,
            prediction=prediction,
            method=method,
            layer=layer.name if layer else "",
            pixels=one.pixels.permute(1, 2, 0).numpy(),
            heat=heat.numpy(),
            remark=one.remark,
        )


def _number(model: Model, target: str) -> int:
    if target not in model.classes:
        known = listing(model.classes) or "none, it predicts numbers"
        near = did_you_mean(target, model.classes) or f"; it knows {known}"
        noun = model.task.nouns[0]
        raise UsageError(f"--target {target}: the model knows no such {noun}{near}")
    return model.classes.index(target)


def _layer(model: Model, method: Method, name: str | None) -> Layer | None:
    if method == "gradcam":
        return find_layer(model.network, model.preprocessing.shape, name)
    if name is not None:
        raise UsageError(f"--layer {name}: {method} looks at no layer; leave it out")
    return None
