"""Labels that look wrong, with pictures, from label_issues.csv of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onestop.linting.label_issues import few_images
from onestop.reporting.blocks import Block, Gallery, Table, Text, Tile
from onestop.storage.run_folder import LABEL_ISSUES
from onestop.text import plural

if TYPE_CHECKING:
    from onestop.reporting.run_data import RunData

_ROWS, _UNFOLDED = 200, 12  # of the table


def label_blocks(run: RunData, tiles: list[Tile]) -> list[Block]:
    """The training and validation images whose label looks wrong; nothing for a run without a probe.

    Args:
        run: The data of the run.
        tiles: Pictures of the first of them, as far as there are any.
    """
    if run.label_issues is None:
        return []
    return [Text(_intro(run)), *_caution(run), *_shown(run, tiles)]


def _intro(run: RunData) -> str:
    issues = run.label_issues or []
    if not issues:
        return "No label of a training or validation image looks wrong."
    looks = "looks" if len(issues) == 1 else "look"
    return (
        f"{plural(len(issues), 'label')} of training and validation images {looks} wrong to a linear "
        "model on the pretrained features that was fitted without them (confident learning, Northcutt "
        f"et al. 2021); the most doubtful first, all in {LABEL_ISSUES}. Not each of them is: look at "
        "them. Nothing was changed."
    )


def _caution(run: RunData) -> list[Block]:
    train = None if run.dataset is None else run.dataset.splits["train"]
    text = "" if train is None else few_images(train.targets)
    return [Text(f"{text[:1].upper()}{text[1:]}.")] if text else []


def _shown(run: RunData, tiles: list[Tile]) -> list[Block]:
    issues = run.label_issues or []
    if not issues:
        return []
    rows = [(i.image, i.split, i.label, i.suggested, f"{i.score:.2f}") for i in issues[:_ROWS]]
    columns = ("image", "split", "label", "looks like", "score")
    table = Table(columns, rows, "", 0 if tiles else _UNFOLDED)
    return [Gallery(tiles), table] if tiles else [table]
