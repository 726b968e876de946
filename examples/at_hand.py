"""Where the examples find real data and weights; what is not there is never downloaded.

A data set is the folder of its name in `ONESTOP_DATA` (or in the user's cache, where `onestop train
mnist` downloads to): `mnist/`, `cifar10/`, `hymenoptera/`. It holds images as `onestop train` takes
them, or torchvision's own files, which may also lie in `ONESTOP_DATA` itself. Weights are looked for
in torch's cache (`TORCH_HOME`).
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from torchvision import models

from onestop.data.sources.builtin import data_root

OWN_FILES = {"mnist": "MNIST/raw", "cifar10": "cifar-10-batches-py"}
"""By the set's name: the folder that torchvision unpacks it to."""


def find(name: str) -> dict[str, Any]:
    """What `onestop.train` is to be given for a data set; nothing where it is not here."""
    root = data_root(None)
    for folder in (root / name, root):
        if name in OWN_FILES and (folder / OWN_FILES[name]).is_dir():
            return {"source": name, "data_root": str(folder)}
    return {"source": str(root / name)} if (root / name).is_dir() else {}


def find_or_digits(name: str) -> dict[str, Any]:
    """The same, with the built-in digits in place of what is not here; prints what it is."""
    if found := find(name):
        print(f"data: {name}, from {found.get('data_root', found['source'])}")
        return found
    print(f"data: digits, built in ({data_root(None)} has no {name}; ONESTOP_DATA names a folder)")
    return {"source": "digits"}


def published(network: str) -> tuple[Path, str]:
    """The file that a torchvision network's published weights are in, or would be, and its address."""
    url = models.get_model_weights(network).DEFAULT.url
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name, url
