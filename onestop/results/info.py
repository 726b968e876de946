"""Return types of `info`, `lint` and `report`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Info:
    """The description of a data set, a model, a network or the cache.

    Attributes:
        kind: `data`, `model`, `network` or `cache`.
        name: What is described.
        facts: Single values by name.
        table: One row per class, or per module of a network; see `onestop.networks.layers.tree`.
        backward: Functions of a network's backward pass, if requested; see
            `onestop.networks.backward.functions`.
        depth: Levels of a network's tree to print, 0 for all, None for as many as fit. All are in
            `table`.
    """

    kind: Literal["data", "model", "network", "cache"]
    name: str
    facts: dict[str, Any]
    table: list[dict[str, Any]] = field(default_factory=list)
    backward: list[dict[str, Any]] = field(default_factory=list)
    depth: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Everything, as `--json` prints it; `backward` only if requested."""
        everything = dataclasses.asdict(self)
        del everything["depth"]
        if not self.backward:
            del everything["backward"]
        return everything


@dataclass(frozen=True)
class Lint:
    """The findings of `onestop lint`.

    Attributes:
        folder: Folder with lint.json and the contact sheet lint.png.
        source: The data set that was checked.
        images: Number of images per split.
        classes: One row per class: `class`, and its images in each split.
        findings: Leaks first: each with `kind`, `level` (leak, warning, note), `text`, `images` (a
            count), `groups` of images (`split`, `image`, `class`), and `reasons`, one per group.
        notes: Notes on the folder or table itself.
        made: When it was checked, in local time.
        content: A hash of what was checked: classes, labels and the content of all images. With other
            data, such as those of a later day, it is another one.
    """

    folder: Path
    source: str
    images: dict[str, int]
    classes: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    notes: list[str]
    made: str = ""
    content: str = ""

    @property
    def leaks(self) -> list[dict[str, Any]]:
        """The findings by which one split leaks into another."""
        return [finding for finding in self.findings if finding["level"] == "leak"]

    def to_json(self) -> dict[str, Any]:
        """Everything but the folder, as lint.json has it."""
        everything = dataclasses.asdict(self)
        del everything["folder"]
        return {**everything, "leaks": bool(self.leaks)}


@dataclass(frozen=True)
class Report:
    """A report that was written.

    Attributes:
        file: The page, one HTML file.
        said: Its first sentences: how good a run is, or which of two runs is better.
    """

    file: Path
    said: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Everything, as `--json` prints it."""
        return {"file": str(self.file), "said": list(self.said)}
