"""Attribution: heat maps of the evidence for a class, computed with captum (https://captum.ai).

Legend: B images in a batch, C channels, h and w height and width of an image, K outputs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from onestop.errors import UsageError
from onestop.explaining.explanation import Method
from onestop.explaining.layers import Layer, exact_gradients, find_layer, undisturbed
from onestop.inference.score import batch_size
from onestop.runtime.signals import check

if TYPE_CHECKING:
    from onestop.inference.model import Model

_STEPS = 32
"""Interpolation steps of integrated gradients between the baseline and the image."""
_GRAIN = 14
"""Integrated gradients are averaged over squares of 1/14 of the side: single pixels are noise."""
_WINDOW = 6
"""The side of the occluding square is 1/6 of the image's; it moves by half its side."""
_ROUNDING = 1e-4
"""Evidence for a class below this fraction of the evidence against it counts as rounding error."""


def heat_maps(
    model: Model,
    inputs: Tensor,
    targets: Sequence[int],
    method: Method = "gradcam",
    layer: Layer | None = None,
) -> Tensor:
    """Heat maps of the evidence for a class, in float32; the model is not changed.

    Args:
        model: A model for images.
        inputs: The result of `model.preprocessing.normalise`, float32 [B, C, h, w].
        targets: The index of the class to explain for each image; 0 for a regression network.
        method: `gradcam` (Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391),
            `integrated-gradients` (Sundararajan et al. 2017, https://arxiv.org/abs/1703.01365) or
            `occlusion` (Zeiler and Fergus 2014, https://arxiv.org/abs/1311.2901).
        layer: The layer for Grad-CAM (default: see `find_layer`).

    Returns:
        float32 [B, h, w] on the CPU: 0 without evidence for the class, 1 at the strongest of the
        image; all 0 if there is none.

    Raises:
        UsageError: The model takes vectors, or no layer has a feature map.
    """
    require_images(model)
    if method == "gradcam" and layer is None:
        layer = find_layer(model.network, model.preprocessing.shape)
    attribute = _METHODS[method]
    count, maps = batch_size(model.preprocessing.shape), []
    with _exact(model):
        for first in range(0, len(inputs), count):
            check()
            images, classes = inputs[first : first + count], [*targets[first : first + count]]
            placed = model.engine.place_inputs(images).clone()
            maps.append(attribute(model.network, placed, classes, layer).detach().float().cpu())
    return _scaled(torch.cat(maps))


def outputs_in_32_bits(model: Model, inputs: Tensor) -> Tensor:
    """Outputs of the network without fused BatchNorm, float32 [B, K] on the CPU."""
    count, outputs = batch_size(model.preprocessing.shape), []
    with _exact(model), torch.inference_mode():
        for images in inputs.split(count):
            check()
            outputs.append(model.network(model.engine.place_inputs(images)).float().cpu())
    return torch.cat(outputs)


def require_images(model: Model) -> None:
    """Raise a `UsageError` if a model takes vectors, which have no spatial positions."""
    if not model.preprocessing.is_image:
        raise UsageError("the model takes vectors; only predictions for images can be explained")


@contextmanager
def _exact(model: Model) -> Iterator[None]:
    """The network in evaluation mode, in float32 whatever its training precision, with gradients."""
    engine = dataclasses.replace(model.engine, precision="fp32")
    with undisturbed(model.network), exact_gradients(engine.device), engine.autocast():
        yield


def _scaled(maps: Tensor) -> Tensor:
    """Positive evidence [B, h, w], scaled per image, from signed maps [B, 1, h, w]."""
    maps = maps.nan_to_num(0, 0, 0)
    most = maps.amax((2, 3), keepdim=True)
    rounding = _ROUNDING * maps.abs().amax((2, 3), keepdim=True)
    return (maps / most).clamp_min(0).where(most > rounding, 0).squeeze(1)


def _upsampled(maps: Tensor, layer: Layer, size: Sequence[int]) -> Tensor:
    """Maps [B, 1, rows, columns] of a layer, aligned with the pixels: [B, 1, h, w]."""
    if layer.stride is None:
        return F.interpolate(maps, tuple(size), mode="bilinear")
    covered = [count * step for count, step in zip(layer.places, layer.stride, strict=True)]
    maps = F.interpolate(maps, tuple(covered), mode="bilinear")
    rows, columns = (_nearest(*sides) for sides in zip(size, covered, strict=True))
    near = maps[:, :, rows[0][:, None], columns[0]]
    return near * (rows[1][:, None] * columns[1])


def _nearest(whole: int, part: int) -> tuple[Tensor, Tensor]:
    """For `whole` pixels with `part` positions in their middle: the nearest position, and a weight.

    The weight is 1 in the middle and falls off linearly towards the border.
    """
    position = torch.arange(whole) - (whole - part) // 2
    nearest = position.clamp(0, part - 1)
    distance = (position - nearest).abs()
    return nearest, 1 - distance / (distance.max() + 1)


def _grad_cam(
    network: nn.Module, images: Tensor, targets: list[int], layer: Layer | None
) -> Tensor:
    """Sum of a layer's channels, weighted by the mean gradient of the output: [B, 1, h, w]."""
    from captum.attr import LayerGradCam

    assert layer is not None
    probe = nn.Identity()  # the module captum hooks: the layer's output as a feature map

    def show(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor | None:
        if output.shape[1:] != layer.shape:
            return None  # another call of a module that is used several times
        feature_map = layer.map_in(output)
        return layer.put_back(output, probe(feature_map.relu() if layer.relu else feature_map))

    cam = LayerGradCam(network, probe)
    with network.get_submodule(layer.name).register_forward_hook(show):
        maps = cam.attribute(images, targets, relu_attributions=True)
    return _upsampled(maps.detach().float().cpu(), layer, images.shape[-2:])


def _integrated_gradients(
    network: nn.Module, images: Tensor, targets: list[int], _: Layer | None
) -> Tensor:
    """Integral of gradients from the mean colour to an image, times the difference: [B, 1, h, w]."""
    from captum.attr import IntegratedGradients

    at_once = max(1, batch_size(tuple(images.shape[1:])) // 4)  # gradients need more memory
    method, maps = IntegratedGradients(network), []
    for image, target in zip(images.split(1), targets, strict=True):
        check()
        parts = method.attribute(image, 0.0, target, n_steps=_STEPS, internal_batch_size=at_once)
        maps.append(parts.detach().sum(1, keepdim=True))
    return _smooth(torch.cat(maps), min(images.shape[-2:]) // _GRAIN)


def _occlusion(network: nn.Module, images: Tensor, targets: list[int], _: Layer | None) -> Tensor:
    """Drop of the output if a square of the mean colour covers part of an image: [B, 1, h, w]."""
    from captum.attr import Occlusion

    at_once = batch_size(tuple(images.shape[1:]))
    window = [max(1, side // _WINDOW) for side in images.shape[-2:]]
    method, maps = Occlusion(network), []
    for image, target in zip(images.split(1), targets, strict=True):
        check()
        parts = method.attribute(
            image,
            (image.shape[1], *window),
            (image.shape[1], *(max(1, side // 2) for side in window)),
            baselines=0.0,
            target=target,
            perturbations_per_eval=at_once,
        )
        maps.append(parts[:, :1])  # equal for all channels
    return _smooth(torch.cat(maps), min(window) // 2)


def _smooth(maps: Tensor, side: int) -> Tensor:
    """Average maps [B, 1, h, w] over squares of about this side, twice to avoid visible edges."""
    size = side // 2 * 2 + 1  # odd, so that the map does not shift
    for _ in range(2):
        maps = F.avg_pool2d(maps, size, 1, size // 2, count_include_pad=False)
    return maps


_METHODS: dict[Method, Callable[[nn.Module, Tensor, list[int], Layer | None], Tensor]] = {
    "gradcam": _grad_cam,
    "integrated-gradients": _integrated_gradients,
    "occlusion": _occlusion,
}
