"""The first sentences of a report: what was trained on what, and how good and certain the result is."""

from __future__ import annotations

import datetime as dt
from pathlib import PurePath
from typing import TYPE_CHECKING

from onestop.data.sources.python import NAME
from onestop.text import plural

if TYPE_CHECKING:
    from onestop.reporting.run_data import RunData


_STATES = {"done": "done", "going on": "in progress", "stopped": "stopped"}


def title(run: RunData) -> str:
    """The title of the page."""
    return f"{network_of(run)} on {source_of(run)}"


def network_of(run: RunData) -> str:
    """The network's name, without its origin."""
    return run.recipe.network.model.removeprefix(NAME).strip().rpartition(":")[2]


def source_of(run: RunData) -> str:
    """The name of the data, without parent folders."""
    source = run.recipe.data.source
    return "data passed in Python" if source == NAME else PurePath(source).name or source


def about(run: RunData) -> str:
    """The subtitle: which run, and when the report was written."""
    now = dt.datetime.now().astimezone().isoformat(" ", "minutes")
    epoch = run.card.metrics.get("epoch") if run.card and run.state != "done" else None
    state = _STATES[run.state] + (f", network of epoch {epoch}" if epoch else "")
    return f"Run {run.folder.name} ({state}); report written {now[:16]}"


def headline(run: RunData) -> str:
    """What was trained on what, and the result with its 95 % interval, in one sentence."""
    verbs = {
        "done": "was trained",
        "going on": "is being trained",
        "stopped": "was partly trained",
    }
    start = f"{network_of(run)} {verbs[run.state]} on {_data(run)}"
    if not run.metrics:
        return f"{start}; no epoch has been scored yet."
    result = run.report.result(run)
    return f"{start} and {'so far ' if run.state != 'done' else ''}{result}."


def _data(run: RunData) -> str:
    facts = [run.task.counted()]
    if run.dataset is not None:
        train = run.dataset.splits["train"]
        unread = {row["path"] for row in run.skipped}
        skipped = sum(train.name(i) in unread for i in range(len(train))) if unread else 0
        facts.append(plural(len(train) - skipped, f"training {run.report.thing}"))
    text = ", ".join(filter(None, facts))
    return f"{source_of(run)} ({text})" if text else source_of(run)


def remarks(run: RunData) -> list[str]:
    """What readers need to know to interpret the headline."""
    lines = []
    if run.split == "val" and run.epochs:
        lines.append(
            "The best epoch was selected on these images, so the result is slightly optimistic; a "
            "separate test split would give an unbiased estimate."
        )
    if run.split == "train":
        lines.append("No images were held out: expect worse results on new images.")
    if collapse := run.task.collapse(run.predictions):
        lines.append(f"Warning: {collapse}.")
    lines += run.report.remarks(run)
    if run.state != "done":
        done, total = len(run.epochs), run.recipe.optim.epochs
        state = "was stopped" if run.state == "stopped" else "is in progress,"
        lines.append(f"The run {state} after {done:,} of {plural(total, 'epoch')}.")
    return lines
