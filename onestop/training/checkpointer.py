"""What a run must not lose, written in an order in which a kill at any moment loses nothing.

First the rows of the epochs, then the best network, then the state. A run is resumed from its state,
which says how many rows belong to it; rows and a network that are ahead of the state are merely written
again, to the same bits.

A write that fails (a full disk, an error of the device) does not end the run: training continues, the
write is tried again after a while, and the run stops only after several failures in a row.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from onestop.errors import OneStopError, UsageError, WriteError
from onestop.recipe.files import resume_command
from onestop.runtime.files import write_atomic
from onestop.storage.model_file import packed_model
from onestop.storage.own_files import states_in
from onestop.storage.run_folder import EPOCHS, MODEL, STATE, EpochsFile, columns_of
from onestop.text import plural
from onestop.training.checkpoint import States, state_size
from onestop.training.records import EpochRecord
from onestop.training.setup import Session

EVERY = 600.0
"""Seconds after which the state is saved within a long epoch."""
PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds between the attempts of a save that fails; after the last one the run stops."""


class Checkpointer:
    """Writes what a run in a folder must not lose.

    Attributes:
        about: What the states belong to.
    """

    def __init__(
        self, folder: Path, session: Session, states: States, about: dict[str, Any],
        say: Callable[[str], None],
    ) -> None:  # fmt: skip
        """`say` gets a line for each save that fails."""
        self.folder, self.about = folder, about
        self._session, self._states, self._say = session, states, say
        self._rows = EpochsFile(
            folder / EPOCHS, columns_of(session.task.metrics), session.training.progress.epoch,
            probed=session.training.progress.probed,
        )  # fmt: skip
        if lost := self._rows.lost:
            say(f"warning: {folder / EPOCHS}: {plural(lost, 'epoch')} could not be read; left out")
        self._model: bytes | None = None
        self._failures = 0
        self._next = time.monotonic() + EVERY

    @property
    def due(self) -> bool:
        """Whether it is time to save, again or within a long epoch."""
        return time.monotonic() >= self._next

    def note(self, record: EpochRecord) -> None:
        """Take the results of an epoch, to be written with the next save."""
        self._rows.add(record.row)
        if record.best:
            self.note_model(record.row)

    def note_model(self, metrics: dict[str, Any]) -> None:
        """Take the network as it is now as the best one."""
        self.note_network(self._session.training.scored, metrics)

    def note_network(self, network: nn.Module, metrics: dict[str, Any]) -> None:
        """Take another network as the best one."""
        card = dataclasses.replace(self._session.card, metrics=dict(metrics))
        self._model = packed_model(network.state_dict(), card)

    def save(self) -> bool:
        """Write everything; whether that succeeded.

        Raises:
            WriteError: It failed too often.
        """
        try:
            self._rows.write()
            if self._model is not None:
                write_atomic(self.folder / MODEL, self._model)
                self._model = None
            self.about["done"] = self._session.training.progress.epoch
            self._states.save(self._session.training, self.about)
        except OneStopError as error:
            self._failed(error)
            return False
        self._failures = 0
        self._next = time.monotonic() + EVERY
        return True

    def save_now(self) -> None:
        """Save before going on, however many tries it takes.

        Raises:
            WriteError: It failed too often.
        """
        while not self.save():
            time.sleep(max(0.0, self._next - time.monotonic()))

    def _failed(self, error: OneStopError) -> None:
        if self._failures == len(PAUSES):
            last = self._states.last
            good = f"what was saved until {last.stem} remains valid" if last else "nothing is saved"
            raise WriteError(
                f"{error}, tried {self._failures + 1} times; {good}; make room, then resume with: "
                f"{resume_command(self.folder, self._session.recipe)}"
            )
        pause = PAUSES[self._failures]
        self._failures += 1
        self._next = time.monotonic() + pause
        self._say(f"warning: could not save: {error}; next try in {pause:g} s")


def require_space(folder: Path, session: Session) -> None:
    """See that the disk has room for what a run writes.

    Raises:
        UsageError: It does not.
    """
    state = state_size(session.training)
    model = sum(tensor.nbytes for tensor in session.training.network.state_dict().values())
    if session.plan.linear_head and not session.training.probe:
        state += model
    # Two states and a model, and the next of each while it is written.
    needed = 3 * state + 2 * model
    free = shutil.disk_usage(folder).free
    already = sum(file.lstat().st_size for file in states_in(folder / STATE))
    if free + already < needed:
        raise UsageError(
            f"{folder}: a run of {session.plan.entry.name} writes up to {needed / 1e6:,.0f} MB, and "
            f"{free / 1e6:,.0f} MB are free there; make room, or name another disk with --out"
        )
