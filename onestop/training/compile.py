"""The steps of a network compiled by torch, beside the network as it is.

torch.compile (https://pytorch.org/docs/stable/generated/torch.compile.html) fuses a network's
operations into fewer. What it gives is kept beside the network and never in it: names in state and
model file, the moving average, folding and hooks know nothing of it, and evaluation runs as it
always does. The functions are made at the first call, which takes from half a minute to minutes.
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
    """See that there is what torch compiles with for a processor; on a GPU it brings its own.

    Raises:
        UsageError: No C++ compiler.
    """
    named = os.environ.get("CXX")
    if device.type == "cpu" and not any(map(shutil.which, [named] if named else _COMPILERS)):
        looked = f"CXX={named}" if named else ", ".join(_COMPILERS)
        raise UsageError(
            f"--compile: torch needs a C++ compiler for it, and none is here ({looked}); install "
            "one, or leave --compile out"
        )


def compiled(network: nn.Module, engine: Engine, *, parts: int) -> Learner:
    """The network's forward, compiled for the sizes it is called with.

    Sizes are taken as fixed, which gives the fastest functions, so it is to be called with full
    batches only: their parts have at most two sizes. The last batch of an epoch, which is smaller,
    is better given to the network itself than compiled for.

    Args:
        network: Stays as it is; what it learns and what is frozen of it is followed.
        engine: Where it computes.
        parts: Parts a batch is computed in. With a single one a GPU replays its work as a whole
            (CUDA graphs, mode `reduce-overhead`); gradients summed over several would lie where
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
