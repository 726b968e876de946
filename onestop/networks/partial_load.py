"""Partial loading: copies the weights that fit from another network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from onestop.errors import ModelFileError
from onestop.networks.protocols import TakesWeights
from onestop.text import listing

_WRAPPERS = ("_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""What torch.compile, DataParallel, FSDP and activation checkpointing put into names."""
LEAST = 0.5
"""Minimum fraction of the network's elements that a file must fill to be accepted."""


@dataclass(frozen=True)
class Filled:
    """The result of a partial load.

    Attributes:
        loaded: Names of the tensors that were loaded.
        missing: Names of the network's tensors that are not in the file.
        other_shape: Names of those with another shape in the file, with both shapes.
        left_over: Names of the file's tensors that are not in the network.
        share: Fraction of the network's elements that were loaded.
        renamed: How names in the file were changed to be those of the network; empty if they were not.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    other_shape: tuple[str, ...]
    left_over: tuple[str, ...]
    share: float
    renamed: str = ""

    def __str__(self) -> str:
        parts = [f"{len(self.loaded)} tensors loaded ({self.share:.1%} of the network)"]
        if self.renamed:
            parts.append(self.renamed)
        if self.missing:
            parts.append(f"new: {listing(self.missing, 4)}")
        if self.other_shape:
            parts.append(f"new because of another shape: {listing(self.other_shape, 4)}")
        if self.left_over:
            parts.append(f"unused in the file: {listing(self.left_over, 4)}")
        return "; ".join(parts)


def spread_channels(weight: Tensor, channels: int) -> Tensor:
    """Adapt a convolution's weights [O, C, h, w] to another number of input channels.

    For grey images the weights are summed over the channels, so that a grey image gives the same
    output as a colour image with three equal channels; for more channels they are repeated and scaled
    so that their sum is preserved.
    """
    current = weight.shape[1]
    if channels == 1:
        return weight.sum(1, keepdim=True)
    repeats = -(-channels // current)
    return weight.repeat(1, repeats, 1, 1)[:, :channels] * (current / channels)


def _adapted(tensor: Tensor, target: Tensor | None) -> Tensor:
    """A first convolution's weights for another number of channels; any other tensor unchanged."""
    if target is None or tensor.ndim != 4 or tensor.shape == target.shape:
        return tensor
    channels = (tensor.shape[1], target.shape[1])
    same = tensor.shape[0] == target.shape[0] and tensor.shape[2:] == target.shape[2:]
    return spread_channels(tensor, channels[1]) if same and set(channels) <= {1, 3, 4} else tensor


def start(
    network: nn.Module, tensors: Mapping[str, Tensor], source: str,
    theirs: Sequence[str] = (), ours: Sequence[str] = (),
) -> Filled:  # fmt: skip
    """Copy weights into a network that will be trained from them, in its own way if it has one.

    Args:
        network: Changed in place.
        tensors: Weights by name.
        source: Their source, for error messages.
        theirs: Classes that they were trained for; empty if not known.
        ours: Classes of the network.

    Raises:
        ModelFileError: They are for another network.
    """
    if isinstance(network, TakesWeights):
        return network.take_weights(tensors, source, theirs, ours)
    return fill(network, tensors, source)


def names_of_weights(network: nn.Module) -> list[str]:
    """Names that weights to start from are expected to have."""
    if isinstance(network, TakesWeights):
        return network.names_of_weights()
    return list(network.state_dict())


def matched(
    tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], str]:
    """Tensors under a network's own names, if another program has put something before them.

    Removed are the names of wrappers (`_orig_mod`, `module`), and the one prefix whose removal makes
    names and shapes fit the most of the network; or added is the one that the network's names have.
    A prefix without which less than half of the smaller side fits is a chance likeness, and stays.

    Args:
        tensors: Of a file, by name.
        own: Of the network, by name.

    Returns:
        The tensors by their new names, and what was changed, in words; empty if nothing was.
    """
    plain = {_unwrapped(name, own): tensor for name, tensor in tensors.items()}
    wrapped = len(plain) == len(tensors) and plain.keys() != tensors.keys()
    tensors = plain if wrapped else dict(tensors)
    said = ["names of wrappers removed"] if wrapped else []
    removed, added = _prefix(tensors, own), _prefix(own, tensors)
    if removed[1] >= added[1] and removed[0]:
        prefix = removed[0]
        said.append(f"prefix {prefix!r} removed")
        others = {name: t for name, t in tensors.items() if not name.startswith(prefix)}
        tensors = {
            **others,
            **{n.removeprefix(prefix): t for n, t in tensors.items() if n not in others},
        }
    elif added[1] > removed[1] and added[0]:
        said.append(f"prefix {added[0]!r} added")
        tensors = {f"{added[0]}{name}": tensor for name, tensor in tensors.items()}
    return dict(tensors), " and ".join(said)


def _unwrapped(name: str, own: Mapping[str, Tensor]) -> str:
    """A name without the parts that wrappers add, unless the network has it with them."""
    if name in own:
        return name
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def _prefix(long: Mapping[str, Tensor], short: Mapping[str, Tensor]) -> tuple[str, int]:
    """The prefix without which names of `long` fit most of `short`, and how many values those have."""
    least = LEAST * min(sum(tensor.numel() for tensor in side.values()) for side in (long, short))
    fits: Counter[str] = Counter()
    for name, tensor in long.items():
        parts = name.split(".")
        for k in range(len(parts)):
            rest = ".".join(parts[k:])
            if rest in short and short[rest].shape == tensor.shape:
                fits[name.removesuffix(rest)] += max(1, tensor.numel())
    enough = [item for item in fits.items() if item[1] >= least]
    return max(enough, key=lambda item: (item[1], -len(item[0])), default=("", 0))


@torch.no_grad()
def fill(network: nn.Module, tensors: Mapping[str, Tensor], source: str) -> Filled:
    """Copy every tensor with the same name and shape into the network.

    Names are matched as `matched` does.
    A first convolution with another number of channels is adapted, see `spread_channels`.

    Args:
        network: Changed in place.
        tensors: Weights by name.
        source: Their source, for error messages.

    Raises:
        ModelFileError: Less than half of the network would be filled; nothing is changed then.
    """
    own = network.state_dict()
    tensors, renamed = matched(tensors, own)
    tensors = {name: _adapted(tensor, own.get(name)) for name, tensor in tensors.items()}
    fitting = [name for name in own if name in tensors and tensors[name].shape == own[name].shape]
    other = tuple(
        f"{name} {list(tensors[name].shape)} for {list(own[name].shape)}"
        for name in own
        if name in tensors and name not in fitting
    )
    filled = Filled(
        loaded=tuple(fitting),
        missing=tuple(name for name in own if name not in tensors),
        other_shape=other,
        left_over=tuple(name for name in tensors if name not in own),
        share=sum(own[name].numel() for name in fitting)
        / max(1, sum(t.numel() for t in own.values())),
        renamed=renamed,
    )
    if filled.share < LEAST:
        raise ModelFileError(
            f"--weights {source}: for another network? {filled}; name weights of this network"
        )
    for name in fitting:
        own[name].copy_(tensors[name])
    return filled


def misfit(network: nn.Module, tensors: Mapping[str, Tensor]) -> str:
    """Why tensors do not match a network exactly, naming both sides; empty if they do."""
    expected = network.state_dict()
    for name in expected:
        if name in tensors and tensors[name].shape != expected[name].shape:
            return (
                f"{name} is {list(tensors[name].shape)} in the file and "
                f"{list(expected[name].shape)} in the network (other classes, channels or size?)"
            )
    missing = sorted(expected.keys() - tensors.keys())
    extra = sorted(tensors.keys() - expected.keys())
    if missing or extra:
        parts = [f"the network's {listing(missing, 2)} is not in the file"] if missing else []
        parts += [f"the file's {listing(extra, 2)} is not in the network"] if extra else []
        return "is for another network: " + ", ".join(parts)
    return ""
