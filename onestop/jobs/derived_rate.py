"""A derived learning rate that the first steps of a run disprove: lowered, and the run begun anew.

Only a rate that nobody set is ever lowered. What the first attempt left in the run's folder is removed
before the lower rate is in its recipe: a process that is killed in between goes on with the attempt,
and comes to the same end.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from onestop.recipe import Recipe
from onestop.recipe.files import write_recipe
from onestop.runtime.files import write_atomic
from onestop.storage.run_folder import EPOCHS, MODEL, RECIPE, STATE
from onestop.training.checkpoint import States
from onestop.training.defaults import usual_rate
from onestop.training.plan import Plan, plan

if TYPE_CHECKING:
    from onestop.jobs.observers import Observers

FACTOR = 4
"""By how much the rate is divided."""
MOST = 4
"""How often it is lowered at most: to 1/256 of what the rule gives."""


def lower_rate(planned: Plan) -> float | None:
    """The next lower learning rate; None if somebody set it, or it was lowered often enough."""
    if "lr" not in planned.whys:
        return None
    lower = planned.recipe.optim.lr / FACTOR
    return lower if lower > usual(planned) / FACTOR ** (MOST + 0.5) else None


def usual(planned: Plan) -> float:
    """The rate that the rule gives for a run."""
    vectors = not planned.dataset.splits["train"].is_image
    return usual_rate(planned.recipe.values(), vectors=vectors)


def advice(planned: Plan) -> str:
    """What to do about a rate that is too high."""
    lr = planned.recipe.optim.lr
    lower = min(usual(planned), lr / 10)
    return f"lower --lr (now {lr:g}), for example to {lower:.3g}, or set --clip-grad 1"


def begin_anew(folder: Path, planned: Plan, rate: float, reason: str, observers: Observers) -> Plan:
    """The plan of the run with a lower rate; its folder is as if nothing had been trained in it.

    Args:
        folder: Of the run.
        planned: With the rate that was too high.
        rate: The lower one.
        reason: What disproves the rate, such as `the loss became nan in step 3`.
        observers: Are told.
    """
    before = planned.recipe.optim.lr
    States(folder / STATE).remove()
    for name in (EPOCHS, MODEL):
        (folder / name).unlink(missing_ok=True)
    step = f"lowered from {before:g} after {reason}"
    whys = dict(planned.whys)
    if step not in whys["lr"]:  # else the process that lowered it was killed here
        whys["lr"] = f"{whys['lr']}; {step}"
    recipe = Recipe.from_values({**planned.recipe.values(), "lr": rate})
    observers.info.explain("lr", whys["lr"])
    write_atomic(folder / RECIPE, write_recipe(recipe))
    observers.say(
        f"note: the derived learning rate of {before:g} is too high: {reason}; the run begins anew "
        f"with {rate:g}"
    )
    observers.tracking.anew(recipe)
    return plan(recipe, planned.entry, planned.dataset, planned.given, whys)
