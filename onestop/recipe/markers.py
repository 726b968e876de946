"""What the declaration says about a setting beside its type: whether it is derived, and when it counts.

A marker stands in the type of its field: `step_epochs: Annotated[Positive, With(schedule="step")]`.
Error messages, hints in `--help` and the rules for resumed runs are made from markers
(`onestop/recipe/schema.py`), so that nothing has to be said twice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final


def derived() -> Any:
    """Marks a field without a built-in default: its value is derived unless somebody sets it."""
    return dataclasses.field()


class _On:
    """The type of `ON`."""


ON: Final = _On()
"""In `With` and `Not`: any value that does not turn the setting off."""


def is_on(value: object) -> bool:
    """Whether a value asks for anything; 0, `none` and False turn their setting off."""
    return value not in (0, "none", False)


class With:
    """The setting counts only if every other one named here has (one of) these values."""

    def __init__(self, **values: object) -> None:
        self.values = {name: _choices(value) for name, value in values.items()}

    def obstacle(self, settings: Mapping[str, Any]) -> str:
        """The settings that keep this one from counting; empty if none does or is known."""
        return _flags({
            name: settings[name]
            for name, wanted in self.values.items()
            if name in settings and not _matches(settings[name], wanted)
        })  # fmt: skip

    @property
    def hint(self) -> str:
        """The condition as `--help` shows it."""
        return "with " + _joined([
            f"{flag(name)} {' or '.join(map(str, wanted))}" for name, wanted in self.values.items()
        ])  # fmt: skip


class Not:
    """The setting does not count if all the others named here have (one of) these values."""

    def __init__(self, **values: object) -> None:
        self.values = {name: _choices(value) for name, value in values.items()}

    def obstacle(self, settings: Mapping[str, Any]) -> str:
        """The settings that keep this one from counting; empty unless all of them do."""
        for name, wanted in self.values.items():
            if name not in settings or not _matches(settings[name], wanted):
                return ""
        return _flags({name: settings[name] for name in self.values})


class For:
    """The setting exists only for images, or only for some tasks.

    Attributes:
        tasks: Names of the tasks that have it; all, if none is named.
        images: Whether inputs must be images.
        shares: Whether the loss must take a share of each class or label (`Task.takes_shares`).
    """

    def __init__(self, *tasks: str, images: bool = False, shares: bool = False) -> None:
        self.tasks, self.images, self.shares = tasks, images, shares

    def refusal(self, task: str, *, images: bool, shares: bool = False) -> str:
        """Why a run does not have the setting; empty if it does.

        Args:
            task: Name of its task.
            images: Whether its inputs are images.
            shares: Whether its loss takes shares.
        """
        if self.images and not images:
            return "is for images, these are vectors"
        if (self.tasks and task not in self.tasks) or (self.shares and not shares):
            return f"is {self.hint}, this is {task}"
        return ""

    @property
    def hint(self) -> str:
        """The condition as `--help` shows it."""
        kinds = (*self.tasks, *(["classes or labels"] if self.shares else []))
        return f"for {' or '.join(kinds)}" if kinds else ""


class Free:
    """The setting may change when a run is resumed: no step that was taken depends on it."""


class Since:
    """A later addition: a run that was begun before it did what this value says."""

    def __init__(self, value: object) -> None:
        self.value = value


def flag(name: str, value: object = None) -> str:
    """A setting as one would type it.

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


def _matches(value: object, wanted: tuple[object, ...]) -> bool:
    return is_on(value) if ON in wanted else value in wanted


def _flags(settings: Mapping[str, Any]) -> str:
    return _joined([flag(name, value) for name, value in settings.items()])


def _joined(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
