"""After training: what the validation images tell about how far predictions can be trusted.

Probabilities are calibrated, the scores of the images are stored for `predict --max-error`, and the
features of training images are learned, to recognise images unlike them. Only the model's card changes.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from onestop.inference.confidence import Confidence, scores_of
from onestop.inference.predictions import targets_of
from onestop.inference.score import Scored, measured
from onestop.metrics.outliers import Outliers, learn
from onestop.networks.features import feature_layer
from onestop.runtime.rng import key_for, permutation

if TYPE_CHECKING:
    from onestop.training.setup import Session

LEARNED = 1024
"""Training images whose features are learned; of more, as many at random."""
_NO_SPLIT = "the run held out no validation images"


def settled(session: Session) -> tuple[Session, Scored | None]:
    """With what follows from the validation split, now that the network is the best one.

    Returns:
        The session with the settled task and its card, and the validation split as that task scores
        it; None without a validation split, or if none of its images can be read.
    """
    network, shape = session.training.network, session.preprocessing.shape
    compared = "val" in session.loaders and session.task.whole
    layer = feature_layer(network, shape) if compared else None
    scored = None
    if "val" in session.loaders:
        scored = session.score(network, "val", keep_outputs=True, layer=layer)
    if scored is None or scored.outputs is None:
        return _with(session, Confidence(why_not=_NO_SPLIT)), None
    targets = targets_of(session.loaders["val"], scored)
    task = session.task.settle(scored.outputs, targets)
    session = dataclasses.replace(session, task=task)
    known = _certainty(session, scored.outputs, targets)
    if layer is not None:
        known = dataclasses.replace(known, layer=layer, outliers=_outliers(session, layer, scored))
    return _with(session, known), measured(task, scored, targets)


def _with(session: Session, known: Confidence) -> Session:
    options = session.task.options()
    card = dataclasses.replace(session.card, task_options=options, confidence=known.to_json())
    return dataclasses.replace(session, card=card)


def _certainty(session: Session, outputs: Any, targets: Any) -> Confidence:
    """The scores of the validation images, and whether their predictions are correct."""
    certainty = session.task.certainty(outputs)
    if certainty is None:
        return Confidence(why_not=session.task.uncertain)
    right = np.array([bool(p.correct) for p in session.task.describe(outputs, targets)])
    scores, correct = scores_of(certainty, right, session.recipe.machine.seed)
    return Confidence(scores, correct, why_not="" if len(scores) else _NO_SPLIT)


def _outliers(session: Session, layer: str, scored: Scored) -> Outliers | None:
    """What the features of training images look like, next to those of the validation images."""
    count = len(session.loaders["train"].samples)
    drawn = permutation(key_for(session.recipe.machine.seed, "features"), count)[:LEARNED]
    train = session.score(session.training.network, "train", layer=layer, indices=np.sort(drawn))
    if train.features is None or scored.features is None:
        return None
    return learn(train.features.numpy(), scored.features.numpy())
