"""Trunks: the part of a classifier that computes feature maps, with the classifier's own names.

So published weights of the classifier, and files of them, fit without renaming.

Legend: B images of a batch, C channels.
"""

from __future__ import annotations

import contextlib
import functools
import io
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from onestop.errors import ArchitectureError
from onestop.networks import build
from onestop.networks.freezing import stages
from onestop.networks.surgery import find_heads
from onestop.networks.trace import hooked, run_on_shapes, without_values
from onestop.runtime.lazy_torchvision import without_compiler

LEVELS = 3
"""Feature maps that are used: those with the fewest pixels."""
_PROBE = 224  # pixels per side of the image that shows the resolution of feature maps


def trunk_of(name: str, channels: int, size: int) -> tuple[nn.Module, list[int], list[int]]:
    """The trunk of a classifier with random weights.

    Args:
        name: A classifier of ours or of torchvision, or `timm:NAME`.
        channels: Of the input.
        size: Height and width of the input.

    Returns:
        A network from [B, C, h, w] to feature maps by number, finest first; the channels of each, and
        how many pixels of the input a position of each stands for.

    Raises:
        UsageError: timm is not installed.
        ArchitectureError: The network has no feature maps of falling resolution.
    """
    network = _of_timm(name, channels) if name.startswith("timm:") else _traced(name)
    if network is None:
        raise ArchitectureError(
            f"rcnn:{name}: has no feature maps of falling resolution; choose another backbone"
        )
    in_channels = channels if name.startswith("timm:") else 3
    with contextlib.redirect_stderr(io.StringIO()):  # traced networks print their code on errors
        maps: Mapping[str, Tensor] = run_on_shapes(network, (in_channels, size, size))
    widths = [features.shape[1] for features in maps.values()]
    return network, widths, [_stride(size, features.shape[-1]) for features in maps.values()]


def _stride(size: int, positions: int) -> int:
    return int(2 ** round(math.log2(size / max(positions, 1))))


def _last_of_each(strides: Sequence[tuple[Any, int]]) -> list[Any]:
    """The last layer of each of the `LEVELS` largest strides, of layers in order of execution."""
    last = {stride: layer for layer, stride in strides if stride >= 4}
    chosen = sorted(last)[-LEVELS:]
    return [last[stride] for stride in chosen] if len(chosen) > 1 else []


def _of_timm(name: str, channels: int) -> nn.Module | None:
    from onestop.networks.timm_zoo import created

    network: Any = created(name, channels)
    info = getattr(network, "feature_info", None) or ()
    indices = _last_of_each([(i, int(level["reduction"])) for i, level in enumerate(info)])
    if not indices or not hasattr(network, "forward_intermediates"):
        return None
    network.prune_intermediate_layers(indices, prune_norm=True, prune_head=True)
    network.map_indices = tuple(indices)
    kind: Any = type(network)
    network.__class__ = _with_maps(kind)
    return cast(nn.Module, network)


@functools.cache
def _with_maps(kind: Any) -> type:
    """A timm class whose instances compute feature maps."""

    def forward(self: Any, inputs: Tensor) -> dict[str, Tensor]:
        maps = self.forward_intermediates(
            inputs, indices=list(self.map_indices), intermediates_only=True
        )
        return {str(level): features for level, features in enumerate(maps)}

    return type(f"{kind.__name__}Trunk", (kind,), {"forward": forward})


def _traced(name: str) -> nn.Module | None:
    """The trunk of a classifier of ours or of torchvision."""
    with without_compiler():
        from torchvision.models.feature_extraction import create_feature_extractor

    network = build(name, 1, 3, _PROBE)
    shape = (3, _PROBE, _PROBE)
    ends = [part[-1] for part in stages(network, find_heads(network, shape))]
    names = _last_of_each(_strides(_without_wide_end(_maps(network, ends, shape)), shape[-1]))
    if not names:
        return None
    maps = {layer: str(level) for level, layer in enumerate(names)}
    with warnings.catch_warnings():  # layers that run in training only do not compute feature maps
        warnings.simplefilter("ignore", UserWarning)
        trunk = create_feature_extractor(
            network, return_nodes=maps, tracer_kwargs={"leaf_modules": _opaque(network, names)}
        )
    return cast(nn.Module, trunk)


def _opaque(network: nn.Module, names: Sequence[str]) -> list[type]:
    """Classes of ours that need not be traced, and could not be where they ask for sizes."""
    parts = network.named_modules()
    return list({
        type(part)
        for name, part in parts
        if name and type(part).__module__.startswith("onestop.")
        and not any(inner.startswith(f"{name}.") for inner in names)
    })  # fmt: skip


def _maps(
    network: nn.Module, names: Sequence[str], shape: tuple[int, ...]
) -> list[tuple[str, torch.Size]]:
    """Those of some modules that compute feature maps, in order of execution, with their shapes."""
    found: list[tuple[str, torch.Size]] = []

    def note(name: str, _: nn.Module, __: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and output.shape[2] == output.shape[3]:
            found.append((name, output.shape))

    shapes = without_values(network).eval()
    modules = [(name, shapes.get_submodule(name)) for name in names]
    with torch.no_grad(), hooked(modules, after=note):
        shapes(torch.empty(1, *shape, device="meta"))
    return found


def _without_wide_end(maps: list[tuple[str, torch.Size]]) -> list[tuple[str, torch.Size]]:
    """Without a last layer that only widens features for a classifier, as MobileNets have one."""
    if len(maps) < 2:
        return maps
    (_, before), (_, last) = maps[-2:]
    return maps[:-1] if before[2:] == last[2:] and last[1] > 2 * before[1] else maps


def _strides(maps: Sequence[tuple[str, torch.Size]], size: int) -> list[tuple[str, int]]:
    return [(name, _stride(size, shape[-1])) for name, shape in maps]
