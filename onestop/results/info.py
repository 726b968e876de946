"""Return types of `info`, `lint` and `report`."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from onestop.figures.notebook import columns_table, heading, table
from onestop.text import listing


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

    def _repr_html_(self) -> str:
        facts = [(k.replace("_", " "), _plain(v)) for k, v in self.facts.items() if v or v == 0]
        rows = [{k: v for k, v in row.items() if not isinstance(v, dict)} for row in self.table]
        return heading(f"{self.kind} {self.name}") + table(facts) + columns_table(rows)


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

    def _repr_html_(self) -> str:
        rows = [{name: f[name] for name in ("level", "kind", "text")} for f in self.findings]
        html = heading(f"{self.source}: {_plain(self.images)}")
        html += columns_table(rows) if rows else heading("no problems found")
        sheet = self.folder / "lint.png"
        if sheet.is_file():
            content = base64.b64encode(sheet.read_bytes()).decode()
            source = f"data:image/png;base64,{content}"
            html += f'<img alt="contact sheet" style="max-width:100%" src="{source}">'
        return html + table([("folder", self.folder)])


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

    def _repr_html_(self) -> str:
        return "".join(map(heading, self.said)) + table([("report", self.file)])


def _plain(value: Any) -> str:
    """A value for people, on one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return listing(map(_plain, value))
    return f"{value:,.4g}" if isinstance(value, float) else str(value)
