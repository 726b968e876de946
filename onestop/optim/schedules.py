"""Learning rate schedules: pure functions of the step, so there is no state to save.

A schedule maps a step to a factor in (0, 1]; the learning rate is the recipe's `lr` times the factor.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from onestop.recipe import Optim

Factor = Callable[[int], float]
"""From a step, counted from 0, to the fraction of the peak learning rate."""

ONE_CYCLE_START = 1 / 25
ONE_CYCLE_END = 1e-4


def schedule(optim: Optim, steps_per_epoch: int) -> Factor:
    """The schedule for these settings.

    `constant` stays; `step` drops to a tenth every `step_epochs`; `cosine` falls to zero along half
    a cosine (Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983); all three rise linearly
    over `warmup_epochs` first. `one-cycle` rises along a cosine over `warmup_epochs` and falls along
    another to nearly zero (Smith and Topin 2018, https://arxiv.org/abs/1708.07120).
    """
    total = optim.epochs * steps_per_epoch
    warmup = round(optim.warmup_epochs * steps_per_epoch)
    if optim.schedule == "one-cycle":
        return _one_cycle(total, warmup)
    if optim.schedule == "cosine":
        return _after_warmup(_cosine(total - warmup), warmup)
    if optim.schedule == "step":
        period = optim.step_epochs * steps_per_epoch
        # Drops are counted from the start of the run, as papers state them.
        return lambda step: _warm(step, warmup) * 0.1 ** (step // period)
    return lambda step: _warm(step, warmup)


def _warm(step: int, warmup: int) -> float:
    return min(1.0, (step + 1) / (warmup + 1))


def _after_warmup(fall: Factor, warmup: int) -> Factor:
    return lambda step: _warm(step, warmup) if step < warmup else fall(step - warmup)


def _cosine(steps: int) -> Factor:
    return lambda step: 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(1, steps))))


def _one_cycle(total: int, warmup: int) -> Factor:
    def factor(step: int) -> float:
        if step < warmup:
            rise = 0.5 * (1 - math.cos(math.pi * step / warmup))
            return ONE_CYCLE_START + (1 - ONE_CYCLE_START) * rise
        fall = 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, total - warmup))))
        return ONE_CYCLE_END + (1 - ONE_CYCLE_END) * fall

    return factor
