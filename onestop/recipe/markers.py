"""Markers that declare more of a setting than its type: whether it is derived, and when it applies.

A marker is part of its field's type: `step_epochs: Annotated[Positive, With(schedule="step")]`.
Error messages, hints in `--help` and the rules for resumed runs are generated from markers
(`onestop/recipe/schema.py`), so that each condition is written once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final


def derived() -> Any:
    """Marks a field without a built-in default: its value is derived unless it is set."""
    return dataclasses.field()


class _On:
    """The type of `ON`."""


ON: Final = _On()
"""In `With` and `Not`: any value that does not turn the setting off."""


def is_on(value: object) -> bool:
    """Whether a value turns its setting on; 0, `none` and False turn it off."""
    return value not in (0, "none", False)


class With:
    """The setting applies only if every setting named here has (one of) these values."""

    def __init__(self, **values: object) -> None:
        self.values = {name: _choices(value) for name, value in values.items()}

    def obstacle(self, settings: Mapping[str, Any]) -> str:
        """The settings that keep this one from applying; empty if none does or is known."""
        return _flags({
            name: settings[name]
            for name, choices in self.values.items()
            if name in settings and not _matches(settings[name], choices)
        })  # fmt: skip

    @property
    def hint(self) -> str:
        """The condition as `--help` shows it."""
        return "with " + _joined([
            f"{flag(name)} {' or '.join(map(str, choices))}"
            for name, choices in self.values.items()
        ])  # fmt: skip


class Not:
    """The setting does not apply if all settings named here have (one of) these values."""

    def __init__(self, **values: object) -> None:
        self.values = {name: _choices(value) for name, value in values.items()}

    def obstacle(self, settings: Mapping[str, Any]) -> str:
        """The settings that keep this one from applying; empty unless all of them match."""
        for name, choices in self.values.items():
            if name not in settings or not _matches(settings[name], choices):
                return ""
        return _flags({name: settings[name] for name in self.values})


class For:
    """The setting exists only for images, or only for some tasks.

    Attributes:
        tasks: Names of the tasks that have it; all, if none is named.
        images: Whether inputs must be images.
        shares: Whether the loss must take a share of each class or label (`Task.takes_shares`).
        whole: Whether predictions must be about whole images (`Task.whole`).
        objects: Whether they must be about things in images.
    """

    def __init__(
        self,
        *tasks: str,
        images: bool = False,
        shares: bool = False,
        whole: bool = False,
        objects: bool = False,
    ) -> None:
        self.tasks, self.images, self.shares = tasks, images, shares
        self.whole, self.objects = whole, objects

    def refusal(self, task: str, *, images: bool, shares: bool = False, whole: bool = True) -> str:
        """Why a run does not have the setting; empty if it does.

        Args:
            task: Name of its task.
            images: Whether its inputs are images.
            shares: Whether its loss takes shares.
            whole: Whether its predictions are about whole images.
        """
        if self.images and not images:
            return "is for images, these are vectors"
        if (self.tasks and task not in self.tasks) or (self.shares and not shares):
            return f"is {self.hint}, this is {task}"
        if self.objects and whole:
            return f"is for objects in images, this is {task}"
        if self.whole and not whole:
            return f"is for predictions about whole images, this is {task}"
        return ""

    @property
    def hint(self) -> str:
        """The condition as `--help` shows it."""
        kinds = (
            *self.tasks,
            *(["classes or labels"] if self.shares else []),
            *(["objects"] if self.objects else []),
        )
        return f"for {' or '.join(kinds)}" if kinds else ""


class Free:
    """The setting may change when a run is resumed: no earlier step depends on it."""


class Since:
    """The setting was added later: runs begun before it behaved as this value says."""

    def __init__(self, value: object) -> None:
        self.value = value


def flag(name: str, value: object = None) -> str:
    """A setting as it is typed on the command line.

    >>> flag("batch_size", 8), flag("nesterov", True), flag("nesterov", False), flag("lr")
    ('--batch-size 8', '--nesterov', '--no-nesterov', '--lr')
    """
    dashed = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{dashed}" if value else f"--no-{dashed}"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"--{dashed}" if value is None else f"--{dashed} {text}"


def _choices(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)


def _matches(value: object, choices: tuple[object, ...]) -> bool:
    return is_on(value) if ON in choices else value in choices


def _flags(settings: Mapping[str, Any]) -> str:
    return _joined([flag(name, value) for name, value in settings.items()])


def _joined(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
