"""Changing a finished network: another head, another number of channels, found by running it.

Nothing here is a table of networks: the layers are found by watching which of them compute the
outputs and which see the image first. The network is run with tensors that have shapes but no
values ("meta" tensors), so that looking costs no arithmetic.

Legend: K outputs of the network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from onestop.errors import UsageError

_LAYERS = (nn.Linear, nn.Conv2d)


def find_heads(network: nn.Module, shape: tuple[int, ...]) -> list[str]:
    """Names of the layers that compute the network's outputs, the main head first.

    Networks with auxiliary classifiers, which give several outputs in training, have several.

    Args:
        network: Any network for images.
        shape: Of one input, (C, H, W).

    Raises:
        UsageError: No single linear or convolutional layer has as many outputs as the network.
    """
    main = _layer_behind(network, shape, training=False)[0]
    return [main, *(n for n in _layer_behind(network, shape, training=True) if n != main)]


def replace_head(
    network: nn.Module, classes: int, shape: tuple[int, ...] = (3, 224, 224)
) -> nn.Module:
    """Give a network a new head with random weights for another number of classes.

    Auxiliary heads are replaced too; every other layer is left as it is.

    Args:
        network: Any network for images; changed in place.
        classes: Number of classes.
        shape: Of one input that the network takes, (C, H, W).

    Returns:
        The network.

    Raises:
        UsageError: No head was found.
    """
    for name in find_heads(network, shape):
        old = network.get_submodule(name)
        network.set_submodule(name, _like(old, outputs=classes))
    return network


def replace_channels(network: nn.Module, channels: int, shape: tuple[int, ...]) -> nn.Module:
    """Let a network take images of another number of channels.

    The first convolution keeps its weights as far as can be, see `spread_channels`.

    Args:
        network: Any network for images; changed in place.
        channels: 1, 3 or 4.
        shape: Of one input that the network takes now, (C, H, W).

    Raises:
        UsageError: The first layer is not a convolution over the image's channels.
    """
    name = _first_convolution(network, shape)
    old = network.get_submodule(name)
    assert isinstance(old, nn.Conv2d)
    new = _like(old, inputs=channels)
    with torch.no_grad():
        new.weight.copy_(spread_channels(old.weight, channels))
        if old.bias is not None:
            new.bias.copy_(old.bias)
    network.set_submodule(name, new)
    return network


def spread_channels(weight: Tensor, channels: int) -> Tensor:
    """A convolution's weights [O, C, h, w] for another number of input channels.

    For grey images the weights of the colours are summed, so that a grey picture gives what it gave
    as a colour picture with three equal channels; for more channels they are repeated and scaled so
    that their sum stays.
    """
    have = weight.shape[1]
    if channels == 1:
        return weight.sum(1, keepdim=True)
    repeats = -(-channels // have)
    return weight.repeat(1, repeats, 1, 1)[:, :channels] * (have / channels)


def _like(layer: nn.Module, inputs: int | None = None, outputs: int | None = None) -> Any:
    """A layer of the same kind with random weights and another width."""
    device, dtype = layer.weight.device, layer.weight.dtype
    bias = layer.bias is not None
    if isinstance(layer, nn.Linear):
        return nn.Linear(
            inputs or layer.in_features, outputs or layer.out_features, bias, device, dtype
        )
    assert isinstance(layer, nn.Conv2d)
    return nn.Conv2d(
        inputs or layer.in_channels,
        outputs or layer.out_channels,
        layer.kernel_size,  # type: ignore[arg-type]
        layer.stride,  # type: ignore[arg-type]
        layer.padding,  # type: ignore[arg-type]
        layer.dilation,  # type: ignore[arg-type]
        layer.groups,
        bias,
        layer.padding_mode,
        device,
        dtype,
    )


def _layer_behind(network: nn.Module, shape: tuple[int, ...], *, training: bool) -> list[str]:
    """For each output of the network the layer that computed it.

    An output's layer is the last one to run with as many outputs as it has; where the network gives
    several outputs, each belongs to another layer.
    """
    ran: list[tuple[str, int]] = []

    def note(name: str, layer: nn.Module) -> None:
        width = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
        ran.append((name, int(width)))  # type: ignore[arg-type]

    outputs = run_on_shapes(network, shape, note, training=training)
    several = [outputs] if isinstance(outputs, Tensor) else [o for o in outputs if o is not None]
    classes = several[0].shape[-1]
    fitting = [name for name, width in ran if width == classes]
    if several[0].ndim != 2 or len(fitting) < len(several):
        raise UsageError(
            f"{type(network).__name__}: has no single last layer with {classes} outputs"
        )
    return fitting[-len(several) :][::-1]


def _first_convolution(network: nn.Module, shape: tuple[int, ...]) -> str:
    ran: list[str] = []
    run_on_shapes(network, shape, lambda name, _: ran.append(name), training=False)
    first = network.get_submodule(ran[0]) if ran else None
    if not isinstance(first, nn.Conv2d) or first.in_channels != shape[0] or first.groups != 1:
        raise UsageError(f"{type(network).__name__}: its first layer is no plain convolution")
    return ran[0]


def run_on_shapes(
    network: nn.Module,
    shape: tuple[int, ...],
    note: Callable[[str, nn.Module], None] = lambda _name, _layer: None,
    *,
    training: bool = False,
) -> Any:
    """Run a network on shapes alone and tell `note` of each layer in the order they run.

    Args:
        network: Any network for images.
        shape: Of one input, (C, H, W).
        note: Called with name and layer before each linear or convolutional layer runs.
        training: The mode to run it in; its own is put back afterwards.

    Returns:
        Its outputs for two images, without values.

    Raises:
        UsageError: It does not take such images.
    """
    state = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    meta = {name: torch.empty_like(tensor, device="meta") for name, tensor in state.items()}
    handles = [
        layer.register_forward_pre_hook(lambda module, _, name=name: note(name, module))
        for name, layer in network.named_modules()
        if isinstance(layer, _LAYERS)
    ]
    was_training = network.training
    try:
        # Two images, since BatchNorm in training makes nothing of one.
        with torch.no_grad():
            images = torch.empty(2, *shape, device="meta")
            return functional_call(network.train(training), meta, (images,))
    except (RuntimeError, TypeError, ValueError) as error:
        wanted = "x".join(map(str, shape))
        raise UsageError(
            f"{type(network).__name__}: does not take {wanted} images: {error}"
        ) from None
    finally:
        network.train(was_training)
        for handle in handles:
            handle.remove()
