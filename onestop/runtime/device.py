"""Where and how the network computes: device, precision, threads, determinism, and a record of it."""

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
    """The arithmetic of a run: everything here can change the last bits of its result."""

    device: torch.device
    precision: Precision = "fp32"
    threads: int = 1
    deterministic: bool = False
    memory_format: MemoryFormat = "contiguous"
    compile: bool = False

    def __post_init__(self) -> None:
        if self.precision == "tf32" and self.device.type != "cuda":
            raise UsageError(
                f"--precision tf32: is arithmetic of NVIDIA GPUs, this is {self.device.type}; "
                "use --precision fp32"
            )

    @property
    def runs_ahead(self) -> bool:
        """Whether the device takes orders faster than it carries them out, so that reading waits."""
        return self.device.type == "cuda"

    def place(self, network: nn.Module) -> nn.Module:
        """Bring a network to the device and its convolutions' weights into the memory format."""
        return network.to(self.device, memory_format=self._format(4))  # type: ignore[call-overload,no-any-return]

    def place_inputs(self, inputs: Tensor) -> Tensor:
        """The same for inputs, [B, C, h, w] or [B, F]."""
        if not self.runs_ahead:
            return inputs.to(self.device, memory_format=self._format(inputs.ndim))
        return self.send(inputs).contiguous(memory_format=self._format(inputs.ndim))

    def send(self, tensor: Tensor) -> Tensor:
        """Bring a tensor to the device; to a GPU without waiting for it.

        A GPU fetches by itself only what lies in pinned memory, which torch keeps until it has
        (https://pytorch.org/docs/stable/notes/cuda.html#use-pinned-memory-buffers).
        """
        if self.runs_ahead and tensor.device.type == "cpu":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)

    def _format(self, dimensions: int) -> torch.memory_format:
        last = self.memory_format == "channels-last" and dimensions == 4
        return torch.channels_last if last else torch.contiguous_format

    def autocast(self) -> AbstractContextManager[object]:
        """The context in which the network runs forward in this precision."""
        if self.precision in _DTYPES:
            return torch.autocast(self.device.type, dtype=_DTYPES[self.precision])
        return _products(self.precision) if self.runs_ahead else nullcontext()

    def forward(self, network: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
        """The network, each call of which runs in this precision."""

        def run(inputs: Tensor) -> Any:
            with self.autocast():
                return network(inputs)

        return run

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Set threads, determinism and a GPU's products for the process; put back what was there."""
        threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
        torch.set_num_threads(self.threads)
        if self.deterministic:
            # cuBLAS needs this before its first call to repeat itself bit for bit.
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        switched = self.deterministic and not strict
        if switched:  # switching loads torch's compiler, which takes two seconds
            torch.use_deterministic_algorithms(True)
        try:
            with _products(self.precision) if self.runs_ahead else nullcontext():
                yield
        finally:
            torch.set_num_threads(threads)
            if switched:
                torch.use_deterministic_algorithms(False)


CPU = Engine(torch.device("cpu"))
"""32 bits on the CPU, without further wishes."""


@contextmanager
def _products(precision: Precision) -> Iterator[None]:
    """Have a GPU multiply numbers of 32 bits in TF32 (10 bits of mantissa) for `tf32`, else in full.

    Left alone, torch takes TF32 for convolutions but not for matrices, also where 32 bits were asked
    for (https://pytorch.org/docs/stable/notes/cuda.html#tensorfloat-32-tf32-on-ampere-and-later-devices).
    """
    cudnn: Any = torch.backends.cudnn  # the stubs know nothing of its parts
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
    """The device of that name, or the best one here when it is None.

    Raises:
        UsageError: The name is no device, or the device is not in this machine.
    """
    if name is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    found = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        found.append("mps")
    wanted = f"cuda:{name}" if name.isdecimal() else name
    if wanted not in found and not (wanted == "cuda" and "cuda:0" in found):
        raise UsageError(f"--device {name}: not in this machine; there is {listing(found)}")
    return torch.device(wanted)


def computes_in_bf16(device: torch.device) -> bool:
    """Whether a device multiplies numbers of 16 bits (bfloat16) faster than those of 32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001


def suited_format(*, convolutions: bool) -> tuple[MemoryFormat, str]:
    """The memory format for a network with or without convolutions, and why."""
    if not convolutions:
        return "contiguous", "there are no convolutions"
    return "channels-last", "convolutions are faster so"


def engine_for(machine: Machine) -> Engine:
    """The engine that a recipe asks for."""
    return Engine(
        choose_device(machine.device), machine.precision, machine.threads, machine.deterministic,
        machine.memory_format, machine.compile,
    )  # fmt: skip


def cores() -> int:
    """Processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def compute_threads() -> tuple[int, str]:
    """Threads to compute with where nobody said a number, and why."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked), "OMP_NUM_THREADS says so"
    return cores(), "a thread a processor core"
