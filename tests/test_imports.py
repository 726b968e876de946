"""What a start does not load."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


def python(*lines: str) -> None:
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "rmsprop"])
def test_training_loads_neither_torchvision_nor_the_compiler(optimizer: str) -> None:
    python(
        "import sys, onestop",
        f"onestop.train('digits', epochs=1, optimizer='{optimizer}', quiet=True)",
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


def test_the_compiler_is_there_when_asked_for() -> None:
    python(
        "import sys, torch",
        "from onestop.runtime.lazy_torchvision import without_compiler",
        "with without_compiler():",
        "    import torchvision",
        "assert 'torch._dynamo' not in sys.modules",
        "boxes = torch.tensor([[0.0, 0, 0, 4, 4]])",
        "pooled = torchvision.ops.roi_align(torch.ones(1, 1, 8, 8), boxes, 2)",
        "assert torch.equal(pooled, torch.ones(1, 1, 2, 2))",
        "torch.use_deterministic_algorithms(True)  # now it asks whether it could be compiled",
        "from torchvision.ops import roi_align as module_or_function",
        "supported = sys.modules['torchvision.ops.roi_align'].is_compile_supported",
        "assert supported('cpu') in (True, False)",
        "import torch._dynamo",
        "assert torch._dynamo.utils.is_compile_supported('cpu') == supported('cpu')",
        "assert torch._dynamo.is_compiling() is False",
    )


@pytest.mark.slow
def test_who_asks_for_more_within_gets_the_real_compiler() -> None:
    python(
        "import sys, torch",
        "from onestop.runtime.lazy_torchvision import without_compiler",
        "with without_compiler():",
        "    from torch._dynamo.utils import counters",
        "    import torchvision",
        "from torch._dynamo import utils",
        "assert utils.counters is counters",
        "assert torch._dynamo is sys.modules['torch._dynamo']",
    )


@pytest.mark.slow
def test_a_compiler_that_is_loaded_already_stays() -> None:
    python(
        "import sys, torch._dynamo",
        "from onestop.runtime.lazy_torchvision import without_compiler",
        "before = sys.modules['torch._dynamo']",
        "with without_compiler():",
        "    import torchvision",
        "assert sys.modules['torch._dynamo'] is before",
    )
