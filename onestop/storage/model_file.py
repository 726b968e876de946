"""The one safe model file: tensors, and a card with everything needed to use them.

`model.safetensors` holds the network's tensors under the network's own names, so any safetensors
reader can use it, one metadata entry `onestop` with the card as JSON, and a checksum
(`onestop/storage/container.py`). It contains no code, and reading it runs none. `.pt` and `.pth` files
of other tools are read by `onestop/storage/torch_files.py`.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge
from pydantic import TypeAdapter
from torch import Tensor, nn

from onestop.data.preprocess import from_json
from onestop.errors import ModelFileError, UsageError
from onestop.images.forms import local_path
from onestop.networks.partial_load import matched, misfit
from onestop.reading import parse_json
from onestop.recipe.schema import DEFAULTS, FIELDS, check_setting
from onestop.runtime.checked import parts
from onestop.runtime.files import write_atomic
from onestop.storage.container import Content, packed, unpacked
from onestop.storage.final_metrics import checked_metrics
from onestop.storage.model_header import DIGEST, card_in
from onestop.storage.run_folder import MODEL
from onestop.storage.tensor_digest import add_tensors
from onestop.storage.torch_files import SUFFIXES, read_checkpoint
from onestop.tasks import TASKS, Task, implied_task, known_metrics, make_task
from onestop.text import listing

FORMAT_VERSION = 4
"""Files of version 1 have no checksum; those of version 2 do not name their task; those of version 3
have no calibration among the options of their task."""
_KEY = "onestop"
_MAX_SIDE = 2**14  # pixels, of a network's input
# What parsing JSON that is not a card raises.
_MALFORMED = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
_DATA = {"name": str, "fingerprint": str}


@dataclass(frozen=True)
class Card:
    """The description in a model file.

    Attributes:
        network: Name of the network, as `build` takes it.
        arguments: `classes`, `channels` and `image_size` for `build`.
        classes: Class names in the order of the outputs; empty if a number is predicted.
        preprocessing: See `onestop.data.preprocess`.
        recipe: Every setting of the run, resolved.
        metrics: Final metrics of the saved weights.
        data: Name and fingerprint of the training data.
        made_with: Versions and hardware.
        task: Name of the task in `onestop.tasks.TASKS`; if omitted, it follows from the classes.
        task_options: What `Task.options` returned.
        confidence: What predictions are trusted by; see `onestop.inference.confidence`.
        network_digest: A hash of all that outputs and labels follow from; see `network_digest`.
        format_version: Version of this card.
    """

    network: str
    arguments: Mapping[str, Annotated[int, Ge(0)]]
    classes: tuple[str, ...]
    preprocessing: Mapping[str, Any]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    made_with: Mapping[str, Any] = field(default_factory=dict)
    task: str = ""
    task_options: Mapping[str, Any] = field(default_factory=dict)
    confidence: Mapping[str, Any] = field(default_factory=dict)
    network_digest: str = ""
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        if not self.task:
            object.__setattr__(self, "task", implied_task(self.classes))


def task_of(card: Card) -> Task[Any]:
    """The task of a model.

    Raises:
        ModelFileError: This version does not know it, or the card's options do not fit it.
    """
    return make_task(card.task, card.classes, card.task_options)


def network_digest(tensors: Mapping[str, Tensor], card: Card) -> str:
    """A hash of all that a model's outputs and labels follow from, 128 bits in hex.

    The tensors, the network and its classes, the preprocessing, and what the task chose. Everything
    that is computed with a model records it, so that figures of another network are not taken for its.
    """
    about = [
        card.network, dict(card.arguments), list(card.classes), dict(card.preprocessing), card.task,
        dict(card.task_options),
    ]  # fmt: skip
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    add_tensors(digest, tensors)
    return digest.hexdigest()[:32]


def packed_model(tensors: Mapping[str, Tensor], card: Card) -> bytes:
    """The bytes of a model file.

    The digest of the network comes first, so that `onestop.storage.model_header` finds it fast.
    """
    card = dataclasses.replace(card, network_digest=network_digest(tensors, card))
    return packed(tensors, _KEY, {DIGEST: card.network_digest, **dataclasses.asdict(card)})


def write_model(path: Path, tensors: Mapping[str, Tensor], card: Card) -> None:
    """Write a model file, whole or not at all."""
    write_atomic(path, packed_model(tensors, card))


def write_weights(path: str | Path, network: nn.Module) -> None:
    """Write only the weights of a network built in code; `load_weights` reads them back."""
    write_atomic(Path(path), packed(network.state_dict(), "onestop_weights", {"format_version": 1}))


def read_card(path: Path) -> Card:
    """The card of a model file; raises what `read_model` raises."""
    return read_model(path)[0]


def read_model(path: Path) -> tuple[Card, dict[str, Tensor]]:
    """The card and the tensors of a model file.

    Raises:
        UsageError: There is no such file.
        ModelFileError: It is damaged, not written by OneStop, or written by a newer version.
    """
    return _opened(path, unpacked(path))


def _opened(path: Path, content: Content) -> tuple[Card, dict[str, Tensor]]:
    if _KEY not in content.metadata:
        raise ModelFileError(
            f"{path}: holds weights but no OneStop card; start from it with "
            "`onestop train --weights FILE`, or load it with onestop.load_weights(network, FILE)"
        )
    card = _card(path, content.metadata[_KEY])
    if card.format_version > 1 and content.sealed != _KEY:
        raise ModelFileError(f"{path}: damaged, its checksum is missing; use another copy")
    try:
        problem = _implausible(card, content.tensors)
    except UsageError as error:
        raise ModelFileError(f"{path}: {error}") from None
    if problem:
        raise ModelFileError(f"{path}: its card has {problem}; use another copy of the file")
    return card, content.tensors


def _implausible(card: Card, tensors: Mapping[str, Tensor]) -> str:
    """Why the network that a card describes cannot be the file's; empty if it can."""
    known = ("classes", "channels", "image_size")
    outputs, channels, size = (card.arguments.get(name, 0) for name in known)
    expected = task_of(card).head().outputs if card.task in TASKS else outputs
    shape, classes = from_json(card.preprocessing).shape, len(card.classes)
    unknown, values = card.arguments.keys() - set(known), sum(t.numel() for t in tensors.values())
    problems = (
        (outputs != expected, f"{outputs:,} outputs, its task needs {expected:,}"),
        (len(set(card.classes)) < classes, "two classes of the same name"),
        (bool(unknown), f"network arguments {listing(sorted(unknown))}, which no network takes"),
        (channels > max(4, values), f"{channels:,} channels, more than its tensors have values"),
        (size > _MAX_SIDE, f"{size:,} pixels per side"),
        (
            shape[:2] != ((channels, size) if len(shape) > 1 else (channels,)),
            f"images prepared as {list(shape)}, for {channels} channels and {size} pixels per side",
        ),
    )
    return next((text for applies, text in problems if applies), "")


def _card(path: Path, text: str) -> Card:
    damaged = ModelFileError(f"{path}: its card is damaged; use another copy of the file")
    try:
        values = parse_json(text)
        version = int(values["format_version"])
    except _MALFORMED:
        raise damaged from None
    if version > FORMAT_VERSION:
        raise ModelFileError(
            f"{path}: format {version}, this OneStop reads up to {FORMAT_VERSION}; upgrade OneStop"
        )
    known = {f.name for f in dataclasses.fields(Card)}
    try:
        card = _adapter().validate_python({k: v for k, v in values.items() if k in known})
        for name in card.recipe.keys() & set(FIELDS):
            if card.recipe[name] is not None or name in DEFAULTS:
                check_setting(name, card.recipe[name], "")
        if parts(card.data, _DATA)[1]:
            raise damaged
        metrics, _ = checked_metrics(dict(card.metrics), known_metrics())  # NaN costs its metric
    except (UsageError, *_MALFORMED):
        raise damaged from None
    return dataclasses.replace(card, metrics=metrics)


@functools.cache
def _adapter() -> TypeAdapter[Card]:
    return TypeAdapter(Card)


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a file of weights, on the CPU.

    Raises:
        UsageError: There is no such file.
        ModelFileError: It is damaged, or holds code; see `read_checkpoint`.
    """
    if path.suffix != ".safetensors":
        return read_checkpoint(path)
    content = unpacked(path)
    return _opened(path, content)[1] if _KEY in content.metadata else content.tensors


def is_bare(path: Path) -> bool:
    """Whether a file holds weights alone: it is no model file, though its name says weights."""
    ours = path.suffix == SUFFIXES[0]
    return path.name.endswith(SUFFIXES) and not (ours and card_in(path))


def load_weights(network: nn.Module, path: str | Path) -> nn.Module:
    """Load all weights of a file into a network built in code.

    What other programs put before the names (`module.`, `model.`, `_orig_mod.`) is removed if the rest
    fits.

    Returns:
        The network.

    Raises:
        UsageError: There is no such file.
        ModelFileError: It is damaged or for another network; the message names both sides.
    """
    path = model_path(path)
    tensors, _ = matched(read_weights(path), network.state_dict())
    if problem := misfit(network, tensors):
        raise ModelFileError(f"{path}: {problem}")
    network.load_state_dict(tensors)
    return network


def model_path(path: str | Path) -> Path:
    """The model file of a run folder, or the path itself.

    Raises:
        UsageError: There is no such file, the folder has no model yet, or neither can be seen.
    """
    path = file = local_path(path)
    try:
        missing = "no such run or model file"
        if path.is_dir():
            file, missing = path / MODEL, f"no {MODEL} in this folder; name a run or a model file"
        mode = file.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{path}: {missing}") from None
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}; allow access to it") from None
    if not stat.S_ISREG(mode):
        raise UsageError(f"{file}: is not a file; name a run or a model file")
    return file
