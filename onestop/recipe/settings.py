"""Settings from files, flags and Python, laid over each other, until all of them are known.

Precedence, lowest first: built-in default < recipe of an earlier run < file < flag. Where each
value came from is remembered for `--print-recipe` and for error messages.
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
    """Where the value of a setting came from, and for a derived one, why it is what it is."""

    layer: Layer
    why: str = ""


@dataclass(frozen=True)
class Settings:
    """What is known of a recipe so far, by the fields' names, and the origin of each value.

    A value that is still to be derived is missing from `values`.
    """

    values: Mapping[str, Any]
    origins: Mapping[str, Origin]

    @functools.cached_property
    def recipe(self) -> Recipe:
        """The recipe, once every value is known."""
        return Recipe.from_values(self.values)

    def given(self, name: str) -> bool:
        """Whether this value was asked for just now, by a flag or an argument.

        A file does not count: it may be the recipe of an earlier run, which sets everything.
        """
        return self.origins[name].layer == "flag"

    def derive(self, name: str, value: object, why: str) -> Settings:
        """The same settings with one derived value filled in."""
        return Settings(
            {**self.values, name: value}, {**self.origins, name: Origin("derived", why)}
        )


def settings(*layers: tuple[Layer, Mapping[str, object]]) -> Settings:
    """Lay checked values over the built-in defaults, later layers over earlier ones.

    None asks for a value to be derived.
    """
    values: dict[str, Any] = dict(DEFAULTS)
    origins = {name: Origin("default") for name in FIELDS}
    for layer, given in layers:
        values.update(given)
        origins.update({name: Origin(layer) for name in given})
    known = {n: v for n, v in values.items() if v is not None or n in DEFAULTS}
    return Settings(known, origins)


def refuse_useless(settings: Settings) -> None:
    """Stop if a setting was asked for that would change nothing.

    A value that turns something off asks for nothing.

    Raises:
        UsageError: Names the setting and those that keep it from counting.
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
    settings: Settings, task: str, *, images: bool, shares: bool = False
) -> None:
    """Stop if a setting was asked for that this task or these inputs do not have.

    Args:
        settings: What is known so far.
        task: Name of the task.
        images: Whether the inputs are images; otherwise they are vectors.
        shares: Whether the loss takes a share of each class or label.

    Raises:
        UsageError: Names the setting and what it is for. A setting of another task is refused from
            a file too if it is on, since it would change the loss or the targets.
    """
    of_other_tasks = inapplicable(task, images=True, shares=shares)
    for name, reason in inapplicable(task, images=images, shares=shares).items():
        value, layer = settings.values.get(name), settings.origins[name].layer
        written = layer in ("recipe", "file") and name in of_other_tasks and is_on(value)
        if name in settings.values and (settings.given(name) or written):
            raise UsageError(f"{flag(name, value)}: {reason}; leave it out")
