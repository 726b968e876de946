"""Experiment trackers that a run sends its metrics to: TensorBoard, MLflow, Weights & Biases.

A tracker's package is imported only if a run asks for it.
"""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

from onestop.errors import UsageError
from onestop.reading import read_object
from onestop.recipe import Track
from onestop.runtime.checked import fits
from onestop.storage.run_folder import TRACKING

_PLAIN = re.compile(r"[\w-][\w.-]{0,127}")  # identifiers and names of projects, without paths
_ADDRESS = "uri"  # shown and compared, never connected to


def require(track: Track) -> None:
    """Check, before any work, that a tracker can be used.

    Args:
        track: Name of the tracker, which is also that of its package and of our extra.

    Raises:
        UsageError: Its package is not installed, or the user is not logged in.
    """
    if track == "none":
        return
    spec = importlib.util.find_spec(track)
    if spec is None or spec.origin is None:  # without an origin it is just a folder of this name
        raise UsageError(
            f"--track {track}: {track} is not installed: pip install 'onestop-vision[{track}]'"
        )
    if track == "wandb":
        from onestop.tracking.wandb import require_login

        require_login()


def require_named(track: str, folder: Path) -> None:
    """Check that a tracker which only a run's recipe names sends nothing, or to a place of the user's.

    Metrics are never sent somewhere because a file in a run folder says so.

    Args:
        track: Name of the tracker.
        folder: Of the run.

    Raises:
        UsageError: The user has to name the tracker.
    """
    again = f"name it again: --track {track}, or --track none"
    if track == "wandb" and not os.environ.get("WANDB_MODE"):
        raise UsageError(f"{folder}: its recipe sends metrics to Weights & Biases; {again}")
    if track == "mlflow" and not os.environ.get("MLFLOW_TRACKING_URI"):
        require("mlflow")
        from onestop.tracking.mlflow import default_uri

        stored, default = read_tracking(folder).get(track, {}).get(_ADDRESS), default_uri()
        if stored is not None and stored != default:
            raise UsageError(
                f"{folder}: sent its metrics to {stored}, as its {TRACKING} says; to continue there, "
                f"set MLFLOW_TRACKING_URI to it; for {default}, {again}"
            )
        if stored is None:
            raise UsageError(f"{folder}: its recipe sends metrics to MLflow; {again}")


def read_tracking(folder: Path) -> dict[str, dict[str, str]]:
    """The run's name in each tracker, as its tracking.json has it; what is damaged is left out."""
    return {
        tracker: {name: text for name, text in known.items() if _is_known(name, text)}
        for tracker, known in read_object(folder / TRACKING).items()
        if isinstance(known, dict)
    }


def _is_known(name: str, text: object) -> bool:
    return fits(str, text) and (name == _ADDRESS or bool(_PLAIN.fullmatch(str(text))))
