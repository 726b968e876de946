"""The exact training state: everything a step depends on, so that a run can go on bit for bit.

No generator positions are stored, because there are none: see `onestop.randomness`. A state is one
safetensors file in the run's `state/` folder, named after its step. The new one is whole on the disk
before the one before it is removed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from onestop.errors import UsageError
from onestop.learning.averaging import MovingAverage
from onestop.learning.optimizers import restore_slots, slots
from onestop.modelfile import plain
from onestop.networks.freezing import Freezing
from onestop.runs import write_atomic

_KEY = "onestop_state"


@dataclass
class Progress:
    """How far a run is.

    `epoch` and `step` count what is finished; `loss_sum`, `hits` and `seen` are the sums of the
    epoch under way.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    best: float | None = None
    best_loss: float | None = None
    best_epoch: int = 0
    stopped_early: bool = False
    seen: int = 0
    loss_sum: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    hits: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.int64))

    def place(self, device: torch.device) -> None:
        """Keep the sums where the losses are found, so that adding to them waits for nothing."""
        if device.type == "cuda":
            self.loss_sum, self.hits = self.loss_sum.to(device), self.hits.to(device)

    def finished(self, epochs: int) -> bool:
        """Whether nothing is left to do of a run of so many epochs."""
        return self.epoch >= epochs or self.stopped_early


@dataclass
class Training:
    """What a step reads and changes."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    average: MovingAverage | None = None
    scaler: torch.amp.GradScaler | None = None
    freezing: Freezing | None = None
    progress: Progress = field(default_factory=Progress)

    @property
    def scored(self) -> nn.Module:
        """The network to evaluate and keep: the average where there is one."""
        return self.average.network if self.average else self.network


_COUNTERS = ("epoch", "step", "seconds", "best", "best_loss", "best_epoch", "stopped_early", "seen")


def save_state(folder: Path, training: Training, about: dict[str, Any]) -> Path:
    """Write the state of a run, then remove the one before it.

    Args:
        folder: The run's `state/`; made where missing.
        training: Everything that is saved.
        about: What the state belongs to (data, arithmetic), for whoever goes on from it.

    Raises:
        OneStopError: It could not be written; the older state is untouched.
    """
    progress = training.progress
    tensors = {f"network/{k}": v for k, v in training.network.state_dict().items()}
    if training.average:
        tensors |= {f"average/{k}": v for k, v in training.average.network.state_dict().items()}
    for name, slot, value in slots(training.optimizer, training.network):
        tensors[f"optimizer/{slot}/{name}"] = value
    tensors |= {"progress/loss_sum": progress.loss_sum, "progress/hits": progress.hits}
    counters = {name: getattr(progress, name) for name in _COUNTERS}
    scaler = training.scaler.state_dict() if training.scaler else None
    text = json.dumps({"progress": counters, "scaler": scaler, "about": about})
    folder.mkdir(exist_ok=True)
    path = folder / f"step-{progress.step:09d}.safetensors"
    write_atomic(path, save(plain(tensors), metadata={_KEY: text}))
    for old in folder.iterdir():
        if old != path:
            old.unlink(missing_ok=True)
    return path


def newest_state(folder: Path) -> Path | None:
    """The state to go on from, if there is one."""
    return max(folder.glob("step-*.safetensors"), default=None) if folder.is_dir() else None


def read_about(path: Path) -> dict[str, Any]:
    """What a state belongs to, as `save_state` was told."""
    about = _read(path)[0]["about"]
    assert isinstance(about, dict)
    return about


def restore_state(path: Path, training: Training) -> None:
    """Bring a freshly built training to the state in the file.

    Raises:
        UsageError: The file is damaged or belongs to another network or recipe.
    """
    header, tensors = _read(path)
    parts: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}, "progress": {}}
    remembered: dict[tuple[str, str], Tensor] = {}
    for key, tensor in tensors.items():
        part, _, name = key.partition("/")
        if part == "optimizer":
            slot, _, parameter = name.partition("/")
            remembered[parameter, slot] = tensor
        else:
            parts[part][name] = tensor
    progress = training.progress
    try:
        training.network.load_state_dict(parts["network"])
        if training.average:
            training.average.network.load_state_dict(parts["average"])
        restore_slots(training.optimizer, training.network, remembered)
        if training.scaler:
            training.scaler.load_state_dict(header["scaler"])
        for name in _COUNTERS:
            setattr(progress, name, header["progress"][name])
        progress.loss_sum = parts["progress"]["loss_sum"].to(progress.loss_sum.device)
        progress.hits = parts["progress"]["hits"].to(progress.hits.device)
    except (RuntimeError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"{path}: does not fit this run's recipe ({reason})") from None


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            header = json.loads((file.metadata() or {})[_KEY])
            return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise UsageError(
            f"{path}: damaged training state ({error}); remove the file to start the run again"
        ) from None
