"""What only the images can settle of a recipe, before a run begins: the size and crop of a probe.

The recipe that comes out sets everything, so that a run made from it is the same, and is resumed
without choosing again.
"""

from __future__ import annotations

from collections.abc import Callable

from onestop.data.preprocess import ImagePreprocessing
from onestop.recipe import Recipe
from onestop.runtime.rng import preserved
from onestop.training.plan import Plan, plan
from onestop.training.probe.features import FeatureBank
from onestop.training.probe.views import View, candidates, choose_view


def bank_for(planned: Plan) -> FeatureBank:
    """An empty bank for the features of a run's training split."""
    workers = planned.recipe.machine.workers
    return FeatureBank(planned.dataset.splits["train"], planned.engine, workers)


def settled(planned: Plan, bank: FeatureBank, say: Callable[[str], None]) -> Plan:
    """The plan with the view that suits the training images best, if its recipe asks to choose one.

    Args:
        planned: Of a new run.
        bank: Of its training split; keeps features that the run will need again.
        say: Takes lines about what is compared.
    """
    head, base = planned.linear_head, planned.preprocessing
    if planned.recipe.network.probe != "choose" or head is None:
        return planned
    assert isinstance(base, ImagePreprocessing)
    views = candidates(planned.network, base)
    with preserved(), planned.engine.applied():
        planned.engine.place(planned.network)
        compared = choose_view(
            planned.network, head, planned.task, planned.dataset, planned.recipe.machine.seed,
            views, bank, say,
        )  # fmt: skip
    return _with_view(planned, compared)


def _with_view(planned: Plan, compared: list[View]) -> Plan:
    best = compared[0].preprocessing
    losses = ", ".join(f"{view.loss:.4f} with {view.text}" for view in compared)
    why = f"chosen by the cross-validated loss of a probe: {losses}"
    values = planned.recipe.values() | {
        "probe": "fit", "image_size": best.size[0],
        "crop_fraction": best.crop_fraction if best.fit == "crop" else None,
    }  # fmt: skip
    whys = dict(planned.whys) | {"image_size": why, "crop_fraction": why}
    return plan(Recipe.from_values(values), planned.entry, planned.dataset, planned.given, whys)
