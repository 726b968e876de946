"""Custom networks: a user's class in a file, or a module or class passed in Python."""

from __future__ import annotations

import copy
import hashlib
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
from onestop.recipe.names import PYTHON, names_code
from onestop.text import did_you_mean

_DEFAULT_SIZE = 224  # pixels per side, if neither the user nor the images determine it


def is_users(name: str) -> bool:
    """Whether a name stands for a custom network, which needs the user's code to build."""
    return names_code(name)


def entry(name: str) -> Entry:
    """The entry of a custom network.

    Args:
        name: `path/to/file.py:Class`, or the `name_of` a network passed in Python.

    Raises:
        UsageError: There is no such file, or the class name is missing.
    """
    if name.startswith(PYTHON):
        return Entry(name, "", 3, _DEFAULT_SIZE, 1, "your own network", origin="python")
    path, _, cls = name.rpartition(":") if ".py:" in name else (name, "", "")
    if not Path(path).is_file():
        raise UsageError(f"--model {name}: no file {path}")
    if not cls:
        raise UsageError(f"--model {name}: name the class too: {name}:ClassName")
    return Entry(name, f"{path}:{cls}", 3, _DEFAULT_SIZE, 1, "your own network", origin="file")


def name_of(network: nn.Module | Callable[..., Any]) -> str:
    """The name of a network passed in Python, in recipes and model files."""
    plain = type(network).__name__ if isinstance(network, nn.Module) else network.__name__
    return f"{PYTHON}{plain}"


def code_of(entry: Entry, network: nn.Module) -> str:
    """A hash of the code of a custom network, 64 bits in hex; empty if it is ours or not known.

    Of a file all of it, without what it imports; of a class passed in Python its source.
    """
    try:
        if entry.origin == "file":
            code = Path(entry.where.rpartition(":")[0]).read_bytes()
        elif entry.origin == "python":
            code = inspect.getsource(type(network)).encode(errors="surrogatepass")
        else:
            return ""
    except (OSError, TypeError):
        return ""
    return hashlib.sha256(code).hexdigest()[:16]


def build(
    entry: Entry,
    custom: nn.Module | Callable[..., Any] | None,
    classes: int,
    channels: int,
    size: int,
) -> nn.Module:
    """Build a custom network, and run it once to report a mismatch before any work is done.

    Args:
        entry: See `entry`.
        custom: For a network passed in Python: the module, which is copied, or a class or function
            that makes one.
        classes: The number of outputs it must have.
        channels: The number of image channels.
        size: Height and width of the images.

    Raises:
        UsageError: There is no such class, or its code is not available.
        ArchitectureError: It cannot be imported or built, or does not accept such images and classes.
    """
    if custom is None:
        custom = _from_file(entry)
    if isinstance(custom, nn.Module):
        network: object = copy.deepcopy(custom)
    else:
        network = _make(custom, entry.name, classes, channels, size)
    if not isinstance(network, nn.Module):
        raise ArchitectureError(
            f"--model {entry.name}: returns {type(network).__name__}, not a torch.nn.Module"
        )
    _try_out(network, entry.name, classes, (channels, size, size))
    return network


def _from_file(entry: Entry) -> Callable[..., Any]:
    if entry.origin == "python":
        raise UsageError(
            f"{entry.name}: its code is not available; pass the network in Python again"
        )
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
            f"--model {path}: {type(error).__name__} on import: {error}"
        ) from error
    maker: Callable[..., Any] | None = getattr(module, name, None)
    if maker is None:
        known = [key for key, value in vars(module).items() if inspect.isclass(value)]
        raise UsageError(f"--model {entry.name}: {path} has no {name!r}{did_you_mean(name, known)}")
    return maker


def _make(maker: Callable[..., Any], name: str, classes: int, channels: int, size: int) -> object:
    """Call the user's class with the arguments that it accepts."""
    arguments = {
        "classes": classes, "num_classes": classes, "n_classes": classes,
        "channels": channels, "in_channels": channels, "in_chans": channels,
        "image_size": size, "img_size": size,
    }  # fmt: skip
    accepted = inspect.signature(maker).parameters
    try:
        return maker(**{key: value for key, value in arguments.items() if key in accepted})
    except Exception as error:
        raise ArchitectureError(f"--model {name}: cannot be built: {error}") from error


def _try_out(network: nn.Module, name: str, classes: int, shape: tuple[int, ...]) -> None:
    try:
        with in_mode(network, training=False), torch.inference_mode():
            outputs = network(torch.zeros(2, *shape, device=device_of(network)))
    except Exception as error:
        size = "x".join(map(str, shape))
        raise ArchitectureError(
            f"--model {name}: does not accept {size} images ({error}); "
            "set --channels and --image-size to match it"
        ) from error
    if getattr(outputs, "shape", None) != (2, classes):
        output = tuple(getattr(outputs, "shape", ())) or type(outputs).__name__
        raise ArchitectureError(
            f"--model {name}: returns {output} for 2 images and {classes} classes, "
            f"not (2, {classes})"
        )
