"""The one safe model file: tensors, and a card that says everything needed to use them.

`model.safetensors` holds the network's tensors under the network's own names, so any safetensors
reader can use it, and one metadata entry `onestop` with the card as JSON. There is no code in it
and none is run when it is read. Foreign `.pt` and `.pth` files are read with `weights_only=True`
and in no other way.
"""

from __future__ import annotations

import dataclasses
import json
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from onestop.errors import UsageError, listing
from onestop.runs import MODEL, write_atomic

FORMAT_VERSION = 1
SUFFIXES = (".safetensors", ".pth", ".pt", ".th")
"""Of files of weights."""
_KEY = "onestop"


@dataclass(frozen=True)
class Card:
    """What a model file says of itself.

    Attributes:
        network: Name of the network, as `build` takes it.
        arguments: `classes`, `channels` and `image_size` for `build`.
        classes: Class names in the order of the outputs; empty where a number is predicted.
        preprocessing: See `onestop.data.preprocess`.
        recipe: Every setting of the run, resolved.
        metrics: Figures of the kept weights.
        data: Name and fingerprint of the data it was trained on.
        made_with: Versions and hardware.
        format_version: Of this card.
    """

    network: str
    arguments: Mapping[str, int]
    classes: tuple[str, ...]
    preprocessing: Mapping[str, Any]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    made_with: Mapping[str, Any] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION


def write_model(path: Path, tensors: Mapping[str, Tensor], card: Card) -> None:
    """Write a model file, whole or not at all."""
    # Escaped, since names of files and classes can hold bytes that are no text.
    text = json.dumps(dataclasses.asdict(card))
    write_atomic(path, save(plain(tensors), metadata={_KEY: text}))


def write_weights(path: str | Path, network: nn.Module) -> None:
    """Write only the weights of a network that is built in code; `load_weights` reads them back."""
    write_atomic(Path(path), save(plain(network.state_dict())))


def read_card(path: Path) -> Card:
    """The card of a model file.

    Raises:
        UsageError: No such file, damaged, not written by OneStop, or by a newer version.
    """
    metadata, _ = _read_safetensors(path, with_tensors=False)
    if _KEY not in metadata:
        raise UsageError(
            f"{path}: holds weights but no OneStop card; start from it with "
            "`onestop train --weights FILE`, or load it with onestop.load_weights(network, FILE)"
        )
    try:
        values = json.loads(metadata[_KEY])
        version = int(values["format_version"])
        if version > FORMAT_VERSION:
            raise UsageError(
                f"{path}: format {version}, this OneStop reads up to {FORMAT_VERSION}; upgrade OneStop"
            )
        known = {f.name for f in dataclasses.fields(Card)}
        card = Card(**{key: value for key, value in values.items() if key in known})
        arguments = {key: int(value) for key, value in card.arguments.items()}
        return dataclasses.replace(card, classes=tuple(card.classes), arguments=arguments)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UsageError(f"{path}: its card is damaged; use another copy of the file") from None


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a `.safetensors`, `.pt`, `.pth` or `.th` file, on the CPU.

    Of a pickled checkpoint the tensors under `state_dict`, `model_state_dict` or `model` are taken
    where there is such an entry; a leading `module.` is taken off the names.

    Raises:
        UsageError: No such file, damaged, or a file that holds code.
    """
    if path.suffix == ".safetensors":
        return _read_safetensors(path, with_tensors=True)[1]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd pickles; they load or they do not
            content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}; name a weights file") from None
    except (UnpicklingError, RuntimeError, ValueError, EOFError, KeyError, AttributeError,
            TypeError, IndexError, zipfile.BadZipFile) as error:  # fmt: skip
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise UsageError(
            f"{path}: holds no plain tensors ({reason}); files with code in them are not opened, "
            "ask for a .safetensors file"
        ) from None
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    tensors = {}
    if isinstance(content, dict):
        tensors = {str(k).removeprefix("module."): v for k, v in content.items() if _is_tensor(v)}
    if not tensors:
        raise UsageError(f"{path}: holds no tensors by name; name a file of weights (a state dict)")
    return tensors


def load_weights(network: nn.Module, path: str | Path) -> nn.Module:
    """Fill a network that was built in code with the weights of a file, all of them.

    Returns:
        The network.

    Raises:
        UsageError: The file is for another network; the message names both sides.
    """
    path = model_path(path)
    tensors = read_weights(path)
    if problem := misfit(network, tensors):
        raise UsageError(f"{path}: {problem}")
    network.load_state_dict(tensors)
    return network


def misfit(network: nn.Module, tensors: Mapping[str, Tensor]) -> str:
    """Why tensors do not fill a network exactly, naming both sides; empty where they do."""
    wanted = network.state_dict()
    for name in wanted:
        if name in tensors and tensors[name].shape != wanted[name].shape:
            return (
                f"{name} is {list(tensors[name].shape)} in the file and "
                f"{list(wanted[name].shape)} in the network (other classes, channels or size?)"
            )
    missing, extra = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
    if missing or extra:
        parts = [f"the network's {listing(missing, 2)} is not in the file"] if missing else []
        parts += [f"the file's {listing(extra, 2)} is not in the network"] if extra else []
        return "is for another network: " + ", ".join(parts)
    return ""


def model_path(path: str | Path) -> Path:
    """The model file of a run folder, or the path itself.

    Raises:
        UsageError: There is no such file, or the folder has no model yet.
    """
    path = Path(path)
    if path.is_dir():
        if not (path / MODEL).is_file():
            raise UsageError(f"{path}: no {MODEL} in this folder; name a run or a model file")
        return path / MODEL
    if not path.is_file():
        raise UsageError(f"{path}: no such run or model file")
    return path


def plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors as a file holds them: on the CPU, contiguous, none sharing memory with another."""
    return {
        name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()
    }


def _read_safetensors(
    path: Path, *, with_tensors: bool
) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            names = file.keys() if with_tensors else ()
            return file.metadata() or {}, {name: file.get_tensor(name) for name in names}
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}; name a model file") from None
    except SafetensorError as error:
        raise UsageError(f"{path}: damaged, or no safetensors file ({error})") from None


def _is_tensor(value: object) -> bool:
    return isinstance(value, Tensor)
