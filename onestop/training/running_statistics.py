"""Running statistics that few steps of training left near their initial values, computed anew.

In evaluation BatchNorm normalises by running averages of what it saw in training (Ioffe and Szegedy
2015, https://arxiv.org/abs/1502.03167). While more than `MOST_LEFT` of their initial values is left in
any layer that is trained (`onestop/training/norm_layers.py` says when), a network that has learned may
give one answer to everything. Then the statistics of all layers that are trained are computed anew
before it is scored or saved: with the very weights that are scored, as the mean over batches of at most
`IMAGES` training images, the first of the epoch just done, augmented as they were in it. This is called
precise BatchNorm (Wu and Johnson 2021, section 3, https://arxiv.org/abs/2105.07576), or `update_bn` in
torch.optim.swa_utils.

The images are a function of seed and epoch, and the network that is trained is never changed: no step
of training depends on it, and a resumed run computes the same bits. Layers in evaluation mode (a frozen
backbone, or frozen by their author) keep their statistics. `benchmarks/results/running_statistics.md`
has the experiments behind the numbers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from onestop.data.loader import Loader
from onestop.data.targets import Indices
from onestop.runtime.signals import check
from onestop.text import plural
from onestop.training.norm_layers import NEVER, Layer

if TYPE_CHECKING:
    from onestop.training.phases import Order

IMAGES = 1024
"""Training images that statistics are computed from, at most."""


class RunningStatistics:
    """Gives networks whose running statistics can be trusted.

    Attributes:
        layers: Those that are trained.
    """

    def __init__(
        self, layers: tuple[Layer, ...], loader: Loader, order: Order, batch_size: int,
        forward: Callable[[nn.Module], Callable[[Tensor], Any]],
    ) -> None:  # fmt: skip
        """Nothing is read or computed yet.

        Args:
            layers: See `trained_layers`.
            loader: The training split.
            order: Of the training images.
            batch_size: Images that are computed at once; the last bits depend on it.
            forward: How a network is run in the precision of the run.
        """
        self.layers = layers
        self._loader, self._order, self._batch_size = loader, order, batch_size
        self._forward = forward
        self._last: tuple[int, nn.Module, nn.Module] | None = None

    @property
    def images(self) -> int:
        """Training images that statistics are computed from."""
        return min(IMAGES, len(self._loader.samples))

    def due(self, step: int) -> bool:
        """Whether statistics after this many steps of training cannot be trusted."""
        return any(layer.due(step) for layer in self.layers)

    def trusted(self, network: nn.Module, step: int) -> nn.Module:
        """The network itself or, where that is due, a copy with its statistics computed anew.

        Args:
            network: Not changed.
            step: Steps of training; asked again for the same network and step, the same copy is given.
        """
        if not self.due(step):
            self._last = None
            return network
        if self._last is None or self._last[0] != step or self._last[1] is not network:
            self._last = step, network, self._anew(network, step)
        return self._last[2]

    def note(self, ends: Iterable[int]) -> str:
        """What a person should know of it; empty if it is never due.

        Args:
            ends: Steps after which the network is scored.
        """
        step = next(filter(self.due, ends), None)
        if step is None:
            return ""
        layer = max(filter(lambda la: la.due(step), self.layers), key=lambda la: la.trusted_from)
        anew = f"computed anew from {plural(self.images, 'training image')} before each evaluation"
        if layer.trusted_from == NEVER:
            return (
                f"note: the running statistics of BatchNorm are {anew}: with a momentum of "
                f"{layer.pace.momentum} they never forget their first values"
            )
        return (
            f"note: the running statistics of BatchNorm are {anew} until step {layer.trusted_from:,}: "
            f"with a momentum of {layer.pace.momentum:g}, {100 * layer.pace.left_after(step):.3g}% of "
            f"their initial values are left after {plural(step - layer.pace.begins, 'step')}"
        )

    @torch.no_grad()
    def _anew(self, network: nn.Module, step: int) -> nn.Module:
        fresh = copy.deepcopy(network).eval()  # dropout and the like are off
        norms = [fresh.get_submodule(layer.name) for layer in self.layers]
        counts = {name: b.clone() for name, b in fresh.named_buffers() if not b.is_floating_point()}
        handles = [norm.train().register_forward_pre_hook(_Mean()) for norm in norms]
        forward = self._forward(fresh)
        epoch = (step - 1) // self._order.per_epoch
        for batch in self._loader.train(self._plan(epoch), epoch):
            check()
            if len(batch) > 1:  # a single image may have no variance
                forward(batch.inputs)
        for handle in handles:
            handle.remove()
        for name, count in counts.items():  # they count the updates of training
            fresh.get_buffer(name).copy_(count)
        return fresh.eval()

    def _plan(self, epoch: int) -> list[Indices]:
        """Batches of nearly equal size, so that the mean over them is one over the images."""
        images = np.concatenate(self._order.plan(epoch))[: self.images]
        return np.array_split(images, -(-len(images) // self._batch_size))


class _Mean:
    """Turns the running average of a layer into the mean over all of its calls."""

    def __init__(self) -> None:
        self._calls = 0

    def __call__(self, norm: nn.Module, _: object) -> None:
        self._calls += 1
        norm.momentum = 1 / self._calls  # type: ignore[assignment]
