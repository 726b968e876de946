"""All settings of a run: its recipe.

`groups.py` declares the settings, `schema.py` checks them, `settings.py` merges them, `files.py`
reads and writes them. The result is a `Recipe`, in which every value is resolved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onestop.recipe.groups import (
    GROUP_OF,
    GROUPS,
    Augment,
    Augmentation,
    AutoAugment,
    Balance,
    Cache,
    Data,
    Evaluation,
    Fit,
    Fraction,
    Machine,
    MemoryFormat,
    Natural,
    Network,
    NonNegative,
    Normalize,
    Optim,
    Optimizer,
    Positive,
    Precision,
    Rate,
    Schedule,
    Share,
    TestTimeAugmentation,
    Track,
)
from onestop.recipe.names import canonical

__all__ = [
    "Augment",
    "Augmentation",
    "AutoAugment",
    "Balance",
    "Cache",
    "Data",
    "Evaluation",
    "Fit",
    "Fraction",
    "Machine",
    "MemoryFormat",
    "Natural",
    "Network",
    "NonNegative",
    "Normalize",
    "Optim",
    "Optimizer",
    "Positive",
    "Precision",
    "Rate",
    "Recipe",
    "Schedule",
    "Share",
    "TestTimeAugmentation",
    "Track",
]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Every setting of a run, resolved.

    Settings are flat in files and flags and grouped here: `recipe.optim.lr`. `recipe.lr` works too.
    """

    data: Data
    augmentation: Augmentation
    network: Network
    optim: Optim
    evaluation: Evaluation
    machine: Machine

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Recipe:
        """The recipe with these flat settings; those with a built-in default may be omitted."""
        grouped: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
        for name, value in values.items():
            grouped[GROUP_OF[name]][name] = value
        return cls(**{group: GROUPS[group](**fields) for group, fields in grouped.items()})

    def values(self) -> dict[str, Any]:
        """All settings by name, in the order of recipe files."""
        return {name: getattr(getattr(self, group), name) for name, group in GROUP_OF.items()}

    def replace(self, **values: Any) -> Recipe:
        """The same recipe with some settings changed, by their flat names."""
        return Recipe.from_values(self.values() | values)

    if not TYPE_CHECKING:  # our own code names the group, and mypy checks it

        def __getattr__(self, name: str) -> Any:
            """A setting by its flat name, or another name for it."""
            field = canonical(name)
            if name in GROUPS or field not in GROUP_OF:
                raise AttributeError(f"a recipe has no setting {name!r}")
            return getattr(getattr(self, GROUP_OF[field]), field)
