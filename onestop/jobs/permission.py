"""What the files of a run folder may not decide on their own: which code runs, what is downloaded.

A run folder may be anybody's, so that naming it is not naming the code and the addresses in its files.
They count only if the user names them too, with a flag or in Python. A recipe outside of a run folder
was written to be followed: naming it with `--recipe` is the user's word for what it says.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onestop.errors import UsageError
from onestop.recipe.names import PYTHON, names_code
from onestop.storage.run_folder import EPOCHS, INFO, LOG, METRICS, MODEL, STATE, is_run
from onestop.tracking import require_named


@dataclass(frozen=True)
class Downloads:
    """What may be downloaded.

    Attributes:
        data: A data set known by name.
        weights: Published weights.
    """

    data: bool = True
    weights: bool = True


def is_in_run(recipe: str | Path) -> bool:
    """Whether a recipe file lies in a run folder, beside what a run wrote."""
    written = (INFO, MODEL, EPOCHS, METRICS, LOG, STATE)
    folders = {Path(recipe).parent, Path(os.path.realpath(recipe)).parent}
    return any(is_run(f) and any((f / name).exists() for name in written) for f in folders)


def permitted(
    folder: Path, stored: Mapping[str, Any], named: Mapping[str, Any], *, source: bool = False
) -> Downloads:
    """What may be downloaded for the recipe in a run folder.

    Args:
        folder: Of the run.
        stored: The settings in its recipe.
        named: The settings that the user names.
        source: Whether the user names the data.

    Raises:
        UsageError: The recipe asks for code or a tracker that the user does not name.
    """
    model = str(stored.get("model") or "")
    if names_code(model) and not named.get("model"):
        again = "pass the network in Python again" if model.startswith(PYTHON) else "name it"
        raise UsageError(
            f"{folder}: was trained with your own network {model}, code that runs only if you name "
            f"it; {again}: --model FILE.py:Class, or model=network in Python"
        )
    if not named.get("track"):
        require_named(stored.get("track") or "none", folder)
    return Downloads(
        data=source or bool(named.get("data_root")), weights=bool(named.get("weights"))
    )
