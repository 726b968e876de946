"""The stages of a run: a probe, if it starts from pretrained weights, then the loop."""

from __future__ import annotations

from collections.abc import Generator

from onestop.training.loop import fit
from onestop.training.probe.features import FeatureBank, Watch
from onestop.training.probe.stage import fit_probe
from onestop.training.records import EpochRecord, StepRecord
from onestop.training.setup import Session


def stages(
    session: Session, bank: FeatureBank, watch: Watch | None = None
) -> Generator[StepRecord | EpochRecord, None, None]:
    """The records of what is left of a run.

    Args:
        session: Freshly set up, or brought to a state; see `onestop.training.loop.fit`.
        bank: Features of the training split.
        watch: Follows the probe.
    """
    training, goal = session.training, session.goal
    if session.plan.linear_head and not training.progress.probed:
        yield fit_probe(session, bank, watch)
    yield from fit(training, session.task, session.phases(), session.step, goal, session.rate)
