"""Experiment trackers that a run sends its metrics to: TensorBoard, MLflow, Weights & Biases.

A tracker's package is imported only if a run asks for it.
"""

from __future__ import annotations

import importlib.util

from onestop.errors import UsageError
from onestop.recipe import Track

__all__ = ["require"]


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
