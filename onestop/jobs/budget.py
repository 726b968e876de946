"""The plan that fits into a time budget: epochs and, where it is free, the image size.

Measured on a few steps of the run itself, once: what comes out is in the recipe, with the speed in its
reasons, and is never measured again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from onestop.jobs.dry_run import estimate
from onestop.recipe.durations import text_of
from onestop.results.cost import Estimate
from onestop.training.line import SHARES
from onestop.training.plan import Plan

_REPORT = 6.0  # seconds that the report and the final files take, about
_SPARE = 0.03  # share of the budget that is left for what cannot be foreseen
_MOST = 4  # times the usual number of epochs, at most
_FEW = 5  # epochs from random weights below which smaller images are worth more
_STEP = 32


def budget_needs(
    planned: Plan, known: Collection[str], begun: float, say: Callable[[str], None]
) -> dict[str, tuple[object, str]]:
    """The epochs that fit, and a smaller image size if only that makes them fit.

    Nothing if the recipe has no time budget, or if its epochs are set.

    Args:
        planned: Its network may be trained for some steps, and is of no use then.
        known: What is settled already.
        begun: When the run was asked for, by `time.perf_counter`.
        say: Takes a line about the choice.
    """
    budget, usual = planned.recipe.optim.time_budget, planned.recipe.optim.epochs
    if not budget or not usual or "epochs" in known or "epochs" not in planned.whys:
        return {}
    cost = estimate(planned, begun=time.perf_counter())
    left = budget * (1 - _SPARE) - (time.perf_counter() - begun) - _fixed(planned, cost)
    epoch = _epoch(cost)
    size, free = planned.recipe.data.image_size, "image_size" in planned.whys
    probed = planned.linear_head is not None
    needs: dict[str, tuple[object, str]] = {}
    if free and not probed and left < _FEW * epoch and size > 2 * _STEP:
        smaller = max(2 * _STEP, round(size * 0.75 / _STEP) * _STEP)
        epoch *= (smaller / size) ** 2
        needs["image_size"] = (smaller, f"{size} pixels leave no time for {_FEW} epochs")
    fitting = max(0 if probed else 1, min(_MOST * usual, int(left / epoch)))
    speed = cost.images / epoch
    why = (
        f"what fits into {text_of(budget)}: {epoch:.3g} s each, at {speed:.3g} images/s as measured "
        "before the run"
    )
    say(f"time budget of {text_of(budget)}: {fitting} epochs of {epoch:.3g} s fit")
    if left < 0:
        say(f"warning: even without an epoch, the run takes about {text_of(budget - left)}")
    return {**needs, "epochs": (fitting, why)}


def _epoch(cost: Estimate) -> float:
    """Seconds of an epoch."""
    whole = sum(phase.epochs * (phase.training + phase.evaluation) for phase in cost.phases)
    return whole / max(1, sum(phase.epochs for phase in cost.phases))


def _fixed(planned: Plan, cost: Estimate) -> float:
    """Seconds that do not depend on the number of epochs."""
    once = sum(phase.once for phase in cost.phases)
    seconds = cost.preparation + cost.starting + once + cost.final + _REPORT
    if planned.linear_head:
        scoring = cost.phases[0].evaluation
        held_out = cost.validation_images or cost.images
        forward = (scoring or cost.final) / held_out  # per image
        seconds += forward * cost.images + scoring * (2 + len(SHARES))
    return seconds
