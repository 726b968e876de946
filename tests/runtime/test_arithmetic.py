"""What chooses the arithmetic is named, and whatever else changes bits shows in the probe."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from onestop.runtime.arithmetic import environment, probe, switches
from onestop.runtime.device import CPU, Engine

GPU = Engine(torch.device("cuda"))
PROBE = (
    "import torch; from onestop.runtime.arithmetic import probe;"
    "from onestop.runtime.device import CPU\n"
    "with CPU.applied(): print(probe(CPU))"
)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without any variable that matters."""
    for name in os.environ:
        if name.startswith(("MKL_", "ONEDNN_", "DNNL_", "OPENBLAS_", "CUBLAS", "CUDNN", "GLIBC_")):
            monkeypatch.delenv(name)
    return monkeypatch


@pytest.mark.parametrize(
    "name",
    [
        "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE", "MKL_CBWR",
        "MKL_ENABLE_INSTRUCTIONS", "MKL_DEBUG_CPU_TYPE", "MKL_DYNAMIC", "OMP_DYNAMIC",
        "OPENBLAS_CORETYPE", "GLIBC_TUNABLES", "ATEN_CPU_CAPABILITY", "MKL_SOMETHING_NEW",
    ],
)  # fmt: skip
def test_variables_that_choose_kernels_are_named(name: str, bare: pytest.MonkeyPatch) -> None:
    bare.setenv(name, "x")
    assert environment(CPU) == f"{name}=x"


@pytest.mark.parametrize(
    "name",
    ["CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
     "CUDNN_CONV_WSCAP_DBG", "TORCH_BLAS_PREFER_CUBLASLT"],
)  # fmt: skip
def test_variables_of_a_gpu_count_on_a_gpu(name: str, bare: pytest.MonkeyPatch) -> None:
    bare.setenv(name, "1")
    assert environment(CPU) == "none"
    assert environment(GPU) == f"{name}=1"


@pytest.mark.parametrize(
    "name", ["ONEDNN_VERBOSE", "MKL_VERBOSE", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "DNNL_JIT_DUMP"]
)
def test_variables_that_change_no_result_do_not_count(name: str, bare: pytest.MonkeyPatch) -> None:
    bare.setenv(name, "1")
    assert environment(CPU) == environment(GPU) == "none"


def test_switches_of_torch_are_named_where_they_are_not_as_usual() -> None:
    assert switches(CPU) == "none"
    before = torch.get_float32_matmul_precision()
    try:
        torch.backends.mkldnn.set_flags(False)
        torch.set_default_dtype(torch.float64)
        torch.set_float32_matmul_precision("medium")
        assert switches(CPU) == "default type torch.float64, oneDNN False, oneDNN matrices bf16"
    finally:
        torch.backends.mkldnn.set_flags(True)
        torch.set_default_dtype(torch.float32)
        torch.set_float32_matmul_precision(before)
    assert switches(CPU) == "none"


def test_the_probe_is_the_same_each_time_and_leaves_chance_alone() -> None:
    state = torch.get_rng_state()
    with CPU.applied(), torch.no_grad():
        assert probe(CPU) == probe(CPU)
        assert len(probe(CPU)) == 16
    assert torch.equal(torch.get_rng_state(), state)


def test_the_probe_notices_what_has_no_name() -> None:
    """Numbers too small to be normal are taken for 0: nothing says so but what is computed."""
    with CPU.applied():
        before = probe(CPU)
        if not torch.set_flush_denormal(True):
            pytest.skip("not on this processor")
        try:
            assert probe(CPU) != before
            assert switches(CPU) == "none"
        finally:
            torch.set_flush_denormal(False)
        assert probe(CPU) == before


def test_the_probe_depends_on_the_precision() -> None:
    half = Engine(torch.device("cpu"), "bf16")
    with CPU.applied():
        assert probe(half) != probe(CPU)


@pytest.mark.thorough
@pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() != "AVX512", reason="kernels of another processor"
)
def test_the_probe_notices_other_kernels() -> None:
    def probed(**changed: str) -> str:
        command, env = [sys.executable, "-c", PROBE], {**os.environ, **changed}
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout

    usual = probed()
    assert probed() == usual
    assert probed(ONEDNN_MAX_CPU_ISA="SSE41") != usual
    assert probed(MKL_CBWR="COMPATIBLE") != usual
