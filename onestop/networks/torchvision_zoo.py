"""torchvision's classification networks by name, with their weights."""

from __future__ import annotations

from typing import Any

from torch import nn

from onestop.errors import ArchitectureError, UsageError
from onestop.networks.catalog import Entry
from onestop.networks.pretrained import Inputs, Release
from onestop.runtime.lazy_torchvision import without_compiler
from onestop.text import listing

with without_compiler():
    from torchvision import models

# These two warn unless `init_weights` is set.
_ASK_FOR_INIT = _SCALED_INSIDE = ("googlenet", "inception_v3")

# These have position tables for one image size, under different argument names. They accept multiples
# of their patch or window size.
_TABLES = {"vit_": "image_size", "maxvit_": "input_size"}

# For these torchvision states the size of the weights, although less suffices; tests check the minimum.
_LEAST = {"efficientnet_v2_": 1, "swin_": 4}

_AUXILIARY = 299
"""Minimum size for the second-to-last convolution of Inception v3's auxiliary classifier, which is used
in training only."""

# Families with depthwise convolutions; a test checks all networks.
_DEPTHWISE = ("convnext", "efficientnet", "maxvit", "mnasnet", "mobilenet", "shufflenet")


def names() -> list[str]:
    """The names of all torchvision networks that classify images."""
    return list(models.list_models(module=models))


def purpose(name: str) -> str:
    """What a torchvision network is for that names no images or objects; empty if there is none."""
    groups = {
        "segmentation": models.segmentation, "videos": models.video,
        "optical flow": models.optical_flow,
    }  # fmt: skip
    return next((p for p, group in groups.items() if name in models.list_models(module=group)), "")


def entry(name: str) -> Entry:
    """The entry of a torchvision network, from the metadata of its best weights."""
    best = models.get_model_weights(name).DEFAULT
    return Entry(
        name=name,
        where="torchvision.models",
        channels=3,
        image_size=best.transforms().crop_size[0],
        min_size=_min_size(name, best.meta),
        summary="torchvision's",
        paper=best.meta["recipe"],
        parameters=best.meta["num_params"],
        multiply_adds=round(best.meta["_ops"] * 1e9),
        weights=True,
        accuracy=best.meta["_metrics"]["ImageNet-1K"]["acc@1"],
        origin="torchvision",
        depthwise=name.startswith(_DEPTHWISE),
    )


def _min_size(name: str, meta: Any) -> int:
    if name.startswith("vit_"):  # one patch suffices
        return int(name.rpartition("_")[2])
    stated = int(meta["min_size"][0])
    return next((least for family, least in _LEAST.items() if name.startswith(family)), stated)


def build(name: str, classes: int, image_size: int) -> nn.Module:
    """A torchvision network for colour images, with random weights.

    Inception v3 is built without its auxiliary classifier if the images are too small for it.

    Raises:
        ArchitectureError: The network has position tables that do not support this size.
    """
    options: dict[str, Any] = {"init_weights": True} if name in _ASK_FOR_INIT else {}
    if name == "inception_v3":
        options["aux_logits"] = image_size >= _AUXILIARY
    for family, option in _TABLES.items():
        if name.startswith(family):
            options[option] = _table_size(name, image_size, option)
    network = models.get_model(name, weights=None, num_classes=classes, **options)
    if isinstance(network, models.MNASNet):
        network.__class__ = _MNASNet
    assert isinstance(network, nn.Module)
    return network


class _MNASNet(models.MNASNet):  # type: ignore[misc]
    """Accepts weights without version metadata, which safetensors files lack."""

    def _load_from_state_dict(
        self, state: Any, prefix: str, metadata: dict[str, Any], *rest: Any
    ) -> None:
        metadata = {"version": self._version, **metadata}
        super()._load_from_state_dict(state, prefix, metadata, *rest)


def _table_size(name: str, size: int, option: str) -> int | tuple[int, int]:
    """The image size in the form that the network expects."""
    unit = entry(name).min_size
    if size % unit:
        below = size // unit * unit
        raise ArchitectureError(
            f"{name}: the image size must be a multiple of {unit} pixels, not {size}; "
            f"set --image-size {below} or {below + unit}"
        )
    return (size, size) if option == "input_size" else size


def release(name: str, which: str = "default") -> Release:
    """A set of published weights of a network, by name or the best.

    Raises:
        UsageError: There are no weights of that name.
    """
    weights = weights_named(name, which)
    transforms = weights.transforms()
    crop = transforms.crop_size[0]
    if name in _SCALED_INSIDE:
        # These weights expect pixels in [-1, 1]; torchvision's class converts from ImageNet's mean and
        # standard deviation inside the network.
        mean, std = (0.5,) * 3, (0.5,) * 3
    else:
        mean, std = tuple(transforms.mean), tuple(transforms.std)
    interpolation = transforms.interpolation.value
    inputs = Inputs((crop, crop), crop / transforms.resize_size[0], interpolation, mean, std)
    classes = tuple(weights.meta["categories"])
    return Release(name, weights.name, weights.url, inputs, lambda: classes)


def weights_named(name: str, which: str) -> models.Weights:
    """Weights by their torchvision name, with or without the class before the dot."""
    known = models.get_model_weights(name)
    if which == "default":
        return known.DEFAULT
    plain = which.rpartition(".")[2].upper()
    if plain not in known.__members__:
        raise UsageError(
            f"--weights {which}: no such file, and torchvision has no such weights for {name}; "
            f"it has {listing(member.name for member in known)}"
        )
    return known[plain]
