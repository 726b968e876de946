"""Heat maps: how much each place of an image speaks for what the network said of it.

Computed by captum (https://captum.ai), which has a published method a class.

Legend: B images of a batch, C channels, h and w height and width of an image, K outputs.
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
"""Images between the blank one and the image, of integrated gradients."""
_GRAIN = 14
"""Integrated gradients are averaged over squares of this part of the side: one pixel says nothing."""
_WINDOW = 6
"""The square that occlusion covers is this part of the side; it moves by half of itself."""
_ROUNDING = 1e-4
"""What speaks for a class with less than this part of what speaks against it is a rounding error."""


def heat_maps(
    model: Model,
    inputs: Tensor,
    targets: Sequence[int],
    method: Method = "gradcam",
    layer: Layer | None = None,
) -> Tensor:
    """How much each place of some images speaks for a class, in 32 bits; the model stays as it is.

    Args:
        model: A model for images.
        inputs: As `model.preprocessing.normalise` gives them, float32 [B, C, h, w].
        targets: The number of a class for each image, which its map is to explain; of a network that
            predicts a number 0.
        method: `gradcam` (Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391),
            `integrated-gradients` (Sundararajan et al. 2017, https://arxiv.org/abs/1703.01365) or
            `occlusion` (Zeiler and Fergus 2014, https://arxiv.org/abs/1311.2901).
        layer: Whose map Grad-CAM reads (default: see `find_layer`).

    Returns:
        float32 [B, h, w] on the processor: 0 where nothing speaks for the class, 1 at the place of an
        image that does so most. All 0 where no place does.

    Raises:
        UsageError: The model takes vectors, or has no layer with a map.
    """
    require_images(model)
    if method == "gradcam" and layer is None:
        layer = find_layer(model.network, model.preprocessing.shape)
    find = _METHODS[method]
    count, found = batch_size(model.preprocessing.shape), []
    with _exactly(model):
        for first in range(0, len(inputs), count):
            check()
            images, wanted = inputs[first : first + count], [*targets[first : first + count]]
            placed = model.engine.place_inputs(images).clone()
            found.append(find(model.network, placed, wanted, layer).detach().float().cpu())
    return _scaled(torch.cat(found))


def outputs_in_32_bits(model: Model, inputs: Tensor) -> Tensor:
    """Outputs of the unfused network, float32 [B, K] on the processor, of inputs as above."""
    count, found = batch_size(model.preprocessing.shape), []
    with _exactly(model), torch.inference_mode():
        for images in inputs.split(count):
            check()
            found.append(model.network(model.engine.place_inputs(images)).float().cpu())
    return torch.cat(found)


def require_images(model: Model) -> None:
    """Raises a `UsageError` if a model takes vectors, which have no places."""
    if not model.preprocessing.is_image:
        raise UsageError("the model takes vectors, and only what is said of images can be shown")


@contextmanager
def _exactly(model: Model) -> Iterator[None]:
    """The network undisturbed, in 32 bits also where the model was trained in 16, with gradients."""
    engine = dataclasses.replace(model.engine, precision="fp32")
    with undisturbed(model.network), exact_gradients(engine.device), engine.autocast():
        yield


def _scaled(found: Tensor) -> Tensor:
    """What speaks for a class, from maps [B, 1, h, w] of what speaks for and against: [B, h, w]."""
    found = found.nan_to_num(0, 0, 0)
    most = found.amax((2, 3), keepdim=True)
    rounding = _ROUNDING * found.abs().amax((2, 3), keepdim=True)
    return (found / most).clamp_min(0).where(most > rounding, 0).squeeze(1)


def _laid_over(found: Tensor, layer: Layer, size: Sequence[int]) -> Tensor:
    """Maps [B, 1, rows, columns] of a layer as the pixels see them, [B, 1, h, w]."""
    if layer.stride is None:
        return F.interpolate(found, tuple(size), mode="bilinear")
    covered = [count * step for count, step in zip(layer.places, layer.stride, strict=True)]
    found = F.interpolate(found, tuple(covered), mode="bilinear")
    rows, columns = (_nearest(*sides) for sides in zip(size, covered, strict=True))
    near = found[:, :, rows[0][:, None], columns[0]]
    return near * (rows[1][:, None] * columns[1])


def _nearest(whole: int, part: int) -> tuple[Tensor, Tensor]:
    """For pixels 0 to `whole` - 1, in whose middle `part` others lie: the nearest, and how near it is.

    1 in the middle, from its edge to the border less and less.
    """
    place = torch.arange(whole) - (whole - part) // 2
    nearest = place.clamp(0, part - 1)
    away = (place - nearest).abs()
    return nearest, 1 - away / (away.max() + 1)


def _grad_cam(
    network: nn.Module, images: Tensor, targets: list[int], layer: Layer | None
) -> Tensor:
    """Channels of a layer's map, each times the mean of the output's gradient: [B, 1, h, w]."""
    from captum.attr import LayerGradCam

    assert layer is not None
    probe = nn.Identity()  # what captum watches: the layer's output in the form of a map

    def show(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor | None:
        if output.shape[1:] != layer.shape:
            return None  # another call of a module that is used more than once
        found = layer.map_in(output)
        return layer.put_back(output, probe(found.relu() if layer.relu else found))

    cam = LayerGradCam(network, probe)
    with network.get_submodule(layer.name).register_forward_hook(show):
        found = cam.attribute(images, targets, relu_attributions=True)
    return _laid_over(found.detach().float().cpu(), layer, images.shape[-2:])


def _integrated_gradients(
    network: nn.Module, images: Tensor, targets: list[int], _: Layer | None
) -> Tensor:
    """Gradients on the way from the mean colour to an image, times the difference: [B, 1, h, w]."""
    from captum.attr import IntegratedGradients

    at_once = max(1, batch_size(tuple(images.shape[1:])) // 4)  # with all that gradients need
    method, found = IntegratedGradients(network), []
    for image, target in zip(images.split(1), targets, strict=True):
        check()
        parts = method.attribute(image, 0.0, target, n_steps=_STEPS, internal_batch_size=at_once)
        found.append(parts.detach().sum(1, keepdim=True))
    return _smooth(torch.cat(found), min(images.shape[-2:]) // _GRAIN)


def _occlusion(network: nn.Module, images: Tensor, targets: list[int], _: Layer | None) -> Tensor:
    """How much the output falls where a square of the mean colour covers an image: [B, 1, h, w]."""
    from captum.attr import Occlusion

    at_once = batch_size(tuple(images.shape[1:]))
    window = [max(1, side // _WINDOW) for side in images.shape[-2:]]
    method, found = Occlusion(network), []
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
        found.append(parts[:, :1])  # alike for all channels
    return _smooth(torch.cat(found), min(window) // 2)


def _smooth(found: Tensor, side: int) -> Tensor:
    """Maps [B, 1, h, w] averaged over squares of about this side, twice, which leaves no edges."""
    odd = side // 2 * 2 + 1  # so that nothing moves
    for _ in range(2):
        found = F.avg_pool2d(found, odd, 1, odd // 2, count_include_pad=False)
    return found


_METHODS: dict[Method, Callable[[nn.Module, Tensor, list[int], Layer | None], Tensor]] = {
    "gradcam": _grad_cam,
    "integrated-gradients": _integrated_gradients,
    "occlusion": _occlusion,
}
