"""Compiled training steps: `torch.compile` next to the network, never inside it.

torch.compile (https://pytorch.org/docs/stable/generated/torch.compile.html) fuses a network's
operations into fewer. The compiled function is kept next to the network: parameter names in states and
model files, the moving average, BatchNorm folding and hooks are not affected, and evaluation runs as
without it. Compiling happens at the first call and takes half a minute to several minutes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from onestop.errors import UsageError
from onestop.runtime.device import Engine

Learner = Callable[[Tensor], Tensor]
_COMPILERS = ("g++", "clang++", "c++", "cl")


def check_compiler(device: torch.device) -> None:
    """See that the compiler is there that torch needs for the CPU; for GPUs it brings its own.

    Raises:
        UsageError: No C++ compiler.
    """
    named = os.environ.get("CXX")
    if device.type == "cpu" and not any(map(shutil.which, [named] if named else _COMPILERS)):
        names = f"CXX={named}" if named else ", ".join(_COMPILERS)
        raise UsageError(
            f"--compile: torch needs a C++ compiler for it, and none is here ({names}); install "
            "one, or leave --compile out"
        )


def compiled(network: nn.Module, engine: Engine, *, parts: int) -> Learner:
    """The network's forward, compiled for the sizes it is called with.

    It is compiled for fixed sizes, which gives the fastest code, so call it with full batches only:
    their parts have at most two sizes. The last batch of an epoch, which is smaller, is better passed
    to the network itself than compiled for.

    Args:
        network: Not changed; new weights and freezing take effect.
        engine: Where it computes.
        parts: Parts that a batch is computed in. With a single one a GPU replays its work as a whole
            (CUDA graphs, mode `reduce-overhead`); gradients summed over several parts would lie where
            the next replay writes.

    Raises:
        UsageError: From the first call on: torch cannot compile this network here.
    """
    replayed = engine.device.type == "cuda" and parts == 1
    # The stubs of torch leave the result untyped.
    function: Any = torch.compile(
        network, dynamic=False, mode="reduce-overhead" if replayed else None
    )

    def call(inputs: Tensor) -> Tensor:
        try:
            return function(inputs)  # type: ignore[no-any-return]
        except torch._dynamo.exc.TorchDynamoException as error:  # noqa: SLF001
            reason = str(error).strip().splitlines()[0]
            raise UsageError(
                f"--compile: torch cannot compile this network here ({reason}); leave it out"
            ) from None

    return call
