"""Settings from files, flags and Python, checked strictly and laid over each other.

Precedence, lowest first: built-in default < recipe of an earlier run < file < flag. Where each
value came from is remembered for `--print-recipe` and for error messages.
"""

from __future__ import annotations

import dataclasses
import shlex
import types
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from onestop.errors import UsageError
from onestop.recipe import FIELDS, Recipe, canonical, field_types
from onestop.text import did_you_mean, listing

Layer = Literal["default", "derived", "recipe", "file", "flag"]


@dataclass(frozen=True)
class Origin:
    """Where the value of a setting came from, and for a derived one, why it is what it is."""

    layer: Layer
    why: str = ""


@dataclass(frozen=True)
class Settings:
    """A recipe and the origin of each of its values."""

    recipe: Recipe
    origins: Mapping[str, Origin]

    def given(self, name: str) -> bool:
        """Whether this value was asked for just now, by a flag or an argument.

        A file does not count: it may be the recipe of an earlier run, which sets everything.
        """
        return self.origins[name].layer == "flag"

    def derive(self, name: str, value: object, why: str) -> Settings:
        """The same settings with one derived value filled in."""
        return Settings(
            dataclasses.replace(self.recipe, **{name: value}),  # type: ignore[arg-type]
            {**self.origins, name: Origin("derived", why)},
        )


def settings(*layers: tuple[Layer, Mapping[str, object]]) -> Settings:
    """Lay checked values over the built-in defaults, later layers over earlier ones."""
    values: dict[str, object] = {}
    origins = {name: Origin("default") for name in FIELDS}
    for layer, given in layers:
        values.update(given)
        origins.update({name: Origin(layer) for name in given})
    return Settings(Recipe(**values), origins)  # type: ignore[arg-type]  # checked one by one


def check_setting(name: str, value: object, place: str | None = None) -> Any:
    """The value of one recipe field in its own type.

    Args:
        name: A field of `Recipe`.
        value: A number, a truth value or a text (as flags and files hold them).
        place: How the error names the setting; `--name` where not given.

    Raises:
        UsageError: The value is not of the field's type or outside its limits.
    """
    return check_value(field_types()[name], value, place or "--" + name.replace("_", "-"))


def check_value(kind: Any, value: object, place: str) -> Any:
    """`value` converted to `kind` (a type with `annotated_types` limits), or a one-line error."""
    if isinstance(value, str) and not value.strip():
        raise UsageError(f"{place.rstrip(':')}: its value is empty; give one or leave it out")
    if isinstance(value, str) and value == "auto" and _is_optional(kind):
        return None
    choices = choices_of(kind)
    if choices and isinstance(value, str) and all(isinstance(c, int) for c in choices):
        value = int(value) if value.isdecimal() else value
    if isinstance(value, bool) and "bool" not in str(kind):
        value = str(value).lower()  # YAML's `on` and Python's True are no numbers
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        expected = error.errors()[0]["msg"]
    if choices:
        suggestion = did_you_mean(str(value), map(str, choices))
        expected = f"not one of {listing(choices, 20)}{suggestion}"
    else:
        expected = expected.removeprefix("Input ").split(", unable")[0]
    raise UsageError(f"{place} {value}: {expected}")


def check_name(name: str, options: Mapping[str, object] | tuple[str, ...], place: str) -> str:
    """The canonical form of a setting's name, or a one-line error with the nearest names."""
    known = canonical(name)
    if known not in options:
        spelled = [option.replace("_", "-") if "--" in place else option for option in options]
        raise UsageError(f"{place}: no such setting{did_you_mean(name, spelled)}")
    return known


def read_recipe(path: str | Path) -> dict[str, Any]:
    """Read a recipe file: one YAML mapping of recipe fields.

    Raises:
        UsageError: No such file, no YAML, an unknown or doubled setting, or a wrong value; the
            message names file and line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not a text file"
        raise UsageError(f"--recipe {path}: {reason}; name a YAML file of settings") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or "not readable"
        raise UsageError(f"{line}: no valid YAML ({problem})") from None
    if not isinstance(node, yaml.MappingNode):
        raise UsageError(
            f"{path}: a recipe is a list of `name: value` lines, this is something else"
        )
    values: dict[str, Any] = {}
    for key, value in node.value:
        place = f"{path}:{key.start_mark.line + 1}"
        if not isinstance(key, yaml.ScalarNode):
            raise UsageError(f"{place}: the name of a setting is wanted, not a list")
        name = check_name(str(key.value), FIELDS, f"{place} {key.value!r}")
        if name in values:
            raise UsageError(f"{place} {key.value!r}: set twice; keep one of the lines")
        if not isinstance(value, yaml.ScalarNode):
            raise UsageError(f"{place} {key.value!r}: a single value is wanted, not a list")
        plain = None if value.tag.endswith(":null") else value.value
        values[name] = check_setting(name, plain, f"{place} {name}:")
    return values


def write_recipe(recipe: Recipe) -> str:
    """The recipe as YAML, every value in it, in the order of the declaration."""
    return yaml.safe_dump(dataclasses.asdict(recipe), sort_keys=False, allow_unicode=True)


def command_of(recipe: Recipe) -> str:
    """The command that trains with a recipe, whatever defaults become: what counts is in it."""
    words, useless = ["onestop", "train", recipe.source], _useless(recipe)
    for field in dataclasses.fields(Recipe):
        value, flag = getattr(recipe, field.name), "--" + field.name.replace("_", "-")
        if field.name == "source" or field.name in useless or value == field.default:
            continue
        words += [flag] if value is True else [flag, f"{value}"]
    return shlex.join(words)


def refuse_useless(given: Settings) -> None:
    """Stop when a setting was asked for that would change nothing.

    Raises:
        UsageError: Names the setting and what would make it count.
    """
    recipe = given.recipe
    for name, cause in _useless(recipe).items():
        if given.given(name):
            flag = name.replace("_", "-")
            raise UsageError(
                f"--{flag} {getattr(recipe, name)}: changes nothing with {cause}; drop one"
            )
    if recipe.nesterov and recipe.momentum == 0:
        raise UsageError("--nesterov: needs a momentum above 0; set --momentum 0.9")


def _useless(recipe: Recipe) -> dict[str, str]:
    """The settings that change nothing, and what they are useless with."""
    optimizer, schedule = recipe.optimizer, recipe.schedule
    mixing = recipe.mixup > 0 or recipe.cutmix > 0  # which is new in every batch
    found = {
        "momentum": (optimizer not in ("sgd", "rmsprop"), f"--optimizer {optimizer}"),
        "nesterov": (recipe.nesterov and optimizer != "sgd", f"--optimizer {optimizer}"),
        "step_epochs": (schedule != "step", f"--schedule {schedule}"),
        "crop_padding": (
            recipe.augment not in (None, "crop", "flip-crop"),
            f"--augment {recipe.augment}",
        ),
        "decay_all": (recipe.decay_all and recipe.weight_decay == 0, "--weight-decay 0"),
        "unfreeze_after": (
            bool(recipe.unfreeze_after) and recipe.freeze == "none",
            "--freeze none",
        ),
        "views": (
            bool(recipe.views) and (mixing or recipe.freeze not in (None, "backbone")),
            "--mixup and --cutmix" if mixing else f"--freeze {recipe.freeze}",
        ),
        "backbone_lr_scale": (
            recipe.freeze == "backbone" and recipe.unfreeze_after == 0,
            "--freeze backbone for good",
        ),
        "compile": (
            recipe.compile
            and recipe.freeze == "backbone"
            and recipe.unfreeze_after == 0
            and bool(recipe.views),
            "--freeze backbone for good and --views",
        ),
    }
    return {name: cause for name, (applies, cause) in found.items() if applies}


_ADAPTERS: dict[str, TypeAdapter[Any]] = {}


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if repr(kind) not in _ADAPTERS:
        config = ConfigDict(allow_inf_nan=False, coerce_numbers_to_str=True)
        _ADAPTERS[repr(kind)] = TypeAdapter(kind, config=config)
    return _ADAPTERS[repr(kind)]


def _is_optional(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType) and type(None) in get_args(kind)


def choices_of(kind: Any) -> tuple[Any, ...]:
    """The values of a `Literal` type (also where None is allowed beside them), else none."""
    for part in (kind, *get_args(kind)):
        if get_origin(part) is Literal:
            return get_args(part)
    return ()
