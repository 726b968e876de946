"""--compile; what needs a C++ compiler is slow, since the first step takes it half a minute."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import onestop
from onestop.errors import UsageError
from onestop.training.compile import check_compiler


def test_without_a_compiler_it_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UsageError, match=r"--compile: .* none is here \(CXX=no-such-compiler\)"):
        onestop.train("digits", compile=True, quiet=True)
    assert not Path("runs").exists()


def test_any_usual_compiler_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: name if name == "clang++" else None)
    check_compiler(torch.device("cpu"))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UsageError, match=r"none is here \(g\+\+, clang\+\+, c\+\+, cl\)"):
        check_compiler(torch.device("cpu"))
    check_compiler(torch.device("cuda"))


def test_full_batches_alone_are_compiled_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each last batch, and each batch with an unreadable image, would be compiled for anew."""
    sizes: list[int] = []

    def noted(network: nn.Module, engine: object, *, parts: int) -> Callable[[Tensor], Tensor]:
        def call(inputs: Tensor) -> Tensor:
            sizes.append(len(inputs))
            outputs: Tensor = network(inputs)
            return outputs

        return call

    monkeypatch.setattr("onestop.training.phases.compiled", noted)
    monkeypatch.setattr("onestop.training.plan.check_compiler", lambda device: None)
    rng = np.random.default_rng(0)
    data = (rng.integers(0, 256, (50, 20, 20), dtype=np.uint8), np.arange(50) % 2)
    options: dict[str, Any] = {
        "model": "lenet5",
        "epochs": 2,
        "batch_size": 16,
        "val_fraction": 0,
        "quiet": True,
    }
    seen = onestop.train(data, **options, compile=True, name="compiled").model()
    assert sizes == [16] * 6
    plain = onestop.train(data, **options, name="plain").model()
    assert sizes == [16] * 6
    pairs = zip(seen.network.parameters(), plain.network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def onestop_in_a_process(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "onestop", *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++ to compile with")
def test_a_compiled_run_is_like_any_other() -> None:
    words = ["digits", "--epochs", "2", "--threads", "1", "--model", "lenet5", "--ema", "0.9"]
    done = onestop_in_a_process("train", *words, "--compile", "--name", "compiled")
    assert done.returncode == 0, done.stderr
    plain = onestop_in_a_process("train", *words, "--name", "plain")
    assert plain.returncode == 0, plain.stderr
    first, second = (load_file(f"runs/{n}/model.safetensors") for n in ("compiled", "plain"))
    assert {k: v.shape for k, v in first.items()} == {k: v.shape for k, v in second.items()}
    for name, value in first.items():
        assert torch.allclose(value, second[name], rtol=0.05, atol=0.01), name
    run = onestop.Run(Path("runs/compiled"))
    assert run.model().card.made_with["compile"] is True
    longer = onestop_in_a_process("train", "runs/compiled", "--epochs", "3")
    assert longer.returncode == 0, longer.stderr


@pytest.mark.slow
def test_a_compiler_that_fails_is_one_line() -> None:
    words = ["train", "digits", "--compile", "--quiet", "--threads", "1"]
    done = onestop_in_a_process(
        *words, CXX="false", TORCHINDUCTOR_CACHE_DIR=str(Path("cache").resolve())
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("onestop: --compile: torch cannot compile")
