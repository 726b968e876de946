"""The stages of a run: a probe, if it starts from pretrained weights, then the loop."""

from __future__ import annotations

from collections.abc import Callable, Generator

from onestop.training.loop import fit
from onestop.training.probe.features import FeatureBank, Watch
from onestop.training.probe.stage import Fitted, fit_probe
from onestop.training.records import EpochRecord, StepRecord
from onestop.training.setup import Session


def stages(
    session: Session, bank: FeatureBank, watch: Watch | None = None,
    probed: Callable[[Fitted], None] = lambda _: None,
) -> Generator[StepRecord | EpochRecord, None, None]:  # fmt: skip
    """The records of what is left of a run.

    Args:
        session: Freshly set up, or brought to a state; see `onestop.training.loop.fit`.
        bank: Features of the training split.
        watch: Follows the probe.
        probed: Takes the head that was fitted to the features.
    """
    training, goal = session.training, session.goal
    if session.plan.linear_head and not training.progress.probed:
        yield fit_probe(session, bank, watch, probed)
    yield from fit(training, session.task, session.phases(), session.step, goal, session.rate)
