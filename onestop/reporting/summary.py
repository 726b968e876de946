"""What the first sentences of a page say: what was trained on what, how well, and how sure that is."""

from __future__ import annotations

import datetime as dt
from pathlib import PurePath

import numpy as np

from onestop.data.sources.python import NAME
from onestop.metrics.intervals import root_mean, wilson
from onestop.reporting.run_data import RunData
from onestop.text import named_split, plural


def title(found: RunData) -> str:
    """What the page is called."""
    return f"{network_of(found)} on {source_of(found)}"


def network_of(found: RunData) -> str:
    """The network's name, without where it comes from."""
    return (found.recipe.model or "a network").removeprefix(NAME).strip().rpartition(":")[2]


def source_of(found: RunData) -> str:
    """The data's name, without the folders above it."""
    source = found.recipe.source
    return "data given in Python" if source == NAME else PurePath(source).name or source


def about(found: RunData) -> str:
    """Under the title: which run, and when the page was made."""
    now = dt.datetime.now().astimezone().isoformat(" ", "minutes")
    return f"Run {found.folder.name}, {found.state}; report of {now[:16]}"


def headline(found: RunData) -> str:
    """What was trained on what and how well, in one sentence with an interval of 95 %."""
    metrics = found.metrics
    of = {
        "done": "was trained",
        "going on": "is being trained",
        "stopped": "was trained, not to the end,",
    }
    begin = f"{network_of(found)} {of[found.state]} on {_data(found)}"
    if not metrics:
        return f"{begin}; no epoch of it is scored yet."
    images = metrics["images"]
    held = "held-out " if found.split != "train" else ""
    if not found.classes:
        end = _numbers(found, images)
    else:
        hits = round(metrics["accuracy"] * images)
        low, high = (float(end) for end in wilson(hits, images))
        end = (
            f"names {hits:,} of {images:,} {held}{named_split(found.split)} images right: "
            f"accuracy {metrics['accuracy']:.1%}, with 95% confidence between {low:.1%} and {high:.1%}"
        )
    return f"{begin} and {'so far ' if found.state != 'done' else ''}{end}."


def _data(found: RunData) -> str:
    name = source_of(found)
    if found.dataset is None:
        return (
            f"{name} ({plural(len(found.classes), 'class', 'classes')})" if found.classes else name
        )
    train = found.dataset.splits["train"]
    unread = {row["path"] for row in found.skipped}
    left_out = sum(train.name(i) in unread for i in range(len(train))) if unread else 0
    count = plural(len(train) - left_out, "training image")
    if not found.classes:
        return f"{name} ({count.replace('image', 'sample')})"
    return f"{name} ({plural(len(found.classes), 'class', 'classes')}, {count})"


def _numbers(found: RunData, count: int) -> str:
    metrics = found.metrics
    low, high = root_mean([verdict.loss for verdict in found.verdicts])
    between = f", with 95% confidence between {low:.4g} and {high:.4g}" if found.verdicts else ""
    return (
        f"misses the number of {count:,} {named_split(found.split)} samples by "
        f"{metrics['rmse']:.4g} (root mean square{between}); {_explained(metrics['r2'])}"
    )


def _explained(r2: float) -> str:
    if r2 > 0:
        return f"it explains {r2:.1%} of their variance"
    return "no better than always predicting their mean"


def remarks(found: RunData) -> list[str]:
    """What one must know to take the headline for what it is."""
    said = []
    if found.split == "val" and found.epochs:
        said.append(
            "The kept epoch was chosen by these images, so the result is slightly optimistic; a test "
            "split would be fairer."
        )
    if found.split == "train":
        said.append("No images were held out: on new ones the network will do worse.")
    if base := _baseline(found):
        said.append(base)
    if found.state != "done":
        done, of = len(found.epochs), found.recipe.epochs or 0
        said.append(f"The run is {found.state}; of {plural(of, 'epoch')} it has done {done:,}.")
    return said


def _baseline(found: RunData) -> str:
    """What an accuracy is to be held against: always predicting the most frequent class."""
    if not found.named:
        return ""
    names, counts = np.unique([verdict.truth for verdict in found.verdicts], return_counts=True)
    share, name = counts.max() / counts.sum(), str(names[counts.argmax()])
    digits = 1 if share < 0.1 else 0
    return f"Always predicting {name!r} would be right {share:.{digits}%} of the time."
