"""Running a network to look at it: on shapes alone or on values, with hooks, leaving it as it was.

On the "meta" device tensors have shapes but no values, so that a run takes neither time nor memory.
Whatever has to be found out about a network is found by such a run; there are no tables of networks.
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
"""Modules that do not call the modules in them; they are looked at from outside."""

Before = Callable[[str, nn.Module, tuple[Any, ...]], None]
"""Called with the name of a module, the module and its inputs."""
After = Callable[[str, nn.Module, tuple[Any, ...], Any], None]
"""Called with the name of a module, the module, its inputs and its output."""


def device_of(network: nn.Module) -> torch.device:
    """The device of a network's first parameter; the CPU if it has none."""
    return next((p.device for p in network.parameters()), torch.device("cpu"))


def without_values(network: nn.Module) -> nn.Module:
    """A copy of a network whose tensors have shapes only; the values are not copied."""
    memo: dict[int, Any] = {}
    for module in network.modules():
        held = (*module.parameters(False), *module.buffers(False), *vars(module).values())
        for tensor in held:
            if isinstance(tensor, Tensor):
                memo[id(tensor)] = _without_value(tensor)
    return copy.deepcopy(network, memo)


def _without_value(tensor: Tensor) -> Tensor:
    shapes = torch.empty_like(tensor, device="meta", requires_grad=False)
    learns = tensor.is_floating_point()  # a frozen parameter is to be traced like the others
    return nn.Parameter(shapes, learns) if isinstance(tensor, nn.Parameter) else shapes


@contextmanager
def in_mode(network: nn.Module, *, training: bool) -> Iterator[None]:
    """While open, a network is in training or in evaluation mode; then each module as it was before."""
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
    """While open, functions are called before and after each call of some modules."""
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
    """What a network makes of inputs [B, ...].

    Raises:
        ArchitectureError: It does not take them.
    """
    try:
        return network(inputs)
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ArchitectureError(
            f"{type(network).__name__}: does not take {by(inputs.shape[1:])} inputs: {reason}"
        ) from error


def run_on_shapes(network: nn.Module, shape: tuple[int, ...], *, training: bool = False) -> Any:
    """Run a copy of a network on shapes alone.

    Args:
        network: Any network.
        shape: Of one input, (C, H, W) or (F,).
        training: The mode to run it in.

    Returns:
        Its outputs for two inputs, without values.

    Raises:
        ArchitectureError: It does not take such inputs.
    """
    with torch.no_grad():
        return outputs_of(without_values(network).train(training), shapes_of_two(shape))


def shapes_of_two(shape: tuple[int, ...]) -> Tensor:
    """Two inputs without values: BatchNorm in training mode needs at least two samples."""
    return torch.empty(2, *shape, device="meta")


def run(
    network: nn.Module, shape: tuple[int, ...], *, training: bool = False
) -> tuple[Trace, list[Any]]:
    """Run a network once, where its parameters lie, and record what each module does.

    Args:
        network: Any network. Each of its modules is left in the mode it is in.
        shape: Of one input, (C, H, W) or (F,).
        training: The mode to run it in, with two inputs instead of one.

    Returns:
        What its modules did, and everything in its output.

    Raises:
        ArchitectureError: It does not take such inputs.
    """
    device, trace = device_of(network), Trace()
    modules = [("", module) for module in network.modules()]
    # Gradients show which parameters took part, even if the module that owns them never ran. They
    # keep every intermediate result, which is free on the meta device only.
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
    """What each module of a network does in one run.

    Attributes:
        calls: How often it runs.
        work: Multiply-adds of convolutions and linear layers directly in it.
        made: Elements of the new tensors that a leaf puts out.
        outputs: The shape of its last output, for one input.
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
        return False  # else torch imports its compiler, which takes seconds, to keep away from it

    def enter(self, _: str, module: nn.Module, __: Any) -> None:
        """Before a module runs."""
        self.running.append(module)
        self.calls[module] += 1

    def leave(self, _: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """After it ran."""
        self.running.pop()
        tensor = next((item for item in _items(output) if isinstance(item, Tensor)), None)
        if tensor is None:
            return
        # Some put a batch of their own in front, such as the windows of a Swin transformer.
        self.outputs[module] = list(tensor.shape[tensor.shape[:1] == (1,) :])
        is_new = tensor._base is None and all(tensor is not x for x in inputs)  # noqa: SLF001
        if is_leaf(module) and is_new:
            self.made[module] += tensor.numel()


def _multiply_adds(operation: Any, args: Any, result: Any) -> int:
    """Of one operation with weights.

    Each element that a convolution puts out (each that a transposed one takes in) meets one row of the
    weights, which is shorter by the number of groups.
    """
    aten = torch.ops.aten
    if operation is aten.convolution:
        images, weight, transposed = args[0], args[1], args[6]
        return int((images if transposed else result).numel() * weight[0].numel())
    if operation in (aten.mm, aten.addmm):  # a linear layer without and with bias
        return int(result.numel() * args[-2].shape[1])
    return 0


def _items(output: Any) -> Iterator[Any]:
    """What is in the tuples, lists and dictionaries that a module puts out."""
    if isinstance(output, Mapping):
        output = tuple(output.values())
    if isinstance(output, tuple | list):
        for inner in output:
            yield from _items(inner)
    else:
        yield output


def is_leaf(module: nn.Module) -> bool:
    """Whether it holds no modules, or only such as it does not call."""
    return isinstance(module, CLOSED) or not any(True for _ in module.children())
