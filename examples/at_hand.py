"""Locates real data and weights for the examples; nothing is downloaded.

A data set is a folder in `ONESTOP_DATA` (or in the user's cache, where `onestop train mnist` downloads
to): `mnist/`, `cifar10/`, `hymenoptera/`. It has images as accepted by `onestop train`, or
torchvision's own files, which may also be in `ONESTOP_DATA` itself. Weights are expected in torch's
cache (`TORCH_HOME`).
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from torchvision import models

from onestop.data.sources.builtin import data_root

OWN_FILES = {"mnist": "MNIST/raw", "cifar10": "cifar-10-batches-py"}
"""The folder that torchvision unpacks each data set to."""


def find(name: str) -> dict[str, Any]:
    """Arguments of `onestop.train` for a data set; empty if it is not available."""
    root = data_root(None)
    for folder in (root / name, root):
        if name in OWN_FILES and (folder / OWN_FILES[name]).is_dir():
            return {"source": name, "data_root": str(folder)}
    return {"source": str(root / name)} if (root / name).is_dir() else {}


def find_or_digits(name: str) -> dict[str, Any]:
    """The same, with the built-in digits if the data set is not available; prints which it is."""
    if arguments := find(name):
        print(f"data: {name}, from {arguments.get('data_root', arguments['source'])}")
        return arguments
    print(f"data: digits, built in ({data_root(None)} has no {name}; ONESTOP_DATA sets the folder)")
    return {"source": "digits"}


def published(network: str) -> tuple[Path, str]:
    """The path of a torchvision network's published weights in torch's cache, and their URL."""
    url = models.get_model_weights(network).DEFAULT.url
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name, url
