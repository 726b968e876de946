"""torchvision's classification networks by their own names, with their weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from torch import nn
from torchvision import models

from onestop.errors import UsageError, listing
from onestop.networks.catalog import Entry
from onestop.networks.published import Published, patience
from onestop.networks.surgery import replace_channels

# These two warn unless told whether to start at their papers' random weights.
_ASK_FOR_INIT = _SCALED_INSIDE = ("googlenet", "inception_v3")


def names() -> list[str]:
    """The names of all torchvision networks that classify images."""
    return list(models.list_models(module=models))


def entry(name: str) -> Entry:
    """What torchvision says of a network with its best weights."""
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
        origin="torchvision",
    )


def _min_size(name: str, meta: Any) -> int:
    """As torchvision states it, which for a ViT is the size of its weights; one patch will do."""
    return int(name.rpartition("_")[2]) if name.startswith("vit_") else int(meta["min_size"][0])


def build(name: str, classes: int, channels: int, image_size: int) -> nn.Module:
    """A torchvision network with random weights."""
    options: dict[str, Any] = {"init_weights": True} if name in _ASK_FOR_INIT else {}
    if name.startswith("vit_"):  # their position tables are made for one size
        options["image_size"] = image_size
    try:
        network = models.get_model(name, weights=None, num_classes=classes, **options)
    except (RuntimeError, ValueError, AssertionError) as error:
        raise UsageError(f"{name}: cannot be built for {image_size} pixels: {error}") from error
    assert isinstance(network, nn.Module)
    if channels != 3:
        replace_channels(network, channels, (3, image_size, image_size))
    return network


def published_weights(name: str, which: str = "default") -> Published:
    """Published weights of a network: a set by its name, or the best.

    Looked for in torch's own cache (TORCH_HOME), else downloaded; the checksum is verified.

    Raises:
        UsageError: There is no such set, or it could not be downloaded; names the file and where
            to put it.
    """
    weights = _weights_named(name, which)
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    file = folder / Path(urlparse(weights.url).path).name
    try:
        with patience():
            state = torch.hub.load_state_dict_from_url(
                weights.url, check_hash=True, map_location="cpu", weights_only=True
            )
    except (OSError, RuntimeError) as error:
        raise UsageError(
            f"--weights {which}: those of {name} could not be downloaded ({error}); "
            f"fetch {weights.url} by hand to {file}"
        ) from None
    transforms = weights.transforms()
    crop = transforms.crop_size[0]
    if name in _SCALED_INSIDE:
        # Their weights expect pixels in [-1, 1]; torchvision's own class converts to that from
        # ImageNet's mean and deviation, inside the network.
        mean, std = (0.5,) * 3, (0.5,) * 3
    else:
        mean, std = tuple(transforms.mean), tuple(transforms.std)
    return Published(
        state=dict(state),
        classes=tuple(weights.meta["categories"]),
        size=(crop, crop),
        crop_fraction=crop / transforms.resize_size[0],
        interpolation=transforms.interpolation.value,
        mean=mean,
        std=std,
    )


def _weights_named(name: str, which: str) -> models.Weights:
    """Sets are named as in torchvision, with or without the class before the dot."""
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
