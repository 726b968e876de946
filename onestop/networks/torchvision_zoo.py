"""torchvision's classification networks by their own names, with their weights."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlparse

import torch
from torch import Tensor, nn
from torchvision import models

from onestop.errors import UsageError
from onestop.networks.catalog import Entry

# These two warn unless told whether to start at their papers' random weights.
_ASK_FOR_INIT = ("googlenet", "inception_v3")


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
        min_size=best.meta["min_size"][0],
        summary="torchvision's",
        paper=best.meta["recipe"],
        parameters=best.meta["num_params"],
        origin="torchvision",
    )


def build(name: str, classes: int) -> nn.Module:
    """A torchvision network with random weights."""
    options: dict[str, Any] = {"init_weights": True} if name in _ASK_FOR_INIT else {}
    network = models.get_model(name, weights=None, num_classes=classes, **options)
    assert isinstance(network, nn.Module)
    return network


@dataclass(frozen=True)
class Published:
    """Weights, how the images they were trained on were prepared, and the classes they know."""

    state: dict[str, Tensor]
    classes: tuple[str, ...]
    size: tuple[int, int]
    crop_fraction: float
    interpolation: Literal["bilinear", "bicubic"]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def default_weights(name: str) -> Published:
    """The best published weights of a network.

    Looked for in torch's own cache (TORCH_HOME), else downloaded; the checksum is verified.

    Raises:
        UsageError: They could not be downloaded; names the file and where to put it.
    """
    weights = models.get_model_weights(name).DEFAULT
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    file = folder / Path(urlparse(weights.url).path).name
    timeout = socket.getdefaulttimeout()
    try:
        socket.setdefaulttimeout(30)
        state = torch.hub.load_state_dict_from_url(
            weights.url, check_hash=True, map_location="cpu", weights_only=True
        )
    except (OSError, RuntimeError) as error:
        raise UsageError(
            f"--weights default: those of {name} could not be downloaded ({error}); "
            f"fetch {weights.url} by hand to {file}"
        ) from None
    finally:
        socket.setdefaulttimeout(timeout)
    transforms = weights.transforms()
    crop = transforms.crop_size[0]
    return Published(
        state=dict(state),
        classes=tuple(weights.meta["categories"]),
        size=(crop, crop),
        crop_fraction=crop / transforms.resize_size[0],
        interpolation=transforms.interpolation.value,
        mean=tuple(transforms.mean),
        std=tuple(transforms.std),
    )
