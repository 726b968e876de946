"""Which layers with running statistics a run trains, and when few of their initial values are left.

Each update of BatchNorm's running statistics keeps 1 - momentum of them, so that after t updates
(1 - momentum)^t of the initial mean 0 and variance 1 are left: 62 % after 48 steps with a momentum of
0.01, as torchvision's MobileNet v3 has it. A moving average of the weights averages the statistics too,
and lags behind that.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from onestop.networks.freezing import Freezing

MOST_LEFT = 1e-4
"""Share of the initial statistics above which they cannot be trusted: of a variance of 1, which is what
they begin with, as much as a tenth of a true variance of 0.001, as layers often have it."""
NEVER = 2**62
"""The step from which on statistics can be trusted that never forget."""
_NORMS = nn.modules.batchnorm._NormBase  # noqa: SLF001 - the base of all that have running statistics
_MANY = 10**6  # steps after which it is not looked any further


@dataclass(frozen=True)
class Pace:
    """How fast the initial statistics of a layer are forgotten.

    Attributes:
        momentum: Share of an update in the running statistics; None averages over all updates alike.
        parts: Updates per step: the parts that a batch is computed in.
        ema: Decay of the moving average of the weights; 0 if there is none.
        begins: Steps of the run before the first that trains it.
    """

    momentum: float | None
    parts: int = 1
    ema: float = 0.0
    begins: int = 0

    def left(self) -> Iterator[float]:
        """The share that is left after one step of training, after two, and so on without end.

        An average over all updates never forgets those of weights long gone: of it, all is left.
        """
        keep = 1.0 if self.momentum is None else (1 - self.momentum) ** self.parts
        left = averaged = 1.0
        for step in itertools.count(self.begins):
            left *= keep
            lag = min(self.ema, (1 + step) / (10 + step))  # as in `MovingAverage.update`
            averaged = lag * averaged + (1 - lag) * left
            yield averaged

    def left_after(self, step: int) -> float:
        """The share that is left after this many steps of the run, of which one at least trains it."""
        return next(itertools.islice(self.left(), step - self.begins - 1, None))

    def trusted_from(self) -> int:
        """Steps of the run after which at most `MOST_LEFT` is left; `NEVER` if they are too many."""
        for number, share in enumerate(self.left(), 1):
            if share <= MOST_LEFT:
                return self.begins + number
            if share == 1.0 or number == _MANY:
                break
        return NEVER


@dataclass(frozen=True)
class Layer:
    """A layer with running statistics that is trained.

    Attributes:
        name: In the network.
        pace: How fast it forgets its initial statistics.
        trusted_from: See `Pace.trusted_from`.
    """

    name: str
    pace: Pace
    trusted_from: int

    def due(self, step: int) -> bool:
        """Whether its statistics after this many steps are of training, and cannot be trusted."""
        return self.pace.begins < step < self.trusted_from


def trained_layers(
    network: nn.Module, freezing: Freezing | None = None, frozen: str = "none", thawed: int = 0, *,
    parts: int = 1, ema: float = 0.0,
) -> tuple[Layer, ...]:  # fmt: skip
    """The layers with running statistics that a run trains.

    Args:
        network: Nothing of it is frozen yet, nor afterwards.
        freezing: Freezes parts of it; None if nothing ever is.
        frozen: What is frozen first; see `Freezing.freeze`.
        thawed: Steps after which nothing is frozen; 0: it stays as it is.
        parts: See `Pace`.
        ema: See `Pace`.
    """
    momenta = _in_training(network)
    begins = dict.fromkeys(momenta, 0)
    if freezing and frozen != "none":
        freezing.freeze(frozen)
        still = _in_training(network)
        freezing.thaw()
        begins = {
            name: 0 if name in still else thawed for name in momenta if name in still or thawed
        }
    paces = {name: Pace(momenta[name], parts, ema, begin) for name, begin in begins.items()}
    trusted = {pace: pace.trusted_from() for pace in set(paces.values())}
    return tuple(Layer(name, pace, trusted[pace]) for name, pace in paces.items())


def _in_training(network: nn.Module) -> dict[str, float | None]:
    """The momentum of each layer with running statistics that is in training mode if the network is."""
    was_training = network.training
    network.train()
    found = {
        name: module.momentum
        for name, module in network.named_modules()
        if isinstance(module, _NORMS) and module.running_mean is not None and module.training
    }
    network.train(was_training)
    return found
