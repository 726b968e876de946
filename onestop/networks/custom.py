"""Custom networks: a user's class in a file, or a module or class passed in Python."""

from __future__ import annotations

import copy
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from onestop.errors import ArchitectureError, UsageError
from onestop.networks.catalog import Entry
from onestop.networks.trace import device_of, in_mode
from onestop.text import did_you_mean

_PYTHON = "(given in Python) "
_OUR_GUESS = 224  # pixels per side, if neither the user nor the images determine it


def is_users(name: str) -> bool:
    """Whether a name stands for a user's own network, which takes the user's code to build."""
    return ".py:" in name or name.endswith(".py") or name.startswith(_PYTHON)


def entry(name: str) -> Entry:
    """The entry of a user's own network.

    Args:
        name: `path/to/file.py:Class`, or the `name_of` a network passed in Python.

    Raises:
        UsageError: There is no such file, or no class is named.
    """
    if name.startswith(_PYTHON):
        return Entry(name, "", 3, _OUR_GUESS, 1, "your own network", origin="python")
    path, _, cls = name.rpartition(":") if ".py:" in name else (name, "", "")
    if not Path(path).is_file():
        raise UsageError(f"--model {name}: no file {path}")
    if not cls:
        raise UsageError(f"--model {name}: name the class too: {name}:ClassName")
    return Entry(name, f"{path}:{cls}", 3, _OUR_GUESS, 1, "your own network", origin="file")


def name_of(network: nn.Module | Callable[..., Any]) -> str:
    """The name of a network passed in Python, in recipes and model files."""
    plain = type(network).__name__ if isinstance(network, nn.Module) else network.__name__
    return f"{_PYTHON}{plain}"


def build(
    entry: Entry,
    given: nn.Module | Callable[..., Any] | None,
    classes: int,
    channels: int,
    size: int,
) -> nn.Module:
    """Build a user's own network, and run it once so that a misfit shows before any work is done.

    Args:
        entry: See `entry`.
        given: For a network from Python: the module, which is copied and left as it is, or a class or
            function that makes one.
        classes: The number of outputs it must have.
        channels: The number of channels of its images.
        size: Height and width of its images.

    Raises:
        UsageError: There is no such class, or its code is not here.
        ArchitectureError: It cannot be imported or built, or does not take such images and classes.
    """
    if given is None:
        given = _from_file(entry)
    if isinstance(given, nn.Module):
        network: object = copy.deepcopy(given)
    else:
        network = _make(given, entry.name, classes, channels, size)
    if not isinstance(network, nn.Module):
        raise ArchitectureError(
            f"--model {entry.name}: makes a {type(network).__name__}, not a torch.nn.Module"
        )
    _try_out(network, entry.name, classes, (channels, size, size))
    return network


def _from_file(entry: Entry) -> Callable[..., Any]:
    if entry.origin == "python":
        raise UsageError(f"{entry.name}: its code is not here; give the network again, in Python")
    path, _, name = entry.where.rpartition(":")
    spec = importlib.util.spec_from_file_location(f"onestop_user_{Path(path).stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # the user's dataclasses and pickling need it there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ArchitectureError(
            f"--model {path}: {type(error).__name__} when imported: {error}"
        ) from error
    maker: Callable[..., Any] | None = getattr(module, name, None)
    if maker is None:
        known = [key for key, value in vars(module).items() if inspect.isclass(value)]
        raise UsageError(f"--model {entry.name}: {path} has no {name!r}{did_you_mean(name, known)}")
    return maker


def _make(maker: Callable[..., Any], name: str, classes: int, channels: int, size: int) -> object:
    """Call the user's class with those of our arguments that it takes."""
    offered = {
        "classes": classes, "num_classes": classes, "n_classes": classes,
        "channels": channels, "in_channels": channels, "in_chans": channels,
        "image_size": size, "img_size": size,
    }  # fmt: skip
    wanted = inspect.signature(maker).parameters
    try:
        return maker(**{key: value for key, value in offered.items() if key in wanted})
    except Exception as error:
        raise ArchitectureError(f"--model {name}: cannot be built: {error}") from error


def _try_out(network: nn.Module, name: str, classes: int, shape: tuple[int, ...]) -> None:
    try:
        with in_mode(network, training=False), torch.inference_mode():
            outputs = network(torch.zeros(2, *shape, device=device_of(network)))
    except Exception as error:
        wanted = "x".join(map(str, shape))
        raise ArchitectureError(
            f"--model {name}: does not take {wanted} images ({error}); "
            "set --channels and --image-size to what it takes"
        ) from error
    if getattr(outputs, "shape", None) != (2, classes):
        got = tuple(getattr(outputs, "shape", ())) or type(outputs).__name__
        raise ArchitectureError(
            f"--model {name}: gives {got} for 2 images of {classes} classes, not (2, {classes})"
        )
