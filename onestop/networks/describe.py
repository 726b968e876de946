"""Short descriptions of modules: the settings of a layer, as `3→64 7x7, stride 2, pad 3, no bias`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torch import nn

_MANY = 2  # parameters directly in a module that are listed; the others are counted


def details(module: nn.Module) -> str:
    """The settings of a module of a known type; for others, the parameters directly in it.

    Defaults (a stride or dilation of 1, no padding, one group, a bias) are omitted.
    """
    parts = next((parts for kinds, parts in _KNOWN if isinstance(module, kinds)), _own_parameters)
    return ", ".join(part for part in parts(module) if part)


def by(sizes: Iterable[int]) -> str:
    """Sizes joined as in 64x112x112."""
    return "x".join(map(str, sizes))


def _convolution(module: Any) -> Iterable[str]:
    groups, dilation = module.groups, max(module.dilation)
    return (
        f"{module.in_channels}→{module.out_channels} {by(module.kernel_size)}",
        *_steps(module, usual=1),
        f"dilation {dilation}" if dilation > 1 else "",
        f"{groups} groups" if groups > 1 else "",
        _bias(module),
    )


def _steps(module: Any, usual: int | None = None) -> Iterable[str]:
    """Stride and padding, as a single number if both directions are equal."""
    stride, padding = _alike(module.stride), _alike(module.padding)
    return (
        f"stride {stride}" if stride != str(usual) else "",
        f"pad {padding}" if padding != "0" else "",
    )


def _alike(value: int | str | tuple[int, ...]) -> str:
    if isinstance(value, int | str):
        return str(value)
    return str(value[0]) if len(set(value)) == 1 else by(value)


def _size(value: Any, dimensions: int) -> str:
    return by(value if isinstance(value, tuple | list) else (value,) * dimensions)


def _bias(module: nn.Module, name: str = "bias") -> str:
    return "no bias" if getattr(module, name) is None else ""


def _own_parameters(module: nn.Module) -> Iterable[str]:
    own = [f"{name} {by(p.shape)}" for name, p in module.named_parameters(recurse=False)]
    more = len(own) - _MANY
    return (*own[:_MANY], f"and {more} more") if more > 0 else own


def _pooling(module: Any) -> Iterable[str]:
    dimensions = 1 if type(module).__name__.endswith("1d") else 2
    return (_size(module.kernel_size, dimensions), *_steps(module))


_KNOWN: tuple[tuple[tuple[type, ...], Callable[[Any], Iterable[str]]], ...] = (
    ((nn.Conv1d, nn.Conv2d, nn.Conv3d), _convolution),
    ((nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d), _convolution),
    ((nn.Linear,), lambda m: (f"{m.in_features}→{m.out_features}", _bias(m))),
    ((nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d), _pooling),
    ((nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d), lambda m: (f"to {_size(m.output_size, 2)}",)),
    ((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d), lambda m: (str(m.num_features),)),
    ((nn.GroupNorm,), lambda m: (str(m.num_channels), f"{m.num_groups} groups")),
    ((nn.LayerNorm,), lambda m: (by(m.normalized_shape),)),
    ((nn.Dropout, nn.Dropout2d), lambda m: (f"{m.p:g}",)),
    ((nn.Embedding,), lambda m: (f"{m.num_embeddings}→{m.embedding_dim}",)),
    (
        (nn.MultiheadAttention,),
        lambda m: (str(m.embed_dim), f"{m.num_heads} heads", _bias(m, "in_proj_bias")),
    ),
)
"""Formatters by module type; the first match is used."""
