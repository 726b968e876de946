"""Recipes as text: YAML files, and the command that repeats a run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import yaml

from onestop.errors import UsageError
from onestop.reading import read_text
from onestop.recipe import Recipe
from onestop.recipe.markers import flag
from onestop.recipe.names import names_code
from onestop.recipe.schema import (
    DEFAULTS,
    FIELDS,
    check_name,
    check_setting,
    later_fields,
    useless,
)
from onestop.text import listing

_MOST = 2**16  # bytes of a recipe: 64 KiB, twenty times a complete one; YAML is slow to parse


def read_recipe(path: str | Path) -> dict[str, Any]:
    """Read a recipe file, a YAML mapping of settings; None asks for a value to be derived.

    Raises:
        UsageError: No such file, invalid YAML, an unknown or repeated setting, or a wrong value; the
            message names file and line.
    """
    node = _parsed(Path(path))
    if not isinstance(node, yaml.MappingNode):
        raise UsageError(f"{path}: not a recipe; write one `name: value` line per setting")
    values: dict[str, Any] = {}
    for key, value in node.value:
        place = f"{path}:{key.start_mark.line + 1}"
        if not isinstance(key, yaml.ScalarNode):
            raise UsageError(f"{place}: expected the name of a setting, not a list")
        name = check_name(str(key.value), FIELDS, f"{place} {key.value!r}")
        if name in values:
            raise UsageError(f"{place} {key.value!r}: set twice; keep one of the lines")
        if not isinstance(value, yaml.ScalarNode):
            raise UsageError(f"{place} {key.value!r}: expected a single value, not a list")
        plain = None if value.tag.endswith(":null") else value.value
        values[name] = check_setting(name, plain, f"{place} {name}:")
    return values


def _parsed(path: Path) -> yaml.Node | None:
    try:
        return yaml.compose(read_text(path, _MOST), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not a text file"
        raise UsageError(f"--recipe {path}: {reason}; name a YAML file of settings") from None
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or "not readable"
        raise UsageError(f"{line}: not valid YAML ({problem})") from None


def read_resolved(path: str | Path) -> Recipe:
    """The recipe of a run, also of one begun by an earlier version.

    Raises:
        UsageError: As for `read_recipe`, or the file lacks a setting without a built-in default.
    """
    values = {**DEFAULTS, **later_fields(), **read_recipe(path)}
    if missing := [name for name in FIELDS if values.get(name) is None and name not in DEFAULTS]:
        raise UsageError(f"{path}: does not set {listing(missing, 3)}, as the recipe of a run does")
    return Recipe.from_values(values)


def write_recipe(recipe: Recipe) -> str:
    """The recipe as YAML, with every value, in the order of declaration."""
    return yaml.safe_dump(recipe.values(), sort_keys=False, allow_unicode=True)


def resume_command(folder: Path, recipe: Recipe) -> str:
    """The command that resumes a run, with what only the user may name: code, and where metrics go."""
    words = ["onestop", "train", str(folder)]
    if names_code(recipe.network.model):
        words += ["--model", recipe.network.model]
    if recipe.machine.track not in ("none", "tensorboard"):
        words += ["--track", recipe.machine.track]
    return shlex.join(words)


def command_of(recipe: Recipe) -> str:
    """The command that trains with a recipe; it does not depend on how values are derived."""
    values = recipe.values()
    words, ineffective = ["onestop", "train", values.pop("source")], useless(values)
    for name, value in values.items():
        if name in ineffective or (name in DEFAULTS and value == DEFAULTS[name]):
            continue
        words += [flag(name, value)] if isinstance(value, bool) else [flag(name), f"{value}"]
    return shlex.join(words)
