"""The end of training that began with a probe: how far to go from the probe to the trained weights.

Between the weights that a head was fitted to and those that training reached, the loss has no barrier,
and a point on the way often is better than both ends (Wortsman et al. 2022, WiSE-FT,
https://arxiv.org/abs/2109.01903). The point with the lowest loss on the validation split is kept; the
probe stays unless that is lower by more than chance: by more than one standard error of the difference
image by image. Without a validation split, half of the way is gone.
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
        why: Why it is kept.
    """

    share: float
    network: nn.Module
    metrics: Metrics
    why: str = ""

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
        return Point(
            UNSEEN, _between(session, UNSEEN), {}, "no images are held out to try others on"
        )
    probe, losses = _tried(session, 0.0)
    best, gain, doubt = probe, 0.0, 0.0
    for share in SHARES:
        point, there = _tried(session, share)
        difference = losses - there
        mean = float(difference.mean())
        if mean > gain and math.isfinite(mean):
            best, gain = point, mean
            doubt = float(difference.std(correction=0)) / math.sqrt(max(1, len(difference) - 1))
    if gain > doubt:
        return Point(best.share, best.network, best.metrics, f"its loss is lower by {gain:.4f}")
    why = f"no point's loss is lower by more than chance ({gain:.4f}, give or take {doubt:.4f})"
    return Point(0.0, probe.network, probe.metrics, why)


def _tried(session: Session, share: float) -> tuple[Point, Tensor]:
    """A point and its loss for each image of the validation split."""
    network = _between(session, share)
    scored = session.score(network, "val", keep_outputs=True)
    assert scored.outputs is not None
    targets = targets_of(session.loaders["val"].samples, scored)
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
