"""A record of what the bits of a result depend on, besides recipe and data."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import PIL
import simplejpeg
import torch
from PIL import features

from onestop.images.formats import decoders
from onestop.runtime.arithmetic import environment, probe, switches
from onestop.runtime.device import Engine
from onestop.text import listing
from onestop.version import __version__


def fingerprint(engine: Engine) -> dict[str, str | int | bool]:
    """What the bits of a result depend on, besides recipe and data: hardware, builds, threads.

    Call it with the engine applied, since it computes something.
    """
    device = engine.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name()
    return {
        "onestop": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "pillow": f"{PIL.__version__} with {features.version('jpg')}",  # decodes images
        "simplejpeg": simplejpeg.__version__,  # decodes JPEGs
        "decoders": decoders(),
        "system": platform.system(),
        "device": device.type,
        "device_name": name,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "precision": engine.precision,
        "memory_format": engine.memory_format,
        "threads": engine.threads,
        "deterministic": engine.deterministic,
        "compile": engine.compile,
        "environment": environment(engine),
        "switches": switches(engine),
        "arithmetic": probe(engine),
    }


def differences(before: Mapping[str, object], now: Mapping[str, object]) -> str:
    """The differences between two fingerprints, in words; empty if there are none."""
    return listing(
        f"{key.replace('_', ' ')} {before[key]} (here {now[key]})"
        for key in before
        if key in now and before[key] != now[key]
    )


def cpu_name() -> str:
    """The name of the CPU; oneDNN chooses kernels by its model."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{platform.machine()} {names[0]}" if names else platform.machine()
