"""The learning curve of a planned run's probe."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from onestop.display.progress import shown_progress
from onestop.metrics.power_law import forecast, mean_over_folds
from onestop.results.curve import Curve
from onestop.runtime.rng import key_for, permutation, preserved
from onestop.training.inputs import training_inputs
from onestop.training.plan import Plan
from onestop.training.probe.curve import learning_curve
from onestop.training.probe.features import FeatureBank

MOST = 20_000
"""Training images that are used, at most; of more, as many at random."""


def measured(planned: Plan, bank: FeatureBank, *, quiet: bool) -> Curve:
    """Compute the features, and measure the curve.

    Args:
        planned: With a linear head.
        bank: Of its training split.
        quiet: Show no progress.

    Raises:
        DataError: There are too few images, or none can be read.
    """
    dataset, head = planned.dataset, planned.linear_head
    assert head is not None
    train, seed = dataset.splits["train"], planned.recipe.machine.seed
    some = None if len(train) <= MOST else np.sort(permutation(key_for("curve"), len(train))[:MOST])
    with preserved(), planned.engine.applied(), shown_progress(quiet=quiet) as watch:
        preprocessing, _ = training_inputs(planned, [])
        planned.engine.place(planned.network)
        features = bank.features(
            planned.network, head.name, preprocessing, some=some,
            watch=lambda done, total: watch("features", done, total),
        )  # fmt: skip
        groups = dataset.groups.get("train")
        found = learning_curve(planned.task, train.targets, features, groups, seed)
    metric, at = planned.task.metrics[0], (float(len(train)), 2.0 * len(train))
    now, twice, gain = forecast(found.sizes, found.values, at, higher=metric.higher)
    possible = (0.0, 1.0) if metric.percent else (-math.inf, math.inf)
    points = [
        {"images": float(size), **dataclasses.asdict(mean_over_folds(values).within(*possible))}
        for size, values in zip(found.sizes, found.values.T, strict=True)
    ]
    notes = (
        (f"measured with {MOST:,} of {len(train):,} training images",) if some is not None else ()
    )
    return Curve(
        dataset.name,
        planned.entry.name,
        metric,
        len(train),
        points,
        now.within(*possible),
        twice.within(*possible),
        gain,
        notes,
    )
