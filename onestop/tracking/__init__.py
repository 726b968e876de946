"""Trackers that a run writes its metrics to while it trains: TensorBoard, MLflow, Weights & Biases.

Nothing here imports a tracker's package before a run asks for it.
"""

from __future__ import annotations

import importlib.util

from onestop.errors import UsageError
from onestop.recipe import Track

__all__ = ["require"]


def require(track: Track) -> None:
    """See, before any work, that a run can be tracked as it asks for.

    Args:
        track: The name of the tracker, which is that of its package and of our extra too.

    Raises:
        UsageError: Its package is not installed, or nobody is logged in there.
    """
    if track == "none":
        return
    found = importlib.util.find_spec(track)
    if found is None or found.origin is None:  # without one it is but a folder of this name
        raise UsageError(
            f"--track {track}: {track} is not installed: pip install 'onestop-vision[{track}]'"
        )
    if track == "wandb":
        from onestop.tracking.wandb import require_login

        require_login()
