"""The table of labels: how well each is ranked, how many are found, and how sure that is.

Legend: L labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from onestop.metrics.intervals import wilson
from onestop.metrics.multilabel import Counts, Floats, LabelCounts
from onestop.reporting.blocks import Block, Share, Table, Text
from onestop.reporting.run_data import RunData
from onestop.text import listing, plural

FEW = 30
"""Images with a label below which its metrics are little more than a guess."""
_UNFOLDED = 30  # rows of the table of labels
_COLUMNS = (
    "label",
    "images",
    "AP",
    "found (recall)",
    "right when named (precision)",
    "F1",
    "threshold",
)


def label_table(
    run: RunData, counts: LabelCounts, thresholds: Sequence[float], ap: Floats
) -> list[Block]:
    """One row per label; of many labels the weakest come first."""
    found, named = counts.tp + counts.fn, counts.tp + counts.fp
    rows: list[tuple[str | Share, ...]] = []
    for k, name in enumerate(run.names):
        hits, images, predicted = int(counts.tp[k]), int(found[k]), int(named[k])
        rows.append((
            name, f"{images:,}" + (" (few)" if images < FEW else ""),
            f"{ap[k]:.1%}" if images else "", share_of(hits, images) if images else "",
            share_of(hits, predicted) if predicted else "never named",
            f"{2 * hits / max(images + predicted, 1):.1%}", f"{thresholds[k]:.1%}",
        ))  # fmt: skip
    caption = "Shares with their intervals of 95% (Wilson), each label at its threshold."
    if len(rows) > _UNFOLDED:
        order = np.argsort(np.where(found > 0, ap, np.inf), kind="stable").tolist()
        rows = [rows[k] for k in order]
        caption += " The weakest labels come first."
    return [*_few(run, found), Table(_COLUMNS, rows, caption, _UNFOLDED)]


def _few(run: RunData, images: Counts) -> list[Block]:
    few = [run.names[k] for k in np.flatnonzero(images < FEW)]
    if not few:
        return []
    has = plural(len(few), "label has", "labels have")
    text = f"{has} fewer than {FEW} held-out images, so their values are rough: {listing(few, 5)}."
    return [Text(text, "warning")]


def share_of(hits: int, count: int) -> Share:
    """A share with its interval of 95 %."""
    low, high = wilson(hits, count)
    return Share(hits / max(count, 1), float(low), float(high))
