"""Checkpoints: everything a step depends on, so that a run can be resumed bit for bit.

No generator positions are stored, because there are none: see `onestop.runtime.rng`. A state is one
checksummed file (`onestop/storage/container.py`) in the run's `state/` folder, named after its step.
The last two are kept: the new one is complete on the disk before the oldest is removed, and if the
newest is damaged, the one before it is used instead.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from torch import Tensor, nn

from onestop.errors import ModelFileError, OneStopError, UsageError
from onestop.networks.partial_load import misfit
from onestop.optim.optimizers import restore_slots, slots
from onestop.reading import parse_json
from onestop.runtime.checked import Amount, Count
from onestop.runtime.files import kind_of, make_folder, write_atomic
from onestop.storage.container import packed, unpacked
from onestop.storage.own_files import states_in
from onestop.text import listing
from onestop.training.state import Training

_KEY = "onestop_state"
_VERSION = 2
"""States of version 1 have the sum of `accuracy` under the name `hits`, and no other."""


_COUNTERS = (
    "epoch", "step", "seconds", "best", "best_loss", "best_epoch", "stopped_early", "probed", "seen",
)  # fmt: skip


@dataclass(frozen=True)
class _Counters:
    """The progress of a run, checked when a state is read."""

    epoch: Count
    step: Count
    seconds: Amount
    best: float | None
    best_loss: float | None
    best_epoch: Count
    stopped_early: bool
    seen: Count
    probed: bool = False


@dataclass(frozen=True)
class _About:
    """What a state belongs to."""

    data: str = ""
    content: str = ""
    epochs: Count = 0
    done: Count = 0
    made_with: dict[str, Any] = field(default_factory=dict)
    inexact: list[str] = field(default_factory=list)
    trial: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class _Header:
    """The whole description of a state."""

    progress: _Counters
    scaler: dict[str, Any] | None
    about: _About


@dataclass(frozen=True)
class Saved:
    """A state as it was read.

    Attributes:
        path: Of its file.
        header: Everything but the tensors.
        tensors: By name.
    """

    path: Path
    header: dict[str, Any]
    tensors: dict[str, Tensor]

    @property
    def about(self) -> dict[str, Any]:
        """What the state belongs to (data, arithmetic), as passed to `States.save`."""
        about = self.header["about"]
        assert isinstance(about, dict)
        return about


class States:
    """The states of a run, in its `state/` folder.

    Attributes:
        damaged: A line for each state that turned out to be damaged.
        last: The newest state that is known to be intact; it stays when the next one is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damaged: list[str] = []
        self.last: Path | None = None
        self._before: Path | None = None

    def newest(self) -> Saved | None:
        """The newest intact state, if there is one.

        Raises:
            OneStopError: A newer version of OneStop wrote it.
        """
        paths = states_in(self.folder)[::-1]
        for number, path in enumerate(paths):
            try:
                saved = _read(path)
            except UsageError as error:
                self.damaged.append(str(error))
                continue
            self.last = path
            self._before = next(iter(paths[number + 1 :]), None)
            return saved
        return None

    def remove(self) -> None:
        """Remove all states, the newest last: until then the run can be resumed."""
        for path in sorted(self.folder.glob("step-*.safetensors")):
            path.unlink(missing_ok=True)
        self.last = self._before = None

    def save(self, training: Training, about: dict[str, Any]) -> Path:
        """Write the state of a run, then remove all others but the one before it.

        Args:
            training: Everything that is saved.
            about: What the state belongs to, for resuming from it.

        Raises:
            WriteError: It could not be written; older states are untouched.
        """
        make_folder(self.folder)
        path = self.folder / f"step-{training.progress.step:09d}.safetensors"
        write_atomic(path, _packed(training, about))
        if path != self.last:  # a step can be saved twice
            self._before, self.last = self.last, path
        for old in states_in(self.folder):
            if old not in (self._before, self.last) and kind_of(old) == "file":
                old.unlink(missing_ok=True)
        return path


def state_size(training: Training) -> int:
    """Bytes of a state of this training; optimizers usually keep two values per weight."""
    sizes: list[int] = [tensor.nbytes for tensor in training.network.state_dict().values()]
    network = sum(sizes)
    probe = sum(tensor.nbytes for tensor in training.probe.values())
    return network * (4 if training.average else 3) + probe


def _packed(training: Training, about: dict[str, Any]) -> bytes:
    progress = training.progress
    tensors = {f"network/{k}": v for k, v in training.network.state_dict().items()}
    if training.average:
        tensors |= {f"average/{k}": v for k, v in training.average.network.state_dict().items()}
    tensors |= {f"probe/{name}": tensor for name, tensor in training.probe.items()}
    for name, slot, value in slots(training.optimizer, training.network):
        tensors[f"optimizer/{slot}/{name}"] = value
    tensors["progress/loss_sum"] = progress.loss_sum
    tensors |= {f"progress/{name}": total for name, total in progress.sums.items()}
    counters = {name: getattr(progress, name) for name in _COUNTERS}
    scaler = training.scaler.state_dict() if training.scaler else None
    header = {"version": _VERSION, "progress": counters, "scaler": scaler, "about": about}
    return packed(tensors, _KEY, header)


def restore_state(saved: Saved, training: Training, summed: Collection[str] | None = None) -> None:
    """Bring a newly set up training to a state.

    Args:
        saved: The state.
        training: Newly set up.
        summed: The metrics that are summed while training; None allows any.

    Raises:
        ModelFileError: The state belongs to another network or recipe.
    """
    header, tensors = saved.header, saved.tensors
    parts: dict[str, dict[str, Tensor]] = {
        "network": {}, "average": {}, "probe": {}, "progress": {},
    }  # fmt: skip
    remembered: dict[tuple[str, str], Tensor] = {}
    progress = training.progress
    try:
        for key, tensor in tensors.items():
            part, _, name = key.partition("/")
            if part == "optimizer":
                slot, _, parameter = name.partition("/")
                remembered[parameter, slot] = tensor
            else:
                parts[part][name] = tensor
        _load(training.network, parts["network"])
        if training.average:
            _load(training.average.network, parts["average"])
        training.probe = parts["probe"]
        if training.probe and (problem := misfit(training.network, training.probe)):
            raise ValueError(problem)
        restore_slots(training.optimizer, training.network, remembered)
        if training.scaler:
            training.scaler.load_state_dict(header["scaler"])
        for name in _COUNTERS:
            setattr(progress, name, header["progress"].get(name, getattr(progress, name)))
        if progress.probed and not training.probe:
            raise ValueError("the probe is missing")
        sums, device = parts["progress"], progress.loss_sum.device
        hits = sums.pop("hits", None)  # version 1: of every task, 0 for those without it
        if hits is not None and (summed is None or "accuracy" in summed):
            sums["accuracy"] = hits
        if any(total.shape for total in sums.values()):
            raise ValueError("a sum is not a single number")
        progress.loss_sum = sums.pop("loss_sum").to(device)
        if summed is not None and (unknown := sums.keys() - summed):
            raise ValueError(f"sums of {listing(sorted(unknown), 3)}")
        progress.sums = {name: total.to(device) for name, total in sums.items()}
    except (RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ModelFileError(f"{saved.path}: does not fit this run's recipe ({reason})") from None


def _load(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    if problem := misfit(network, tensors):
        raise ValueError(problem)
    network.load_state_dict(tensors)


def _read(path: Path) -> Saved:
    content = unpacked(path)
    if content.sealed != _KEY:
        raise ModelFileError(f"{path}: damaged, it has lost its checksum; use another copy")
    try:  # the checksum says that it is as it was written, not by whom
        header: dict[str, Any] = parse_json(content.metadata[_KEY])
        version = int(header["version"])
        if version <= _VERSION:
            TypeAdapter(_Header).validate_python(header)
    except (ValueError, TypeError, KeyError, OverflowError):
        raise ModelFileError(f"{path}: damaged, it is not what a state holds") from None
    if version > _VERSION:  # it is intact, so no older state may be used instead
        raise OneStopError(
            f"{path}: format {version}, this OneStop reads up to {_VERSION}; upgrade OneStop"
        )
    return Saved(path, header, content.tensors)
