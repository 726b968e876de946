"""One training step on shapes alone, before any image is read: do batch and image size suit?

BatchNorm needs more than one value per channel: one image whose feature map has shrunk to one pixel
is too little. Pooling needs something to pool. torch notices such things in the first step.
"""

from __future__ import annotations

import copy

import torch
from torch import nn

from onestop.errors import ArchitectureError, UsageError
from onestop.networks.freezing import Freezing
from onestop.networks.trace import device_of, outputs_of, without_values
from onestop.recipe import Recipe
from onestop.runtime.rng import preserved

_LARGEST = 1024  # pixels per side that are tried


def refuse_impossible(
    recipe: Recipe, network: nn.Module, heads: list[str], shape: tuple[int, ...]
) -> None:
    """Stop if the network cannot be trained on such batches.

    Batches of one image are only taken if `batch_size` is 1: a last one that is too small is passed
    over (see `onestop.training.step.smallest_batch`), and parts have two images at least.

    Args:
        recipe: Its batch size and what it freezes count.
        network: Built; not changed.
        heads: Its heads, if something is frozen.
        shape: Of one input, (C, H, W) or (F,).

    Raises:
        UsageError: The message names a batch size or image size that works.
    """
    settings = recipe.network
    trial = _Trial(network, heads, "none" if settings.unfreeze_after else settings.freeze)
    batch = min(recipe.optim.batch_size, 2)
    if not (problem := trial.problem(batch, shape)):
        return
    if batch == 1 and not trial.problem(2, shape):
        larger = trial.working_size(1, shape)
        way = f", or --image-size {larger}" if larger else ""
        raise UsageError(
            f"--batch-size 1: {recipe.network.model} normalises over a batch, and one image of "
            f"{_size(shape)} leaves a single value to normalise; use --batch-size 2 or more{way}"
        )
    larger = trial.working_size(batch, shape)
    way = f"; use --image-size {larger}" if larger else ""
    raise ArchitectureError(f"--model {recipe.network.model}: cannot be trained: {problem}{way}")


class _Trial:
    """Runs a network forward in training mode, on shapes if it can be, else on zeros."""

    def __init__(self, network: nn.Module, heads: list[str], freeze: str) -> None:
        self._network, self._heads, self._freeze = network, heads, freeze
        self._shapes = self._prepared(without_values(network))

    def problem(self, batch: int, shape: tuple[int, ...]) -> str:
        """Why a batch of inputs cannot be run; empty if it can."""
        try:
            _run(self._shapes, batch, shape)
        except ArchitectureError:  # perhaps only since there are no values
            try:
                _run(self._prepared(copy.deepcopy(self._network)), batch, shape)
            except ArchitectureError as error:
                return str(error)
        return ""

    def working_size(self, batch: int, shape: tuple[int, ...]) -> int | None:
        """A larger image size at which it can be run, if there is one."""
        size = shape[-1]
        while len(shape) == 3 and (size := 2 * size) <= _LARGEST:
            try:
                _run(self._shapes, batch, (shape[0], size, size))
            except ArchitectureError:
                continue
            return size
        return None

    def _prepared(self, network: nn.Module) -> nn.Module:
        network.train()
        if self._heads:
            Freezing(network, self._heads).freeze(self._freeze)
        return network


def _run(network: nn.Module, batch: int, shape: tuple[int, ...]) -> None:
    with preserved(), torch.no_grad():
        outputs_of(network, torch.zeros(batch, *shape, device=device_of(network)))


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[-1]} pixels" if len(shape) == 3 else f"{shape[0]} values"
