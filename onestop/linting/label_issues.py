"""Images whose label looks wrong: a table, ranked, in label_issues.csv of a run or of `lint`."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from onestop.data.targets import Targets
from onestop.linting.findings import Finding, Place
from onestop.reading import read_text
from onestop.runtime.csv_files import csv_text, plain_cell
from onestop.runtime.files import write_atomic
from onestop.text import listing, plural

COLUMNS = ("image", "label", "suggested", "score", "split")
FEW = 20
"""Images of a class, or in all, below which a model fitted to some is no judge of the others."""
_MOST = 2**26  # bytes of a table that is read: 64 MiB


@dataclass(frozen=True)
class LabelIssue:
    """An image whose label looks wrong.

    Attributes:
        image: Its name in its split.
        label: As the data has it.
        suggested: What it rather looks like.
        score: See `onestop.tasks.doubt.Doubt`.
        split: Where it is.
    """

    image: str
    label: str
    suggested: str
    score: float
    split: str

    @property
    def text(self) -> str:
        """As in `train/a.jpg (ants, rather bees)`."""
        return f"{self.image} ({self.label or 'no label'}, rather {self.suggested or 'no label'})"


@dataclass(frozen=True)
class LabelIssues:
    """The images of a data set whose label looks wrong.

    Attributes:
        found: The most doubtful first.
        places: Of the same images.
        checked: Images that were checked.
        note: Why the list is incomplete or to be taken with caution; empty if it is neither.
        of: What was checked: `label`, of which an image has one, or anything of which it has several.
    """

    found: tuple[LabelIssue, ...] = ()
    places: tuple[Place, ...] = ()
    checked: int = 0
    note: str = ""
    of: str = "label"

    @property
    def text(self) -> str:
        """How many there are, in words."""
        images = plural(self.checked, "image")
        if not self.found:
            return f"no {self.of} of {images} looks wrong"
        looks = "looks" if len(self.found) == 1 else "look"
        if self.of != "label":
            return f"{plural(len(self.found), self.of)} of {images} {looks} wrong"
        return f"{len(self.found):,} of {plural(self.checked, 'label')} {looks} wrong"

    def finding(self) -> list[Finding]:
        """As a finding of `lint`, if there are any."""
        if not self.found:
            return []
        reasons = tuple(f"rather {i.suggested or 'no label'} ({i.score:.2g})" for i in self.found)
        groups = tuple((place,) for place in self.places)
        return [Finding("labels that look wrong", "warning", self.text, groups, reasons)]


def few_images(targets: Targets) -> str:
    """A sentence on what there are too few images of to judge labels; empty if there are enough."""
    if len(targets) < FEW:
        return f"{plural(len(targets), 'image')} are too few to judge labels by"
    counts, names = targets.counts(), targets.names
    few = [f"{names[k]} {counts[k]:,}" for k in np.flatnonzero((counts > 0) & (counts < FEW))]
    if not few:
        return ""
    one, many = targets.nouns
    return (
        f"labels of {plural(len(few), one, many)} with under {FEW} images are judged poorly: "
        f"{listing(few)}"
    )


def write_label_issues(path: Path, issues: Sequence[LabelIssue]) -> None:
    """Write the table, also if it is empty.

    Raises:
        OneStopError: It cannot be written.
    """
    rows = ({**vars(issue), "score": f"{issue.score:.4g}"} for issue in issues)
    write_atomic(path, csv_text(COLUMNS, rows, header=True))


def read_label_issues(path: Path) -> list[LabelIssue] | None:
    """Read the table; None if there is none, or if it is damaged."""
    try:
        rows = csv.DictReader(io.StringIO(read_text(path, _MOST), newline=""))
        if tuple(rows.fieldnames or ()) != COLUMNS:
            return None
        return [_issue(row) for row in rows]
    except (OSError, ValueError, TypeError, csv.Error):
        return None


def _issue(row: Mapping[str, str]) -> LabelIssue:
    score = float(row["score"])
    if not math.isfinite(score):
        raise ValueError("a score that is not a number")
    image, label, suggested, split = (plain_cell(row[name]) for name in COLUMNS if name != "score")
    return LabelIssue(image, label, suggested, score, split)
