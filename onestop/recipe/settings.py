"""Settings from files, flags and Python, merged until every value is known.

Precedence, lowest first: built-in default < recipe of an earlier run < file < flag. The origin of
each value is recorded for `--print-recipe` and for error messages.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from onestop.errors import UsageError
from onestop.recipe import Recipe
from onestop.recipe.markers import flag, is_on
from onestop.recipe.schema import DEFAULTS, FIELDS, inapplicable, useless

Layer = Literal["default", "derived", "recipe", "file", "flag"]


@dataclass(frozen=True)
class Origin:
    """Where the value of a setting came from and, if it was derived, the reason."""

    layer: Layer
    why: str = ""


@dataclass(frozen=True)
class Settings:
    """The settings that are known so far, by field, and the origin of each.

    A value that is still to be derived is not in `values`.
    """

    values: Mapping[str, Any]
    origins: Mapping[str, Origin]

    @functools.cached_property
    def recipe(self) -> Recipe:
        """The recipe, once every value is known."""
        return Recipe.from_values(self.values)

    def explained(self, whys: Mapping[str, str]) -> Settings:
        """The same settings with the reasons for values of an earlier run that nobody had set."""
        origins = {
            name: Origin(o.layer, whys.get(name, "") if o.layer == "recipe" else o.why)
            for name, o in self.origins.items()
        }
        return Settings(self.values, origins)

    @property
    def whys(self) -> dict[str, str]:
        """The reasons of all derived values, by field."""
        return {name: o.why for name, o in self.origins.items() if o.layer == "derived"}

    def given(self, name: str) -> bool:
        """Whether a flag or an argument sets this value.

        A file does not count: it may be the recipe of an earlier run, which sets everything.
        """
        return self.origins[name].layer == "flag"

    def derive(self, name: str, value: object, why: str) -> Settings:
        """The same settings with a derived value filled in."""
        return Settings(
            {**self.values, name: value}, {**self.origins, name: Origin("derived", why)}
        )


def settings(*layers: tuple[Layer, Mapping[str, object]]) -> Settings:
    """Merge checked values with the built-in defaults; later layers take precedence.

    None asks for a value to be derived.
    """
    values: dict[str, Any] = dict(DEFAULTS)
    origins = {name: Origin("default") for name in FIELDS}
    for layer, overrides in layers:
        values.update(overrides)
        origins.update({name: Origin(layer) for name in overrides})
    known = {n: v for n, v in values.items() if v is not None or n in DEFAULTS}
    return Settings(known, origins)


def refuse_useless(settings: Settings) -> None:
    """Stop if a flag or an argument would have no effect.

    A value that turns a setting off is always allowed.

    Raises:
        UsageError: Names the setting and those that keep it from applying.
    """
    values = settings.values
    for name, obstacle in useless(values).items():
        if settings.given(name) and name in values and is_on(values[name]):
            raise UsageError(
                f"{flag(name, values[name])}: changes nothing with {obstacle}; drop one"
            )
    if values["nesterov"] and values.get("momentum") == 0:
        raise UsageError("--nesterov: needs a momentum above 0; set --momentum 0.9")


def refuse_inapplicable(
    settings: Settings, task: str, *, images: bool, shares: bool = False, whole: bool = True
) -> None:
    """Stop if a setting was asked for that this task or these inputs do not have.

    Args:
        settings: The settings that are known so far.
        task: Name of the task.
        images: Whether the inputs are images; otherwise they are vectors.
        shares: Whether the loss takes a share of each class or label.
        whole: Whether predictions are about whole images.

    Raises:
        UsageError: Names the setting and what it is for. A setting of another task that is on is
            refused in a file too, since it would change the loss or the targets.
    """
    of_other_tasks = inapplicable(task, images=True, shares=shares, whole=whole)
    reasons = inapplicable(task, images=images, shares=shares, whole=whole)
    for name, reason in reasons.items():
        value, layer = settings.values.get(name), settings.origins[name].layer
        changed = is_on(value) and value != DEFAULTS.get(name)
        in_file = layer in ("recipe", "file") and name in of_other_tasks and changed
        if name in settings.values and (settings.given(name) or in_file):
            raise UsageError(f"{flag(name, value)}: {reason}; leave it out")
