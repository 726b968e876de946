"""Features that are made, for three kinds of targets; no image is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import onestop
from onestop.data.dataset import Dataset
from onestop.training.probe.features import Features

COUNT = 120


def blobs(labels: NDArray[Any], spread: float = 0.4, seed: int = 0) -> torch.Tensor:
    """Features [N, 6] around a place for each label."""
    rng = np.random.default_rng(seed)
    places = rng.normal(size=(int(labels.max()) + 1, 6)) * 2
    return torch.from_numpy((places[labels] + rng.normal(0, spread, (len(labels), 6))).astype("f4"))


def dataset(**splits: Any) -> Dataset:
    """Small black images with such targets."""
    arrays = {
        name: (np.zeros((len(targets), 4, 4, 3), np.uint8), targets)
        for name, targets in splits.items()
    }
    return onestop.open_data(arrays, val_fraction=0, for_training=False)


def whole(values: torch.Tensor) -> Features:
    """Features of all images."""
    return Features(np.arange(len(values)), values)
