"""What all detectors share: how they are called, what is new in them, and frozen BatchNorm.

Legend: B images of a batch, C channels, h and w height and width of the input, K classes.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from onestop.errors import ModelFileError
from onestop.networks.detectors.heads import keep_rows
from onestop.networks.detectors.table import LOSSES
from onestop.networks.partial_load import Filled, fill
from onestop.runtime.lazy_torchvision import without_compiler

if TYPE_CHECKING:
    from torchvision.models.detection.image_list import ImageList

Objects = dict[str, Tensor]
"""Of one image: `boxes` [n, 4], `labels` [n], and perhaps `scores`, `masks`, `keypoints`."""

_NORMS = nn.modules.batchnorm._BatchNorm  # noqa: SLF001 - the base of all of them
_EPS = 1e-5


class Detector(nn.Module):
    """Mixed into torchvision's detectors; see `onestop.networks.detectors`.

    Attributes:
        frozen_norms: Whether BatchNorm of the backbone keeps its statistics and does not learn, as
            batches of a few images need it once there are pretrained statistics.
        new_parts: Names of the modules that are not pretrained; all of the heads, if nothing is.
    """

    frozen_norms: bool
    new_parts: tuple[str, ...]

    def forward(self, inputs: Tensor, targets: Sequence[Objects] | None = None) -> Any:
        """Losses by name, of B images with their targets; in evaluation the objects of each image.

        In training without targets, feature maps: what can be computed from inputs alone.
        """
        if self.training and targets is None:
            padded, _ = self.get_submodule("transform")([*inputs])
            return self.get_submodule("backbone")(padded.tensors)
        if self.training:
            losses = super().forward([*inputs], [_counted_from_one(one) for one in targets or ()])
            return {LOSSES[name]: loss for name, loss in losses.items()}
        maps: list[Any] = []
        watch = self.get_submodule("backbone").register_forward_hook(
            lambda _, __, output: maps.append(output)
        )
        try:
            found = super().forward([*inputs])
        finally:
            watch.remove()
        finite = _are_finite(self, maps[0], len(inputs))
        return [
            _counted_from_zero(one) | {"finite": f} for one, f in zip(found, finite, strict=True)
        ]

    def train(self, mode: bool = True) -> Any:
        """As usual, but frozen BatchNorm stays in evaluation mode."""
        super().train(mode)
        if self.frozen_norms:
            for norm in self.norms():
                norm.eval()
        return self

    def norms(self) -> list[nn.Module]:
        """BatchNorm of the backbone."""
        return [m for m in self._body().modules() if isinstance(m, _NORMS)]

    def freeze_norms(self) -> None:
        """Have BatchNorm of the backbone neither learn nor adapt, as torchvision's FrozenBatchNorm."""
        self.frozen_norms = True
        for norm in self.norms():
            for parameter in norm.parameters(recurse=False):
                parameter.requires_grad_(False)
        self.train(self.training)

    def head_names(self) -> list[str]:
        """See `onestop.networks.protocols.KnowsHeads`."""
        return list(self.new_parts)

    def _body(self) -> nn.Module:
        backbone = self.get_submodule("backbone")
        body = getattr(backbone, "body", backbone)
        assert isinstance(body, nn.Module)
        return body

    def names_of_weights(self) -> list[str]:
        """See `onestop.networks.protocols.TakesWeights`."""
        return list(self._body().state_dict())

    def take_weights(
        self, tensors: Mapping[str, Tensor], source: str, theirs: Sequence[str], ours: Sequence[str]
    ) -> Filled:
        """See `onestop.networks.protocols.TakesWeights`.

        Weights of a detector keep the rows of classes that have the same name in both; those of a
        classifier go into the backbone.
        """
        if any(name.startswith("backbone.") for name in tensors):
            tensors = _without_eps(self, tensors)
            filled = fill(self, keep_rows(self, tensors, theirs, ours), source)
        else:
            try:
                filled = fill(self._body(), tensors, source)
            except ModelFileError as error:
                raise ModelFileError(f"{error} or of its backbone") from None
            self.new_parts = everything_but_the_body(self)
        self.freeze_norms()
        return filled


def _are_finite(network: nn.Module, maps: Any, count: int) -> Tensor:
    """Whether what the network computes of each input is finite, [B].

    Boxes and scores do not show it: those that are not finite are never kept.
    """
    levels = maps.values() if isinstance(maps, Mapping) else [maps]
    heads = [p for n, p in network.named_parameters() if not n.startswith("backbone.")]
    sound = torch.stack([torch.isfinite(p).all() for p in heads]).all()
    rows = torch.stack([torch.isfinite(level).reshape(count, -1).all(1) for level in levels])
    return rows.all(0) & sound


def everything_but_the_body(network: nn.Module) -> tuple[str, ...]:
    """The modules of a detector besides the trunk of its backbone."""
    parts = [name for name in _with_parameters(network) if name != "backbone"]
    backbone = network.get_submodule("backbone")
    inner = [f"backbone.{name}" for name in _with_parameters(backbone) if name != "body"]
    # What lies in the backbone comes first: what is before the first head is divided into stages.
    return (*(inner if hasattr(backbone, "body") else ()), *parts)


def _with_parameters(module: nn.Module) -> list[str]:
    return [name for name, m in module.named_children() if next(m.parameters(), None) is not None]


def as_detector(network: nn.Module, divisor: int) -> Detector:
    """A detector of torchvision made a `Detector`, in place.

    It resizes and normalises nothing: its inputs are prepared.

    Args:
        network: Of torchvision.
        divisor: Inputs are padded to a multiple of this many pixels.
    """
    network.transform = _Pad(divisor)
    kind: Any = type(network)
    network.__class__ = _detector_class(kind)
    assert isinstance(network, Detector)
    network.frozen_norms = False
    network.new_parts = everything_but_the_body(network)
    return network


@functools.cache
def _detector_class(kind: Any) -> type:
    return type(kind.__name__, (Detector, kind), {"__doc__": kind.__doc__})


class _Pad(nn.Module):
    """In place of torchvision's transform: pads a batch at the right and the bottom, nothing else."""

    def __init__(self, divisor: int) -> None:
        super().__init__()
        self.divisor = divisor

    def forward(self, images: list[Tensor], targets: Any = None) -> tuple[ImageList, Any]:
        """Inputs [C, h, w] as one batch, with the size of each; targets as they are."""
        with without_compiler():
            from torchvision.models.detection.image_list import ImageList

        batch = torch.stack(images)
        height, width = batch.shape[-2:]
        down, right = (-side % self.divisor for side in (height, width))
        padded = F.pad(batch, (0, right, 0, down)) if down or right else batch
        return ImageList(padded, [(height, width)] * len(images)), targets

    def postprocess(self, result: list[Objects], *_: Any) -> list[Objects]:
        """Objects as they are, in pixels of the input; masks as [n, 1, 28, 28] within their boxes."""
        return result


def _counted_from_one(target: Objects) -> Objects:
    """Objects of an image as torchvision counts classes: 0 is the background."""
    return {**target, "labels": target["labels"] + 1}


def _counted_from_zero(found: Objects) -> Objects:
    return {**found, "labels": found["labels"] - 1}


def _without_eps(network: Detector, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Weights for frozen BatchNorm whose epsilon was 0, for one of 1e-5.

    So were trained those of `Row.legacy_eps` that torchvision publishes, which it corrects only if it
    downloads them itself (`overwrite_eps`). They are known by the counters of batches that they lack.
    """
    if not getattr(network, "legacy_eps", False):
        return tensors
    if any(name.endswith("num_batches_tracked") for name in tensors):
        return tensors
    adapted = dict(tensors)
    for name, variance in tensors.items():
        if name.endswith(".running_var"):
            weight = name.replace("running_var", "weight")
            adapted[weight] = tensors[weight] * ((variance + _EPS) / variance).sqrt()
    return adapted
