"""The first stage of a run from pretrained weights: fit the head, evaluate it, keep it.

Nothing of it is random but the folds, which are a function of the seed: a run that is killed meanwhile
fits the same head when it is resumed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from onestop.data.preprocess import Preprocessing
from onestop.data.targets import Indices
from onestop.errors import NonFiniteLossError
from onestop.metrics import Metrics
from onestop.networks.fuse import Folding
from onestop.tasks import Task
from onestop.training.probe.features import FeatureBank, Watch
from onestop.training.probe.folds import folds_of
from onestop.training.probe.head import LinearHead, head_inputs
from onestop.training.probe.strength import Chosen, Examples, choose_strength, fit
from onestop.training.records import EpochRecord
from onestop.training.setup import Session
from onestop.training.state import outputs_finite

MIRRORED = 5_000
"""Images up to which features are averaged with those of the mirror image, if that lowers the loss."""
_LOWEST_OF = 64  # images that are looked at for the lowest outputs of a head
_MIRRORING = ("flip", "flip-crop", "resized-crop")


@dataclass(frozen=True)
class Fitted:
    """A head that was fitted.

    Attributes:
        weight: float64 [K, F].
        bias: float64 [K].
        examples: What it was fitted to.
        indices: Of their images in the training split.
        chosen: The strength of its penalty, with outputs out of fold.
    """

    weight: Tensor
    bias: Tensor
    examples: Examples
    indices: Indices
    chosen: Chosen


def fit_probe(
    session: Session, bank: FeatureBank, watch: Watch | None = None,
    then: Callable[[Fitted], None] = lambda _: None,
) -> EpochRecord:  # fmt: skip
    """Fit the head and put it into the network of a session; the record of epoch 0.

    Args:
        session: Freshly set up; its network, moving average and progress change.
        bank: Of the training split.
        watch: Follows the features.
        then: Takes what was fitted, while the features are still those of the network.
    """
    begun = time.perf_counter()
    training, head = session.training, session.plan.linear_head
    assert head is not None
    fitted = fitted_head(session, bank, watch)
    fill_head(training.network, head, fitted.weight, fitted.bias, bank, session.preprocessing)
    if training.average:
        training.average.network.load_state_dict(training.network.state_dict())
    took, metrics = time.perf_counter() - begun, session.judge(training.network)
    training.progress.close_probe(metrics, session.goal)
    training.progress.seconds += time.perf_counter() - begun
    training.probe = {name: t.clone() for name, t in training.network.state_dict().items()}
    row = _row(session, fitted, metrics, took, time.perf_counter() - begun)
    then(fitted)
    return EpochRecord(0, row, best=True, finite=outputs_finite(metrics))


def fill_head(
    network: nn.Module, head: LinearHead, weight: Tensor, bias: Tensor, bank: FeatureBank,
    preprocessing: Preprocessing,
) -> None:  # fmt: skip
    """Put a fitted head into a network.

    Args:
        network: On the device of the bank; changed in place.
        head: Where it is.
        weight: float64 [K, F].
        bias: float64 [K].
        bank: Of the training split.
        preprocessing: Of the images that it was fitted to.
    """
    lowest = _lowest(bank, network, head, preprocessing, weight, bias) if head.rectified else 0.0
    head.fill(network, weight, bias, lowest)


def fitted_head(session: Session, bank: FeatureBank, watch: Watch | None = None) -> Fitted:
    """The head for the features of a session's network, which is not changed."""
    head, task, dataset = session.plan.linear_head, session.task, session.plan.dataset
    assert head is not None
    train = dataset.splits["train"]
    policy = session.recipe.augmentation.augment
    mirrors = (False, True) if policy in _MIRRORING and len(train) <= MIRRORED else (False,)
    features, *mirrored = (
        bank.features(session.training.network, head.name, session.preprocessing,
                      mirrored=mirror, watch=watch)
        for mirror in mirrors
    )  # fmt: skip
    _require_finite(features.values)
    folds = folds_of(train.targets, dataset.groups.get("train"), session.recipe.machine.seed)
    targets = train.targets.batch(features.indices)
    plain, rows = features.values, folds[features.indices]
    tried = [Examples(plain, targets, rows)]
    tried += [Examples((plain + other.values) / 2, targets, rows, plain) for other in mirrored]
    outputs = task.head().outputs
    compared = [(choose_strength(examples, task, outputs), examples) for examples in tried]
    chosen, examples = min(compared, key=lambda pair: pair[0].loss)
    weight, bias = fit(examples, task, outputs, chosen.strength)
    return Fitted(weight, bias, examples, features.indices, chosen)


def _require_finite(features: Tensor) -> None:
    if not torch.isfinite(features).all():
        raise NonFiniteLossError("features of the pretrained network are not finite")


@torch.no_grad()
def _lowest(
    bank: FeatureBank, network: nn.Module, head: LinearHead, preprocessing: Preprocessing,
    weight: Tensor, bias: Tensor,
) -> float:  # fmt: skip
    """The lowest output of a fitted head at any position of some training images."""
    loader, device = bank.loader(preprocessing), bank.engine.device
    fast: nn.Module = Folding(network, preprocessing.shape)(network)
    some = np.arange(min(_LOWEST_OF, len(loader.samples)))
    was_training, lowest = fast.training, 0.0
    fast.eval()
    weight, bias = ((tensor / head.scale).to(device).float() for tensor in (weight, bias))
    for batch in loader.unchanged([some]):
        features, _ = head_inputs(fast, head.name, batch.inputs, bank.engine)
        assert features is not None
        outputs = weight @ features.float().flatten(2)  # [B, K, h*w]
        lowest = min(lowest, float((outputs + bias[:, None]).min()))
    fast.train(was_training)
    return lowest


def _row(
    session: Session, fitted: Fitted, metrics: Metrics, took: float, seconds: float
) -> Metrics:
    """The row of epoch 0; its training metrics are those of cross-validation."""
    task, chosen = session.task, fitted.chosen
    row: Metrics = {"epoch": 0, "step": 0, "lr": 0.0, "waiting": 0.0, "seconds": seconds}
    row["images_per_second"] = len(fitted.indices) / took
    row["scoring"] = seconds - took
    targets = session.loaders["train"].samples.targets.batch(fitted.indices)
    row |= cross_validated(task, chosen, targets)
    if outputs_finite(metrics):
        numbers = {k: v for k, v in metrics.items() if isinstance(v, float)}
        row |= {f"val_{name}": value for name, value in numbers.items() if math.isfinite(value)}
    return row


def cross_validated(task: Task[Any], chosen: Chosen, targets: Any) -> Metrics:
    """Metrics of a head out of fold, named as those of training are; empty if it was not validated.

    Args:
        task: Computes them.
        chosen: The strength of the head's penalty.
        targets: Of all its examples.
    """
    if not len(chosen.places):
        return {}
    meter = task.meter()
    meter.update(chosen.outputs, targets[torch.from_numpy(chosen.places)])
    computed = meter.compute()
    names = [metric.name for metric in task.metrics if metric.training]
    return {"train_loss": chosen.loss, **{f"train_{n}": float(computed[n]) for n in names}}
