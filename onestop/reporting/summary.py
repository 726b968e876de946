"""What the first sentences of a page say: what was trained on what, how well, and how sure that is."""

from __future__ import annotations

import datetime as dt
from pathlib import PurePath
from typing import TYPE_CHECKING

from onestop.data.sources.python import NAME
from onestop.text import plural

if TYPE_CHECKING:
    from onestop.reporting.run_data import RunData


def title(found: RunData) -> str:
    """What the page is called."""
    return f"{network_of(found)} on {source_of(found)}"


def network_of(found: RunData) -> str:
    """The network's name, without where it comes from."""
    return found.recipe.network.model.removeprefix(NAME).strip().rpartition(":")[2]


def source_of(found: RunData) -> str:
    """The data's name, without the folders above it."""
    source = found.recipe.data.source
    return "data passed in Python" if source == NAME else PurePath(source).name or source


def about(found: RunData) -> str:
    """Under the title: which run, and when the page was made."""
    now = dt.datetime.now().astimezone().isoformat(" ", "minutes")
    return f"Run {found.folder.name}, {found.state}; report of {now[:16]}"


def headline(found: RunData) -> str:
    """What was trained on what and how well, in one sentence with an interval of 95 %."""
    of = {
        "done": "was trained",
        "going on": "is being trained",
        "stopped": "was trained, not to the end,",
    }
    begin = f"{network_of(found)} {of[found.state]} on {_data(found)}"
    if not found.metrics:
        return f"{begin}; no epoch of it is scored yet."
    end = found.report.result(found)
    return f"{begin} and {'so far ' if found.state != 'done' else ''}{end}."


def _data(found: RunData) -> str:
    facts = [found.task.counted()]
    if found.dataset is not None:
        train = found.dataset.splits["train"]
        unread = {row["path"] for row in found.skipped}
        left_out = sum(train.name(i) in unread for i in range(len(train))) if unread else 0
        facts.append(plural(len(train) - left_out, f"training {found.report.thing}"))
    said = ", ".join(filter(None, facts))
    return f"{source_of(found)} ({said})" if said else source_of(found)


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
    said += found.report.remarks(found)
    if found.state != "done":
        done, of = len(found.epochs), found.recipe.optim.epochs
        said.append(f"The run is {found.state}; of {plural(of, 'epoch')} it has done {done:,}.")
    return said
