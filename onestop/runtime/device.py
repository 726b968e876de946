"""Where and how the network computes: device, precision, threads, determinism."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from onestop.errors import UsageError
from onestop.recipe import Machine, MemoryFormat, Precision
from onestop.text import listing

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Engine:
    """Settings of the arithmetic; each of them can change the last bits of a result."""

    device: torch.device
    precision: Precision = "fp32"
    threads: int = 1
    deterministic: bool = False
    memory_format: MemoryFormat = "contiguous"
    compile: bool = False

    def __post_init__(self) -> None:
        if self.precision == "tf32" and self.device.type != "cuda":
            raise UsageError(
                f"--precision tf32: needs an NVIDIA GPU, this is {self.device.type}; "
                "use --precision fp32"
            )

    @property
    def runs_ahead(self) -> bool:
        """Whether the device runs asynchronously, so that reading a value waits for it."""
        return self.device.type == "cuda"

    def place(self, network: nn.Module) -> nn.Module:
        """Move a network to the device, convolution weights in the memory format."""
        return network.to(self.device, memory_format=self._format(4))  # type: ignore[call-overload,no-any-return]

    def place_inputs(self, inputs: Tensor) -> Tensor:
        """The same for inputs, [B, C, h, w] or [B, F]."""
        if not self.runs_ahead:
            return inputs.to(self.device, memory_format=self._format(inputs.ndim))
        return self.send(inputs).contiguous(memory_format=self._format(inputs.ndim))

    def send(self, tensor: Tensor) -> Tensor:
        """Move a tensor to the device; to a GPU without waiting for the copy.

        Only pinned memory is copied asynchronously; torch keeps it until the copy is done
        (https://pytorch.org/docs/stable/notes/cuda.html#use-pinned-memory-buffers).
        """
        if self.runs_ahead and tensor.device.type == "cpu":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)

    def _format(self, dimensions: int) -> torch.memory_format:
        last = self.memory_format == "channels-last" and dimensions == 4
        return torch.channels_last if last else torch.contiguous_format

    def autocast(self) -> AbstractContextManager[object]:
        """The context for the network's forward pass in this precision."""
        if self.precision in _DTYPES:
            return torch.autocast(self.device.type, dtype=_DTYPES[self.precision])
        return _products(self.precision) if self.runs_ahead else nullcontext()

    def forward(self, network: Callable[..., Any]) -> Callable[..., Any]:
        """The network, with every call in this precision."""

        def run(*inputs: Any) -> Any:
            with self.autocast():
                return network(*inputs)

        return run

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Set threads, determinism and a GPU's products for the process; restore them at the end."""
        threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
        torch.set_num_threads(self.threads)
        if self.deterministic:
            # cuBLAS is deterministic only if this is set before its first call.
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        switched = self.deterministic and not strict
        if switched:  # this imports torch's compiler, which takes two seconds
            torch.use_deterministic_algorithms(True)
        try:
            with _products(self.precision) if self.runs_ahead else nullcontext():
                yield
        finally:
            torch.set_num_threads(threads)
            if switched:
                torch.use_deterministic_algorithms(False)


CPU = Engine(torch.device("cpu"))
"""32 bits on the CPU, with the defaults for everything else."""


@contextmanager
def _products(precision: Precision) -> Iterator[None]:
    """Have a GPU multiply float32 values in TF32 (10 bits of mantissa) for `tf32`, else in full.

    By default torch uses TF32 for convolutions but not for matrices, even if 32 bits are requested
    (https://pytorch.org/docs/stable/notes/cuda.html#tensorfloat-32-tf32-on-ampere-and-later-devices).
    """
    cudnn: Any = torch.backends.cudnn  # the stubs lack its submodules
    backends: tuple[Any, ...] = (torch.backends.cuda.matmul, cudnn.conv, cudnn.rnn)
    before = [backend.fp32_precision for backend in backends]
    for backend in backends:
        backend.fp32_precision = "tf32" if precision == "tf32" else "ieee"
    try:
        yield
    finally:
        for backend, value in zip(backends, before, strict=True):
            backend.fp32_precision = value


def choose_device(name: str | None) -> torch.device:
    """The device of this name, or the best available if it is None.

    Raises:
        UsageError: Not the name of a device, or the device is not in this machine.
    """
    if name is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    available = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        available.append("mps")
    full_name = f"cuda:{name}" if name.isdecimal() else name
    if full_name not in available and not (full_name == "cuda" and "cuda:0" in available):
        raise UsageError(f"--device {name}: not in this machine; use {listing(available)}")
    return torch.device(full_name)


def computes_in_bf16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 faster than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001


def suited_format(*, convolutions: bool) -> tuple[MemoryFormat, str]:
    """The memory format for a network with or without convolutions, and why."""
    if not convolutions:
        return "contiguous", "there are no convolutions"
    return "channels-last", "it makes convolutions faster"


def engine_for(machine: Machine) -> Engine:
    """The engine for the settings of a recipe."""
    return Engine(
        choose_device(machine.device), machine.precision, machine.threads, machine.deterministic,
        machine.memory_format, machine.compile,
    )  # fmt: skip


def cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def compute_threads() -> tuple[int, str]:
    """The default number of threads to compute with, and why."""
    variable = os.environ.get("OMP_NUM_THREADS", "")
    if variable.isdecimal() and int(variable) > 0:
        return int(variable), "from OMP_NUM_THREADS"
    return cores(), "one thread per CPU core"
