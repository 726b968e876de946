"""The table of labels: average precision, recall and precision with intervals, and thresholds.

Legend: L labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from onestop.metrics.multilabel import Floats, LabelCounts
from onestop.reporting.blocks import Block, Share, Table
from onestop.reporting.classes import SHORT, count_cell, imprecise, shares_of
from onestop.reporting.run_data import RunData

COLUMNS = ("label", "images", "AP", "recall", "precision", "F1", "threshold")


def label_table(
    run: RunData, counts: LabelCounts, thresholds: Sequence[float], ap: Floats
) -> list[Block]:
    """One row per label; if there are many, those with the lowest average precision come first.

    Args:
        run: The data of the run.
        counts: Counts at the thresholds.
        thresholds: [L].
        ap: Average precision, [L].
    """
    tp, images = counts.tp.tolist(), (counts.tp + counts.fn).tolist()
    predictions = (counts.tp + counts.fp).tolist()
    recall, precision = shares_of(tp, images), shares_of(tp, predictions)
    rows: list[tuple[str | Share, ...]] = []
    for k, name in enumerate(run.names):
        rows.append((
            name, count_cell(images[k]),
            f"{ap[k]:.1%}" if images[k] else "",
            recall[k] if images[k] else "",
            precision[k] if predictions[k] else "never predicted",
            f"{2 * tp[k] / max(images[k] + predictions[k], 1):.1%}", f"{thresholds[k]:.1%}",
        ))  # fmt: skip
    caption = "Recall and precision at the thresholds, with 95% confidence intervals (Wilson)."
    if len(rows) > SHORT:
        order = np.argsort(np.where(np.isnan(ap), np.inf, ap), kind="stable").tolist()
        rows = [rows[k] for k in order]
        caption += " Labels with the lowest average precision (AP) come first."
    of_label = dict(zip(run.names, images, strict=True))
    return [*imprecise(run.names, of_label, *run.task.nouns), Table(COLUMNS, rows, caption, SHORT)]
