"""Labels that look wrong, with pictures, from label_issues.csv of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onestop.data.dataset import Dataset
from onestop.errors import BadImageError
from onestop.linting.label_issues import LabelIssue, few_images
from onestop.reporting.blocks import Block, Gallery, Table, Text, Tile, tile
from onestop.reporting.images import as_image, has_images
from onestop.storage.run_folder import LABEL_ISSUES
from onestop.text import plural

if TYPE_CHECKING:
    from onestop.inference.model import Model
    from onestop.reporting.run_data import RunData

_PICTURES = 12
_ROWS, _UNFOLDED = 200, 12  # of the table


def label_blocks(run: RunData) -> list[Block]:
    """The training and validation images whose label looks wrong; nothing for a run without a probe."""
    if run.label_issues is None:
        return []
    return [Text(_intro(run)), *_caution(run), *_shown(run)]


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


def _shown(run: RunData) -> list[Block]:
    issues = run.label_issues or []
    if not issues:
        return []
    tiles: list[Tile] = []
    if run.dataset is not None and run.model is not None and has_images(run):
        tiles = _tiles(issues[:_PICTURES], run.dataset, run.model)
    rows = [(i.image, i.split, i.label, i.suggested, f"{i.score:.2f}") for i in issues[:_ROWS]]
    columns = ("image", "split", "label", "looks like", "score")
    table = Table(columns, rows, "", 0 if tiles else _UNFOLDED)
    return [Gallery(tiles), table] if tiles else [table]


def _tiles(issues: list[LabelIssue], dataset: Dataset, model: Model) -> list[Tile]:
    """A picture of each, as the network sees it."""
    indices = {
        (split, samples.name(i)): i
        for split in {issue.split for issue in issues} & dataset.splits.keys()
        for samples in [dataset.splits[split]]
        for i in range(len(samples))
    }
    tiles = []
    for issue in issues:
        index, pixels = indices.get((issue.split, issue.image)), None
        if index is not None:
            try:
                pixels = as_image(model.preprocessing.prepare(dataset.splits[issue.split], index))
            except BadImageError:
                pixels = None
        words = issue.label or "no label", issue.suggested or "no label"
        lines = [f"labelled {words[0]}", f"rather {words[1]}", f"score {issue.score:.2f}"]
        tiles.append(tile(issue.image, pixels, issue.text, lines))
    return tiles
