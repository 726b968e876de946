"""What a recipe leaves to be settled before a run begins, on its images and on this machine.

The size and crop of a probe follow from the training images; what fits into a time budget follows from
a few measured steps. The recipe that comes out sets everything, so that a run made from it is the same,
and is resumed without choosing or measuring again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias, cast

from onestop.data.preprocess import ImagePreprocessing
from onestop.jobs.budget import budget_needs, fits_into
from onestop.runtime.rng import preserved
from onestop.training.plan import Plan
from onestop.training.probe.features import FeatureBank
from onestop.training.probe.views import View, candidates, choose_view

Needs: TypeAlias = dict[str, tuple[object, str]]
"""Settings, each with its reason."""


def bank_for(planned: Plan) -> FeatureBank:
    """An empty bank for the features of a run's training split."""
    workers = planned.recipe.machine.workers
    return FeatureBank(planned.dataset.splits["train"], planned.engine, workers)


def settled(
    planned: Plan, bank: FeatureBank, say: Callable[[str], None], begun: float, known: Needs
) -> Needs:
    """What must be set of a new run before it can begin; empty if nothing is left to be settled.

    Args:
        planned: Of the run; its network may be of no use afterwards.
        bank: Of its training split; keeps features that the run will need again.
        say: Takes lines about what is compared.
        begun: When the run was asked for, by `time.perf_counter`.
        known: What is settled already.
    """
    if planned.recipe.network.probe == "choose":
        return _view(planned, bank, say, begun)
    free = "epochs" in planned.whys and "epochs" not in known and planned.recipe.optim.epochs
    if planned.recipe.optim.time_budget and free:
        return budget_needs(planned, begun, say)
    return {}


def _view(planned: Plan, bank: FeatureBank, say: Callable[[str], None], begun: float) -> Needs:
    """The view that suits the training images best."""
    head, base = planned.linear_head, cast(ImagePreprocessing, planned.preprocessing)
    assert head is not None
    views = candidates(planned.network, base)
    with preserved(), planned.engine.applied():
        planned.engine.place(planned.network)
        if budget := planned.recipe.optim.time_budget:
            took = time.perf_counter()
            bank.features(planned.network, head.name, base)
            took = time.perf_counter() - took
            left = budget - (time.perf_counter() - begun)
            views = [view for view in views if fits_into(left, took, view, base)] or [base]
        compared = choose_view(
            planned.network, head, planned.task, planned.dataset, planned.recipe.machine.seed,
            views, bank, say,
        )  # fmt: skip
    return _needs(compared)


def _needs(compared: list[View]) -> Needs:
    best = compared[0].preprocessing
    losses = ", ".join(f"{view.loss:.4f} with {view.text}" for view in compared)
    why = f"chosen by the cross-validated loss of a probe: {losses}"
    crop = best.crop_fraction if best.fit == "crop" else None
    return {"probe": ("fit", why), "image_size": (best.size[0], why), "crop_fraction": (crop, why)}
