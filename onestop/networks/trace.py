"""What each module of a network does in one run: how often it runs, what it puts out and computes.

The network runs where its parameters lie: on the "meta" device, where tensors have shapes but no
values, this costs neither time nor memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from onestop.errors import UsageError
from onestop.networks.describe import by

CLOSED = (nn.MultiheadAttention,)
"""Modules that do not call the modules in them; they are looked at from outside."""


def run(
    network: nn.Module, shape: tuple[int, ...], *, training: bool = False
) -> tuple[Watch, list[Any]]:
    """Run a network once, with one input (two in training); what it did, and all that it put out.

    Args:
        network: Any network. Each of its modules is left in the mode it is in.
        shape: Of one input, (C, H, W) or (F,).
        training: The mode to run it in.

    Raises:
        UsageError: It does not take such inputs.
    """
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    watch, modes = Watch(), {module: module.training for module in network.modules()}
    count = 2 if training else 1  # BatchNorm in training makes nothing of one
    try:
        # Gradients tell which parameters had a part, even where the module that owns them never
        # ran. They keep every intermediate result, which costs nothing only where there are none.
        with (
            torch.device(device),
            torch.set_grad_enabled(device.type == "meta"),
            _hooked(network, watch),
        ):
            output = [*_things(network.train(training)(torch.zeros(count, *shape)))]
    except (RuntimeError, TypeError, ValueError) as error:
        raise UsageError(
            f"{type(network).__name__}: does not take {by(shape)} inputs: {error}"
        ) from None
    finally:
        for module, mode in modes.items():
            module.training = mode
    watch.used = {id(p) for p in _behind(output)}
    return watch, output


class Watch(TorchDispatchMode):
    """What each module does while the network runs."""

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

    def enter(self, module: nn.Module, _: Any) -> None:
        """Before a module runs."""
        self.running.append(module)
        self.calls[module] += 1

    def leave(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """After it ran."""
        self.running.pop()
        found = next((thing for thing in _things(output) if isinstance(thing, Tensor)), None)
        if found is None:
            return
        # Some put a batch of their own in front, such as the windows of a Swin transformer.
        self.outputs[module] = list(found.shape[found.shape[:1] == (1,) :])
        is_new = found._base is None and all(found is not given for given in inputs)  # noqa: SLF001
        if is_leaf(module) and is_new:
            self.made[module] += found.numel()


def _multiply_adds(operation: Any, args: Any, result: Any) -> int:
    """Of one operation with weights.

    Each number that a convolution puts out (each that a transposed one takes in) meets a row of its
    weights, of which there are fewer by the number of groups.
    """
    aten = torch.ops.aten
    if operation is aten.convolution:
        images, weight, transposed = args[0], args[1], args[6]
        return int((images if transposed else result).numel() * weight[0].numel())
    if operation in (aten.mm, aten.addmm):  # a linear layer without and with bias
        return int(result.numel() * args[-2].shape[1])
    return 0


@contextmanager
def _hooked(network: nn.Module, watch: Watch) -> Iterator[None]:
    with ExitStack() as stack:
        for module in network.modules():
            stack.callback(module.register_forward_pre_hook(watch.enter).remove)
            stack.callback(module.register_forward_hook(watch.leave).remove)
        with watch:
            yield


def _things(output: Any) -> Iterator[Any]:
    """What is in the tuples, lists and dictionaries that a module puts out."""
    if isinstance(output, Mapping):
        output = tuple(output.values())
    if isinstance(output, tuple | list):
        for inner in output:
            yield from _things(inner)
    else:
        yield output


def _behind(outputs: Iterable[Any]) -> Iterator[Tensor]:
    """The parameters that outputs were computed from."""
    todo = [output.grad_fn for output in outputs if isinstance(output, Tensor)]
    known = set(todo)
    while todo:
        function = todo.pop()
        if function is None:
            continue
        if hasattr(function, "variable"):
            yield function.variable
        new = {inner for inner, _ in function.next_functions} - known
        known |= new
        todo.extend(new)


def is_leaf(module: nn.Module) -> bool:
    """Whether it holds no modules, or only such as it does not call."""
    return isinstance(module, CLOSED) or not any(True for _ in module.children())
