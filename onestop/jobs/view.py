"""The size and crop of a probe, settled on the training images before a run begins.

The recipe that comes out sets them, so that a run made from it is the same, and is resumed without
choosing again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias, cast

from onestop.data.preprocess import ImagePreprocessing
from onestop.runtime.rng import preserved
from onestop.training.plan import Plan
from onestop.training.probe.features import FeatureBank
from onestop.training.probe.views import Keep, View, candidates, choose_view

Needs: TypeAlias = dict[str, tuple[object, str]]
"""Settings, each with its reason."""

_PASSES = 6.0  # passes over the images that a run with a probe takes at least, about


def view_needs(
    planned: Plan, bank: FeatureBank, begun: float, say: Callable[[str], None],
    keep: Keep = lambda *_: None,
) -> Needs:  # fmt: skip
    """The view that suits the training images best, if the recipe asks to choose one.

    Args:
        planned: Of a new run.
        bank: Of its training split; keeps features that the run will need again.
        begun: When the run was asked for, by `time.perf_counter`.
        say: Takes lines about what is compared.
        keep: See `choose_view`.
    """
    if planned.recipe.network.probe != "choose":
        return {}
    head = planned.linear_head
    assert head is not None
    with preserved(), planned.engine.applied():
        planned.engine.place(planned.network)
        compared = choose_view(
            planned.network, head, planned.task, planned.dataset, planned.recipe.machine.seed,
            _candidates(planned, bank, begun), bank, say, keep,
        )  # fmt: skip
    return _needs(planned, compared)


def _candidates(planned: Plan, bank: FeatureBank, begun: float) -> list[ImagePreprocessing]:
    """What is compared: within a time budget only what leaves time for the rest of the run."""
    head, base = planned.linear_head, cast(ImagePreprocessing, planned.preprocessing)
    views = [view for view in candidates(planned.network, base) if _is_free(planned, view)]
    if not (budget := planned.recipe.optim.time_budget) or head is None:
        return views
    start = time.perf_counter()
    bank.features(planned.network, head.name, base)
    least = _PASSES * (time.perf_counter() - start)
    left = budget - (time.perf_counter() - begun)
    return [v for v in views if v is base or least * (v.size[0] / base.size[0]) ** 2 <= left]


def _is_free(planned: Plan, view: ImagePreprocessing) -> bool:
    """Whether a view has the size and the crop that the user has set, if so."""
    data, base = planned.recipe.data, cast(ImagePreprocessing, planned.preprocessing)
    size = "image_size" in planned.whys or view.size == base.size
    return size and (data.crop_fraction is None or view.crop_fraction == base.crop_fraction)


def _needs(planned: Plan, compared: list[View]) -> Needs:
    best = compared[0].preprocessing
    losses = ", ".join(f"{view.loss:.4f} with {view.text}" for view in compared)
    why = f"chosen by the cross-validated loss of a probe: {losses}"
    needs: Needs = {"probe": ("fit", why)}
    if "image_size" in planned.whys:
        needs["image_size"] = best.size[0], why
    if planned.recipe.data.crop_fraction is None and best.fit == "crop":
        needs["crop_fraction"] = best.crop_fraction, why
    return needs
