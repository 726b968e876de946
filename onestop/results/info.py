"""What was found: facts, faults, and the page that tells of them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Info:
    """What there is to know about something.

    Attributes:
        kind: `data`, `model`, `network` or `cache`.
        name: What was asked about.
        facts: Single values by name.
        table: Rows that belong together: a class, or a module of a network, a row; see
            `onestop.networks.layers.tree`.
        backward: Functions of a network's backward pass, where they were asked for; see
            `onestop.networks.backward.functions`.
        depth: Levels of a network's tree that a person is shown, 0 for all, None for a fitting
            number. All are in `table`.
    """

    kind: Literal["data", "model", "network", "cache"]
    name: str
    facts: dict[str, Any]
    table: list[dict[str, Any]] = field(default_factory=list)
    backward: list[dict[str, Any]] = field(default_factory=list)
    depth: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Everything, as `--json` prints it; `backward` only where it was asked for."""
        everything = dataclasses.asdict(self)
        del everything["depth"]
        if not self.backward:
            del everything["backward"]
        return everything


@dataclass(frozen=True)
class Lint:
    """What `onestop lint` found.

    Attributes:
        folder: Where lint.json and the contact sheet lint.png are.
        source: What was looked at.
        images: How many each split has.
        classes: A row a class: `class`, and images in each split.
        findings: Leaks first: each with `kind`, `level` (leak, warning, note), `text`, `images` (how
            many), `groups` of images (`split`, `image`, `class`), and `reasons`, one a group.
        notes: What was odd about the folder or table itself.
    """

    folder: Path
    source: str
    images: dict[str, int]
    classes: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    notes: list[str]

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
    """A page that was written.

    Attributes:
        file: The page, one HTML file.
        said: Its first sentences: how well a run did, or which of two is better.
    """

    file: Path
    said: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {"file": str(self.file), "said": list(self.said)}
