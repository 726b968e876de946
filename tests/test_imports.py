"""What a start does not load."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.thorough


def python(*lines: str) -> None:
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)


def test_training_loads_neither_torchvision_nor_the_compiler() -> None:
    python(
        "import sys, onestop",
        "for name in ('sgd', 'adamw', 'rmsprop'):",
        "    onestop.train('digits', epochs=1, optimizer=name, quiet=True)",
        "loaded = {'torch._dynamo', 'torchvision', 'sklearn', 'timm'} & set(sys.modules)",
        "loaded |= {'tensorboard', 'mlflow', 'wandb'} & set(sys.modules)",
        "assert not loaded, loaded",
    )


def test_training_a_network_of_torchvision_does_not_load_the_compiler(
    photos: Callable[..., Path],
) -> None:
    source = photos({"train/red": 4, "train/blue": 4, "val/red": 2, "val/blue": 2})
    python(
        "import sys, onestop",
        f"onestop.train({str(source)!r}, model='torchvision:resnet18', image_size=32, epochs=1,",
        "              quiet=True)",
        "assert 'torchvision' in sys.modules and 'torch._dynamo' not in sys.modules",
    )
