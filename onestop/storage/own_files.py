"""What a run may write to and remove in its folder, which somebody else may have prepared.

A run writes only under the names of `onestop/storage/run_folder.py`, only to regular files and folders
of its own, never through a link, and removes only files that have such a name.
"""

from __future__ import annotations

import re
from pathlib import Path

from onestop.errors import UsageError
from onestop.runtime.files import Kind, kind_of, unshare
from onestop.storage.run_folder import (
    CONFUSION,
    EPOCHS,
    INFO,
    LABEL_ISSUES,
    LOCK,
    LOG,
    METRICS,
    MODEL,
    PREDICTIONS,
    RECIPE,
    REPORT,
    SKIPPED,
    STATE,
    TRACKING,
)

FILES = (
    MODEL, RECIPE, INFO, METRICS, EPOCHS, PREDICTIONS, CONFUSION, LABEL_ISSUES, REPORT, SKIPPED, LOG,
    TRACKING, LOCK,
)  # fmt: skip
FOLDERS = (STATE, "tensorboard", "wandb")

_MOST_LOG = 2**28  # bytes of a log that can be copied
_STATE_FILE = r"step-[0-9]{9,18}\.safetensors"
_NAMES = "|".join([*map(re.escape, FILES), _STATE_FILE])
# As `write_atomic` names them; earlier versions put the number of their process there.
_TEMPORARY = re.compile(rf"\.(?:{_NAMES})\.(?:[0-9a-f]{{8}}|[0-9]+)\.tmp")


def require_own(folder: Path, names: tuple[str, ...] = (*FILES, *FOLDERS)) -> None:
    """See that a run can write under these names: nothing is there, or a file or folder of its own.

    A log with several names (hard links) gets a copy of its own, since it is appended to.

    Raises:
        UsageError: Something else is there, such as a link, which could lead anywhere.
    """
    for name in names:
        _require_kind(folder / name, "folder" if name in FOLDERS else "file")
    if STATE in names:
        for path in states_in(folder / STATE):
            _require_kind(path, "file")
    if LOG in names:
        unshare(folder / LOG, _MOST_LOG)


def _require_kind(path: Path, expected: Kind) -> None:
    try:
        kind = kind_of(path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; allow access to it") from None
    if kind not in ("nothing", expected):
        raise UsageError(
            f"{path}: is a {kind}, and a run writes only to files and folders of its own; "
            f"remove it, or put a {expected} there"
        )


def states_in(folder: Path) -> list[Path]:
    """All that has the name of a state in a `state/` folder, the oldest first; nothing else is ours."""
    try:
        if kind_of(folder) != "folder":
            return []
        paths = sorted(folder.iterdir())
    except OSError:
        return []
    return [path for path in paths if re.fullmatch(_STATE_FILE, path.name)]


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files of a process that was killed while writing; call with the lock held."""
    for place in (folder, folder / STATE):
        if place == folder or kind_of(place) == "folder":
            for path in place.glob(".*.tmp"):
                if _TEMPORARY.fullmatch(path.name) and kind_of(path) == "file":
                    path.unlink(missing_ok=True)


def remains(folder: Path) -> str:
    """What is left of a run in a folder without a recipe, and what to do; empty for other folders."""
    try:
        names = {path.name for path in folder.iterdir() if not _TEMPORARY.fullmatch(path.name)}
    except (OSError, ValueError):  # ValueError: a path with a NUL
        return ""
    if LOCK not in names or names - {*FILES, *FOLDERS}:
        return ""
    if names <= {LOCK, INFO}:
        return (
            "is the beginning of a run that was killed before its recipe was written; remove it, and "
            "train on your data again"
        )
    return f"is a run without a {RECIPE} that can be read; put a copy of it back"
