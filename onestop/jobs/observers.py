"""Who watches a run: the terminal and its log, run.json, and an experiment tracker."""

from __future__ import annotations

from pathlib import Path

from onestop.display.progress import Watcher
from onestop.storage.run_folder import LOG
from onestop.storage.run_info import InfoFile
from onestop.tracking.session import Tracking
from onestop.training.plan import Plan
from onestop.training.records import EpochRecord, StepRecord


class Observers:
    """Passes on what happens in a run; none of them can change a result.

    Attributes:
        watcher: Prints progress and writes log.txt.
        info: run.json, which keeps notes and warnings.
        tracking: The experiment tracker that the recipe asks for, if any.
    """

    def __init__(self, folder: Path, plan: Plan, *, quiet: bool) -> None:
        self.watcher = Watcher(plan.task.metrics, quiet=quiet)
        self.watcher.log = folder / LOG
        self.info = InfoFile(folder, plan.task.name, plan.task.metrics, plan.whys)
        self.tracking = Tracking(folder, plan.recipe, self.say)

    def say(self, line: str) -> None:
        """Print and log a line; notes and warnings are kept in run.json too."""
        self.watcher.say(line)
        if line.startswith(("note: ", "warning: ")):
            self.info.note(line)

    def tell(self, line: str) -> None:
        """Print and log a line that is true of the network as it is now, and not of the run."""
        self.watcher.say(line)

    def show(self, record: StepRecord | EpochRecord, epochs: int) -> None:
        """Pass on a record of the training loop of a run of this many epochs."""
        self.watcher.show(record, epochs)
        self.tracking.show(record)
