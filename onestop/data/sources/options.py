"""How a source is to be read, as far as a person says so: settings of the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from onestop.errors import UsageError
from onestop.recipe.markers import flag
from onestop.recipe.schema import DEFAULTS, later_fields


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a source is to be read.

    Attributes:
        task: The task whose targets labels are read as; the source's own if None.
        path_column: Of a table; recognised by its name if None.
        label_column: Of a table; recognised by its name if None.
        image_root: In which the names in a table start; the table's if None.
        suffix: That the names in a table lack.
        literal_labels: Whether words for missing values are names like others.
    """

    task: str | None = None
    path_column: str | None = None
    label_column: str | None = None
    image_root: str | None = None
    suffix: str | None = None
    literal_labels: bool = False

    @classmethod
    def of(cls, recipe: Mapping[str, Any]) -> Self:
        """Those in the recipe of a run, also of one from before there were any."""
        values = {**later_fields(), **recipe}
        return cls(**{name: values[name] for name in OPTIONS})

    def values(self) -> dict[str, Any]:
        """By name."""
        return asdict(self)

    def require_none(self, names: tuple[str, ...], wanted: str, source: str) -> None:
        """Refuse settings that do not exist for a source.

        Args:
            names: Of the settings.
            wanted: What they are for.
            source: Name of the source.

        Raises:
            UsageError: One of them is set.
        """
        for name in names:
            value = getattr(self, name)
            if value != DEFAULTS[name]:
                raise UsageError(
                    f"{flag(name, value)}: is for {wanted}, {source} is none; leave it out"
                )


OPTIONS = tuple(field.name for field in fields(Options))
"""The names of the settings."""
OF_TABLES = ("path_column", "label_column", "image_root", "suffix")
"""Those that exist for tables only."""
OF_ONE_TABLE = ("image_root",)
"""Those that another table does not share: its names may be there too, as other images."""
