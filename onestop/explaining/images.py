"""Explanations of images: preprocessing, prediction and heat map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from onestop.data.names import places
from onestop.errors import BadImageError, UsageError
from onestop.explaining.attribution import heat_maps, outputs_in_32_bits, require_images
from onestop.explaining.explanation import Explanation, Explanations, Method
from onestop.explaining.layers import Layer, find_layer
from onestop.inference.model import Model
from onestop.inference.score import NOT_FINITE, are_finite
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
    """Explain a model's predictions for images, or the evidence for another class.

    Args:
        model: A model for images.
        images: Images accepted by `Model.predict`.
        names: Display name of each image.
        target: The class to explain (default: the predicted class of each image).
        method: Attribution method, see `heat_maps`.
        layer: The layer for Grad-CAM (default: see `find_layer`).

    Raises:
        UsageError: The model takes vectors, has no such class, or has no such layer.
    """
    require_images(model)
    class_index = None if target is None else _class_index(model, target)
    cam_layer = _layer(model, method, layer)
    readable: list[_Image] = []
    bad = []
    for image, name in zip(images, names, strict=True):
        remarks: list[str] = []
        try:
            pixels = model.prepare(image, remarks.append)
        except BadImageError as error:
            bad.append({"path": name, "reason": str(error)})
        else:
            readable.append(_Image(name, pixels, "; ".join(remarks)))
    explained: list[Explanation] = []
    if readable:
        for one in _explained(model, readable, class_index, method, cam_layer):
            if isinstance(one, Explanation):
                explained.append(one)
            else:
                bad.append(one)
    return Explanations(explained, bad)


@dataclass(frozen=True)
class _Image:
    name: str
    pixels: Tensor  # uint8 [C, h, w]
    remark: str


def _explained(
    model: Model,
    images: Sequence[_Image],
    class_index: int | None,
    method: Method,
    layer: Layer | None,
) -> Iterator[Explanation | dict[str, str]]:
    """One explanation per image; or its path and why there is none."""
    pixels = torch.stack([image.pixels for image in images])
    inputs = model.preprocessing.normalise(pixels)
    outputs = outputs_in_32_bits(model, inputs)
    targets = outputs.argmax(1).tolist() if class_index is None else [class_index] * len(images)
    heats = heat_maps(model, inputs, targets, method, layer)
    labels = model.task.label(outputs, targets)
    predictions = named(model.task.describe(outputs), [image.name for image in images])
    sound = [a and b for a, b in zip(are_finite(outputs), are_finite(heats), strict=True)]
    rows = zip(images, predictions, labels, heats, sound, strict=True)
    for image, prediction, label, heat, is_sound in rows:
        if not is_sound:
            yield {"path": image.name, "reason": NOT_FINITE}
            continue
        yield Explanation(
            image=image.name,
            explained=label,
            prediction=prediction,
            method=method,
            layer=layer.name if layer else "",
            pixels=image.pixels.permute(1, 2, 0).numpy(),
            heat=heat.numpy(),
            remark=image.remark,
        )


def _class_index(model: Model, target: str) -> int:
    place = places([target], model.classes)[target]
    if place is None:
        known = listing(model.classes) or "none, it predicts numbers"
        near = did_you_mean(target, model.classes) or f"; it has {known}"
        noun = model.task.nouns[0]
        raise UsageError(f"--target {target}: the model has no such {noun}{near}")
    return place


def _layer(model: Model, method: Method, name: str | None) -> Layer | None:
    if method == "gradcam":
        return find_layer(model.network, model.preprocessing.shape, name)
    if name is not None:
        raise UsageError(f"--layer {name}: {method} does not use a layer; leave it out")
    return None
