"""How large a pretrained network sees the images, and how much of them: chosen by cross-validation.

The loss of a probe on training images tells which of a few sizes and crops suits the data, where no
rule does: on ants and bees a larger size is worth two points, on small pictures of objects that fill
them the whole picture instead of its centre is worth three (`benchmarks/results/probe.md`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import nn

from onestop.data.dataset import Dataset
from onestop.data.preprocess import ImagePreprocessing
from onestop.data.targets import Indices
from onestop.errors import ArchitectureError
from onestop.networks.trace import run_on_shapes
from onestop.tasks import Task
from onestop.training.probe.features import FeatureBank
from onestop.training.probe.folds import folds_of
from onestop.training.probe.head import LinearHead
from onestop.training.probe.strength import Chosen, Examples, choose_strength

MOST = 1000
"""Images that views are compared on, at most."""
Keep = Callable[[Examples, Chosen], object]
_LARGER = 9 / 7  # 288 for 224
_STEP = 32  # sizes are multiples of it, as networks halve the image up to five times


@dataclasses.dataclass(frozen=True)
class View:
    """A size and a crop, and what cross-validation says of it.

    Attributes:
        preprocessing: With them.
        loss: Cross-validated, of a linear head.
    """

    preprocessing: ImagePreprocessing
    loss: float

    @property
    def text(self) -> str:
        """As in `288 pixels, centre crop of 0.875`."""
        return view_text(self.preprocessing)


def view_text(preprocessing: ImagePreprocessing) -> str:
    """The size and the crop in words."""
    size = f"{preprocessing.size[0]} pixels"
    if preprocessing.fit != "crop":
        return size
    crop = preprocessing.crop_fraction
    return f"{size}, " + ("whole images" if crop == 1 else f"centre crop of {crop:.3g}")


def candidates(network: nn.Module, base: ImagePreprocessing) -> list[ImagePreprocessing]:
    """The usual view, the whole image, and a larger size if the network takes it."""
    sizes = {base.size[0]: None, round(base.size[0] * _LARGER / _STEP) * _STEP: None}
    usual, larger = base, [s for s in sizes if s > base.size[0] and _takes(network, base, s)]
    views = {usual: None}
    if base.fit == "crop":
        views[dataclasses.replace(base, crop_fraction=1.0)] = None
    for size in larger:
        views[dataclasses.replace(base, size=(size, size))] = None
    return list(views)


def choose_view(
    network: nn.Module, head: LinearHead, task: Task[Any], dataset: Dataset, seed: int,
    views: list[ImagePreprocessing], bank: FeatureBank, say: Callable[[str], None] = lambda _: None,
    keep: Keep = lambda *_: None,
) -> list[View]:  # fmt: skip
    """The views with their cross-validated losses, the best first.

    Args:
        network: Pretrained, on the device of the bank.
        head: Where its features are.
        task: Gives the losses.
        dataset: Its training split counts.
        seed: Of the folds.
        views: What may be chosen; of equal ones the first is.
        bank: Of the training split.
        say: Takes a line for each view.
        keep: Takes what a head for the first view can be fitted to, before the others are tried.
    """
    folds = folds_of(dataset.splits["train"].targets, dataset.groups.get("train"), seed)
    some = _some(folds)
    compared: list[View] = []
    for preprocessing in views:
        features = bank.features(network, head.name, preprocessing, some=some)
        targets = dataset.splits["train"].targets.batch(features.indices)
        examples = Examples(features.values, targets, folds[features.indices])
        chosen = choose_strength(examples, task, task.head().outputs)
        if not compared:
            keep(examples, chosen)
        view = View(preprocessing, chosen.loss)
        say(f"{view.text}: cross-validated loss {view.loss:.4f}")
        compared.append(view)
    return sorted(compared, key=lambda view: view.loss)


def _some(folds: Indices) -> Indices | None:
    """The images that views are compared on, spread over folds and classes; None: all."""
    if len(folds) <= MOST:
        return None
    order = np.argsort(folds, kind="stable")
    return np.sort(order[np.linspace(0, len(folds) - 1, MOST).round().astype(np.int64)])


def _takes(network: nn.Module, base: ImagePreprocessing, size: int) -> bool:
    try:
        run_on_shapes(network, (base.channels, size, size), training=False)
    except ArchitectureError:
        return False
    return True
