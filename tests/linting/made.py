"""Small data sets whose images are looked at for what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from onestop.data import open_data
from onestop.data.dataset import Dataset


def arrays(**labels: Sequence[str]) -> Dataset:
    """Splits of noise by name, from the label of each image; no two images are alike."""
    rng = np.random.default_rng(0)
    splits: dict[str, Any] = {
        name: (rng.integers(0, 256, (len(names), 8, 8, 3), dtype=np.uint8), list(names))
        for name, names in labels.items()
    }
    return open_data(splits, val_fraction=0)
