"""The networks: `build` is the only door, `find` says what a name stands for."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from onestop.errors import UsageError, did_you_mean
from onestop.networks.catalog import OWN, Entry
from onestop.networks.published import Published


def find(name: str) -> Entry:
    """What a network's name stands for.

    Args:
        name: One of our own; a torchvision name, plain or as `torchvision:NAME`; `timm:NAME`; or
            `path/to/file.py:Class` for a user's own. Case does not matter in known names.

    Raises:
        UsageError: There is no such network, file or class.
    """
    if ".py:" in name or name.endswith(".py"):
        return _find_in_file(name)
    plain = name.lower().replace("-", "_")
    if plain in OWN:
        return OWN[plain]
    if plain.startswith("timm:"):
        from onestop.networks import timm_zoo

        return timm_zoo.entry(name[len("timm:") :])
    from onestop.networks import torchvision_zoo

    known = torchvision_zoo.names()
    plain = plain.removeprefix("torchvision:")
    if plain in known:
        return torchvision_zoo.entry(plain)
    suggestion = did_you_mean(name, [*OWN, *known])
    raise UsageError(f"--model {name}: no such network{suggestion} (`onestop models` lists them)")


def build(
    name: str, classes: int, channels: int | None = None, image_size: int | None = None
) -> nn.Module:
    """Build a network with random weights (drawn from torch's generator).

    Args:
        name: See `find`.
        classes: Its outputs: the number of classes, or 1 where a number is predicted.
        channels: Channels of its input (features of a vector); the network's usual number where
            not given.
        image_size: Height and width of its input; the network's usual size where not given.

    Raises:
        UsageError: The network does not take such images.
    """
    entry = find(name)
    channels = channels or entry.channels
    size = image_size or entry.image_size
    if classes < 1:
        raise UsageError(f"{entry.name}: needs at least one class (got {classes})")
    if size < entry.min_size:
        raise UsageError(
            f"{entry.name}: images of {size} pixels are too small; it needs {entry.min_size} or more"
        )
    if entry.origin == "torchvision":
        from onestop.networks import torchvision_zoo

        return torchvision_zoo.build(entry.name, classes, channels, size)
    if entry.origin == "timm":
        from onestop.networks import timm_zoo

        return timm_zoo.build(entry.name, classes, channels, size)
    if entry.origin == "file":
        return _build_from_file(entry, classes, channels, size)
    module, _, function = entry.where.partition(":")
    network = getattr(importlib.import_module(module), function)(classes, channels, size)
    assert isinstance(network, nn.Module)
    return network


def entries() -> Iterator[Entry]:
    """Every network that can be built by name: our own, then torchvision's classifiers."""
    from onestop.networks import torchvision_zoo

    yield from OWN.values()
    yield from map(torchvision_zoo.entry, torchvision_zoo.names())


def default_weights(entry: Entry) -> Published:
    """The published weights of a network.

    Raises:
        UsageError: There are none, or they could not be downloaded.
    """
    if entry.origin == "torchvision":
        from onestop.networks import torchvision_zoo

        return torchvision_zoo.default_weights(entry.name)
    if entry.origin == "timm":
        from onestop.networks import timm_zoo

        return timm_zoo.default_weights(entry.name)
    raise UsageError(
        f"--weights default: nobody published any for {entry.name}; name a file, or train from none"
    )


def count_parameters(network: nn.Module) -> int:
    """The number of trainable and frozen parameters (buffers are not counted)."""
    return sum(parameter.numel() for parameter in network.parameters())


def _find_in_file(name: str) -> Entry:
    path, _, cls = name.rpartition(":") if ".py:" in name else (name, "", "")
    if not Path(path).is_file():
        raise UsageError(f"--model {name}: no file {path}")
    if not cls:
        raise UsageError(f"--model {name}: name the class too: {name}:ClassName")
    return Entry(name, f"{path}:{cls}", 3, 224, 1, "your own network", origin="file")


def _build_from_file(entry: Entry, classes: int, channels: int, size: int) -> nn.Module:
    """Import the user's file and call the class with those of our arguments that it has."""
    path, _, name = entry.where.rpartition(":")
    spec = importlib.util.spec_from_file_location(f"onestop_user_{Path(path).stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickling of the user's own need it there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(
            f"--model {path}: {type(error).__name__} when imported: {error}"
        ) from error
    cls = getattr(module, name, None)
    if cls is None:
        known = [key for key, value in vars(module).items() if inspect.isclass(value)]
        raise UsageError(f"--model {entry.name}: {path} has no {name!r}{did_you_mean(name, known)}")
    offered = {
        "classes": classes, "num_classes": classes, "n_classes": classes,
        "channels": channels, "in_channels": channels, "in_chans": channels,
        "image_size": size, "img_size": size,
    }  # fmt: skip
    wanted = inspect.signature(cls).parameters
    try:
        network = cls(**{key: value for key, value in offered.items() if key in wanted})
    except Exception as error:
        raise UsageError(f"--model {entry.name}: cannot be built: {error}") from error
    if not isinstance(network, nn.Module):
        raise UsageError(
            f"--model {entry.name}: makes a {type(network).__name__}, no torch.nn.Module"
        )
    _try_out(network, entry.name, classes, (channels, size, size))
    return network


def _try_out(network: nn.Module, name: str, classes: int, shape: tuple[int, ...]) -> None:
    """Run a user's network once, so that a misfit shows before any work is done."""
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            outputs = network(torch.zeros(2, *shape))
    except Exception as error:
        wanted = "x".join(map(str, shape))
        raise UsageError(f"--model {name}: does not take {wanted} images: {error}") from error
    network.train(was_training)
    if getattr(outputs, "shape", None) != (2, classes):
        got = tuple(getattr(outputs, "shape", ())) or type(outputs).__name__
        raise UsageError(
            f"--model {name}: gives {got} for 2 images of {classes} classes, not (2, {classes})"
        )
