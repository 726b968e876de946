"""The end of training that began with a probe: how far to go from the probe to the trained weights.

Between the weights that a head was fitted to and those that training reached, the loss has no barrier,
and a point on the way often is better than both ends (Wortsman et al. 2022, WiSE-FT,
https://arxiv.org/abs/2109.01903). The losses of the images of the validation split decide, in pairs: a
quarter of the way is gone if that lowers their mean, and further only where that lowers it by more than
chance, by more than one standard error of the differences. Otherwise the probe stays. Once a step
raises the mean, no further ones are tried. Without a validation split, half of the way is gone.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

from torch import Tensor, nn

from onestop.inference.predictions import targets_of
from onestop.metrics import Metrics
from onestop.training.setup import Session

SHARES = (0.25, 0.5, 0.75, 1.0)
"""Points on the way that are tried, as shares of it."""
UNSEEN = 0.5
"""The point that is taken where there is nothing to try them on."""


@dataclass(frozen=True)
class Point:
    """A point on the way.

    Attributes:
        share: 0 is the probe, 1 the trained network.
        network: In between.
        metrics: On the validation split; empty without one.
    """

    share: float
    network: nn.Module
    metrics: Metrics

    @property
    def text(self) -> str:
        """What it is, as in `kept: a quarter of the way`."""
        if not self.share:
            return "kept: the probe"
        if self.share == 1:
            return "kept: the trained network"
        return f"kept: {self.share:.0%} of the way from the probe to the trained network"


def kept_point(session: Session) -> Point:
    """The point that is kept of a session that is trained; its network is not changed."""
    if "val" not in session.loaders:
        return Point(UNSEEN, _between(session, UNSEEN), {})
    kept, losses = _tried(session, 0.0)
    before = losses
    for share in SHARES:
        point, there = _tried(session, share)
        if _is_better(losses - there, beyond_chance=share > SHARES[0]):
            kept, losses = point, there
        if not there.mean() < before.mean():
            break
        before = there
    return kept


def _is_better(gains: Tensor, *, beyond_chance: bool) -> bool:
    """Whether losses are lower by these differences, on the whole."""
    doubt = float(gains.std(correction=0)) / math.sqrt(max(1, len(gains) - 1))
    return float(gains.mean()) > (doubt if beyond_chance else 0.0)


def _tried(session: Session, share: float) -> tuple[Point, Tensor]:
    """A point and its loss for each image of the validation split."""
    network = _between(session, share)
    scored = session.score(network, "val", keep_outputs=True)
    assert scored.outputs is not None
    targets = targets_of(session.loaders["val"], scored)
    losses = session.task.losses(scored.outputs.double(), targets)
    return Point(share, network, scored.metrics), losses


def _between(session: Session, share: float) -> nn.Module:
    training = session.training
    network = copy.deepcopy(training.scored)
    end = network.state_dict()
    for name, begin in training.probe.items():
        if begin.is_floating_point():
            end[name].lerp_(begin.to(end[name].device), 1 - share)
    return network
