"""What chooses the arithmetic of a process, besides hardware and versions, and a probe of its bits.

oneDNN, MKL, cuBLAS and the C library pick their kernels by environment variables, torch by switches.
Those known to matter are listed by name; whatever else matters shows in the probe: a hash of a few
small computations of the kinds that training consists of.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from onestop.images.decode import decode
from onestop.runtime.device import Engine

_PREFIXES = (
    "ONEDNN_",
    "DNNL_",
    "MKL_",
    "KMP_DETERMINISTIC",
    "KMP_FORCE_REDUCTION",
    "TORCH_MKLDNN_",
)
_NAMES = ("GLIBC_TUNABLES", "OMP_DYNAMIC", "OMP_THREAD_LIMIT", "OPENBLAS_CORETYPE", "BLIS_ARCH_TYPE",
          "ATEN_CPU_CAPABILITY")  # fmt: skip
_GPU_PREFIXES = ("CUBLAS_", "CUBLASLT_", "CUDNN_", "TORCH_CUDNN_", "TORCH_BLAS_", "TORCH_CUBLASLT_")
_GPU_NAMES = ("NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "DISABLE_ADDMM_CUDA_LT")
# Variables of the same families that change no result: what is printed, measured or watched, and
# numbers of threads, which are recorded as such.
_HARMLESS = ("VERBOSE", "DUMP", "PROFILE", "ITT", "NUM_THREADS", "LOGINFO", "LOGDEST", "LOGERR",
             "LOGWARN", "PATH", "CACHE_CAPACITY")  # fmt: skip


def environment(engine: Engine) -> str:
    """The variables of the environment that choose how an engine computes, or `none`."""
    gpu = engine.device.type == "cuda"
    prefixes = _PREFIXES + _GPU_PREFIXES * gpu
    names = _NAMES + _GPU_NAMES * gpu
    chosen = sorted(
        f"{name}={value}"
        for name, value in os.environ.items()
        if (name in names or name.startswith(prefixes)) and not name.endswith(_HARMLESS)
    )
    return " ".join(chosen) or "none"


def switches(engine: Engine) -> str:
    """The switches of torch that differ from what it starts with, or `none`."""
    backends: Any = torch.backends  # the stubs lack submodules
    values: list[tuple[str, object, object]] = [
        ("default type", torch.get_default_dtype(), torch.float32),
        ("oneDNN", backends.mkldnn.enabled, True),
        ("deterministic oneDNN", backends.mkldnn.deterministic, False),
        ("NNPACK", torch._C._get_nnpack_enabled(), True),  # noqa: SLF001
        ("oneDNN convolutions", _products(backends.mkldnn.conv), "ieee"),
        ("oneDNN matrices", _products(backends.mkldnn.matmul), "ieee"),
    ]
    if engine.device.type == "cuda":
        products, attention = backends.cuda.matmul, backends.cuda
        values += [
            ("cuDNN", backends.cudnn.enabled, True),
            ("deterministic cuDNN", backends.cudnn.deterministic, False),
            ("cuDNN by measurement", backends.cudnn.benchmark, False),
            ("sums in 16 bits", products.allow_fp16_accumulation, False),
            ("flash attention", attention.flash_sdp_enabled(), True),
            ("attention that saves memory", attention.mem_efficient_sdp_enabled(), True),
            ("cuDNN attention", attention.cudnn_sdp_enabled(), True),
        ]
    changed = [f"{name} {value}" for name, value, usual in values if value != usual]
    return ", ".join(changed) or "none"


def _products(backend: Any) -> str:
    """How a backend multiplies 32 bits; unless it is told otherwise, in full."""
    return str(backend.fp32_precision).replace("none", "ieee")


def probe(engine: Engine) -> str:
    """A hash of small computations on fixed inputs, as this process computes now: 64 bits in hex.

    Call it with the engine applied. The same machine in the same state gives the same hash. On a GPU,
    only what the CPU does for it is computed: decoding and resizing.
    """
    digest = hashlib.sha256()
    for part in _on_images():
        digest.update(part.numpy().tobytes())
    if engine.device.type == "cpu":
        for part in _on_tensors(engine):
            digest.update(part.detach().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _on_images() -> Iterator[Tensor]:
    """Decoding and resizing."""
    pixels = _numbers(40, 48, 3).mul(255).to(torch.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels.numpy()).resize((96, 80)).save(file, "JPEG", quality=85)
    decoded = torch.from_numpy(decode(file.getvalue(), 3)).permute(2, 0, 1)[None]
    yield decoded
    for antialias in (False, True):
        yield functional.interpolate(decoded, (33, 41), mode="bilinear", antialias=antialias)


def _on_tensors(engine: Engine) -> Iterator[Tensor]:
    """What networks, losses and optimizers compute."""
    images = engine.place_inputs(_numbers(8, 3, 32, 32) - 0.5)
    shapes = ((16, 3, 3, 3), (24, 16, 5, 5))
    wide, deep = (engine.place_inputs(_numbers(*s) - 0.5).requires_grad_() for s in shapes)
    with torch.enable_grad(), engine.autocast():
        maps = functional.conv2d(functional.conv2d(images, wide).relu(), deep)  # [8, 24, 26, 26]
        vectors = functional.max_pool2d(maps, 2).mean((2, 3))  # [8, 24]
        outputs = vectors @ _numbers(24, 96) - 6  # [8, 96]
        loss = functional.cross_entropy(outputs.float(), torch.arange(8))
    yield from (maps, outputs, loss, *torch.autograd.grad(loss, (wide, deep)))
    flat = _numbers(10_007) * 12 - 6
    for function in (torch.exp, torch.tanh, torch.sigmoid, functional.gelu, torch.rsqrt, torch.sin):
        yield function(flat.abs() + 0.1)
    yield from (flat.sum(), flat.std(), flat.cumsum(0), (flat * 1e-42).sum())


def _numbers(*shape: int) -> Tensor:
    """Fixed numbers in [0, 1), float32."""
    count = math.prod(shape)
    values = (np.arange(1, count + 1, dtype=np.uint64) * np.uint64(2654435761)) % np.uint64(2**32)
    return torch.from_numpy((values >> np.uint64(8)).astype(np.float32) / 2**24).reshape(shape)
