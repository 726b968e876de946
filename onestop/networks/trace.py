"""Tracing a network: one forward pass with hooks, on shapes or values, without changing it.

On the "meta" device tensors have shapes but no values, so a run takes neither time nor memory.
Everything that must be known about a network is determined by such a run; there are no tables of
networks.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from onestop.errors import ArchitectureError
from onestop.networks.autograd import parameters_behind
from onestop.networks.describe import by

CLOSED = (nn.MultiheadAttention,)
"""Modules that do not call their submodules, and are treated as leaves."""

Before = Callable[[str, nn.Module, tuple[Any, ...]], None]
"""Called with the name of a module, the module and its inputs."""
After = Callable[[str, nn.Module, tuple[Any, ...], Any], None]
"""Called with the name of a module, the module, its inputs and its output."""


def device_of(network: nn.Module) -> torch.device:
    """The device of a network's first parameter; the CPU if it has none."""
    return next((p.device for p in network.parameters()), torch.device("cpu"))


def without_values(network: nn.Module) -> nn.Module:
    """A copy of a network on the meta device; the values are not copied."""
    memo: dict[int, Any] = {}
    for module in network.modules():
        values = (*module.parameters(False), *module.buffers(False), *vars(module).values())
        for value in values:
            if isinstance(value, Tensor):
                memo[id(value)] = _without_value(value)
    return copy.deepcopy(network, memo)


def _without_value(tensor: Tensor) -> Tensor:
    shapes = torch.empty_like(tensor, device="meta", requires_grad=False)
    requires_grad = tensor.is_floating_point()  # trace frozen parameters like the others
    return nn.Parameter(shapes, requires_grad) if isinstance(tensor, nn.Parameter) else shapes


@contextmanager
def in_mode(network: nn.Module, *, training: bool) -> Iterator[None]:
    """Put a network in training or evaluation mode; restores the mode of each module."""
    modes = {module: module.training for module in network.modules()}
    try:
        network.train(training)
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def hooked(
    modules: Iterable[tuple[str, nn.Module]],
    before: Before | None = None,
    after: After | None = None,
) -> Iterator[None]:
    """Call functions before and after each call of some modules."""
    with ExitStack() as stack:
        for name, module in modules:
            if before:
                hook: Any = partial(before, name)
                stack.callback(module.register_forward_pre_hook(hook).remove)
            if after:
                hook = partial(after, name)
                stack.callback(module.register_forward_hook(hook).remove)
        yield


def outputs_of(network: nn.Module, inputs: Tensor) -> Any:
    """The outputs of a network for inputs [B, ...].

    Raises:
        ArchitectureError: It does not accept them.
    """
    try:
        return network(inputs)
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ArchitectureError(
            f"{type(network).__name__}: does not accept {by(inputs.shape[1:])} inputs: {reason}"
        ) from error


def run_on_shapes(network: nn.Module, shape: tuple[int, ...], *, training: bool = False) -> Any:
    """Run a copy of a network on the meta device.

    Args:
        network: Any network.
        shape: Shape of one input, (C, H, W) or (F,).
        training: Whether to run it in training mode.

    Returns:
        Its outputs for two inputs, without values.

    Raises:
        ArchitectureError: It does not accept such inputs.
    """
    with torch.no_grad():
        return outputs_of(without_values(network).train(training), shapes_of_two(shape))


def shapes_of_two(shape: tuple[int, ...]) -> Tensor:
    """Two inputs without values: BatchNorm in training mode needs at least two samples."""
    return torch.empty(2, *shape, device="meta")


def run(
    network: nn.Module, shape: tuple[int, ...], *, training: bool = False
) -> tuple[Trace, list[Any]]:
    """Run a network once, on the device of its parameters, and trace its modules.

    Args:
        network: Any network. The mode of each module is restored.
        shape: Shape of one input, (C, H, W) or (F,).
        training: Whether to run it in training mode, with two inputs instead of one.

    Returns:
        The trace, and all items of its output.

    Raises:
        ArchitectureError: It does not accept such inputs.
    """
    device, trace = device_of(network), Trace()
    modules = [("", module) for module in network.modules()]
    # The graph shows which parameters were used, even if the module that owns them never ran. It keeps
    # every intermediate result, which is free only on the meta device.
    with (
        torch.device(device),
        torch.set_grad_enabled(device.type == "meta"),
        in_mode(network, training=training),
        hooked(modules, trace.enter, trace.leave),
        trace,
    ):
        output = [*_items(outputs_of(network, torch.zeros(2 if training else 1, *shape)))]
    trace.used = {id(parameter) for parameter in parameters_behind(output)}
    return trace, output


class Trace(TorchDispatchMode):
    """A record of one run, by module.

    Attributes:
        calls: Number of calls.
        work: Multiply-adds of convolutions and linear layers directly in it.
        made: Elements of the new tensors that a leaf returns.
        outputs: Shape of its last output, for one input.
        used: Ids of the parameters that the network's output depends on (on the meta device).
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.running: list[nn.Module] = []
        self.calls: Counter[nn.Module] = Counter()
        self.work: Counter[nn.Module] = Counter()
        self.made: Counter[nn.Module] = Counter()
        self.outputs: dict[nn.Module, list[int]] = {}
        self.used: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if self.running:
            self.work[self.running[-1]] += _multiply_adds(func.overloadpacket, args, result)
        return result

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else torch imports its compiler, which takes seconds

    def enter(self, _: str, module: nn.Module, __: Any) -> None:
        """Called before a module runs."""
        self.running.append(module)
        self.calls[module] += 1

    def leave(self, _: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Called after a module ran."""
        self.running.pop()
        tensor = next((item for item in _items(output) if isinstance(item, Tensor)), None)
        if tensor is None:
            return
        # Some have a batch dimension of their own, such as the windows of a Swin transformer.
        self.outputs[module] = list(tensor.shape[tensor.shape[:1] == (1,) :])
        is_new = tensor._base is None and all(tensor is not x for x in inputs)  # noqa: SLF001
        if is_leaf(module) and is_new:
            self.made[module] += tensor.numel()


def _multiply_adds(operation: Any, args: Any, result: Any) -> int:
    """Multiply-adds of one operation with weights; 0 for other operations.

    Each output element of a convolution (input element of a transposed one) is multiplied with one
    filter, which is shorter by the number of groups.
    """
    aten = torch.ops.aten
    if operation is aten.convolution:
        images, weight, transposed = args[0], args[1], args[6]
        return int((images if transposed else result).numel() * weight[0].numel())
    if operation in (aten.mm, aten.addmm):  # a linear layer without and with bias
        return int(result.numel() * args[-2].shape[1])
    return 0


def _items(output: Any) -> Iterator[Any]:
    """The items of nested tuples, lists and dictionaries in a module's output."""
    if isinstance(output, Mapping):
        output = tuple(output.values())
    if isinstance(output, tuple | list):
        for inner in output:
            yield from _items(inner)
    else:
        yield output


def is_leaf(module: nn.Module) -> bool:
    """Whether a module has no submodules, or does not call them."""
    return isinstance(module, CLOSED) or not any(True for _ in module.children())
