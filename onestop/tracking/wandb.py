"""Weights & Biases runs, online or, with WANDB_MODE=offline, in the run's folder.

W&B has a process that talks to its server; it is started and ended here, without any prompts.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from onestop.errors import UsageError
from onestop.tracking.tracker import Opening, Status, environment, unless_set, words_of

PROJECT = "onestop"
_CODE = {"finished": 0, "stopped": 130, "failed": 1}
_OURS: dict[str, Any] = {
    "silent": True,  # the run prints a line about it itself
    "console": "off",  # standard output is for results and is not captured
    "finish_timeout": 120.0,  # seconds; what is not sent by then stays on disk
    "finish_timeout_raises": True,
}


class WandB:
    """A W&B run: the recipe as its config, metrics over an axis `step` of their own.

    W&B's own step counter only grows: it would drop metrics of a run resumed from an earlier step.
    """

    def __init__(self, opening: Opening) -> None:
        _refuse_settings(opening.folder)
        with contextlib.ExitStack() as stack:
            wandb = stack.enter_context(_session())
            known = opening.known
            self._run = wandb.init(
                project=known.get("project") or wandb.setup().settings.project or PROJECT,
                id=known.get("id"),
                name=_unless("WANDB_NAME", opening.folder.name),
                dir=_unless("WANDB_DIR", str(opening.folder)),
                resume="allow",
                reinit="create_new",
                settings=_settings(wandb),
            )
            self._run.config.update(dict(opening.settings), allow_val_change=True)
            self._run.define_metric("step")
            self._run.define_metric("*", step_metric="step")
            summary = self._run.summary if self._run.resumed else {}
            self.epoch, self.step = int(summary.get("epoch", 0)), int(summary.get("step", 0))
            self.where = _where(self._run)
            self.keep = {"id": str(self._run.id), "project": str(self._run.project)}
            if self._run.disabled:
                self.keep = dict(known)
            self._stack = stack.pop_all()

    def write(self, metrics: Mapping[str, float], step: int) -> None:
        """Hand metrics to W&B's process."""
        self._run.log({**metrics, "step": step})

    def finish(self, metrics: Mapping[str, float | str], step: int, status: Status) -> None:
        """Write the final metrics to the summary and wait until everything is sent."""
        self._run.summary.update({**metrics, "step": step})
        if status == "stopped":
            self._run.mark_preempting()  # W&B's term for a run that can be resumed
        self._run.finish(exit_code=_CODE[status])

    def close(self) -> None:
        """End W&B's process."""
        self._stack.close()


def _refuse_settings(folder: Path) -> None:
    """Stop if W&B would read settings, such as its server's address, from the run's folder."""
    for name in ("wandb", ".wandb"):
        if os.path.lexists(settings := folder / name / "settings"):
            raise UsageError(f"{settings}: would say where W&B sends metrics; remove it")


def open_tracker(opening: Opening) -> WandB:
    """Begin or continue a W&B run."""
    return WandB(opening)


def require_login() -> None:
    """Check that W&B will not prompt for a login.

    Raises:
        UsageError: The user is not logged in, and W&B is online.
    """
    try:
        with environment({"WANDB_SILENT": "true"}), _session() as wandb:
            mode = wandb.setup().settings.mode
            # Earlier versions cannot be checked without a prompt; they fail once the run begins.
            checkable = "prompt" in inspect.signature(wandb.login).parameters
            if mode in ("offline", "dryrun", "disabled") or wandb.run is not None or not checkable:
                return
            if wandb.login(prompt=False, verify=False):
                return
        problem = "not logged in"
    except Exception as error:  # of whatever type it raises for a wrong setting
        problem = words_of(error)
    raise UsageError(f"--track wandb: {problem}; run `wandb login`, or set WANDB_MODE=offline")


@contextlib.contextmanager
def _session() -> Iterator[ModuleType]:
    """The module; afterwards, what it started in this process is ended and its changes undone."""
    os.environ.update(unless_set(WANDB_ERROR_REPORTING="false"))
    import wandb
    from wandb.sdk import wandb_setup

    already_set_up = getattr(wandb_setup, "_singleton", None) is not None  # by the user's program
    hooks = sys.exit, sys.excepthook  # W&B replaces them to learn how the program ends
    try:
        if not already_set_up:
            wandb.setup(_settings(wandb))
        yield wandb
    finally:
        if not already_set_up:
            wandb.teardown()
        sys.exit, sys.excepthook = hooks


def _settings(wandb: ModuleType) -> Any:
    """Those of our settings that this version knows and the environment does not set."""
    known = wandb.Settings.model_fields
    ours = {k: v for k, v in _OURS.items() if k in known and f"WANDB_{k.upper()}" not in os.environ}
    return wandb.Settings(**ours)


def _unless(variable: str, value: str) -> str | None:
    """The value, or None if the environment sets the variable, which W&B then reads itself."""
    return None if variable in os.environ else value


def _where(run: Any) -> str:
    if run.disabled:
        return "W&B, disabled"
    if run.offline:
        folder = Path(run.dir).parent
        return f"W&B, offline; to send it: wandb sync {folder}"
    return f"W&B, {run.url}"
