"""torchvision without torch's compiler, until somebody asks for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from onestop.runtime.lazy_torchvision import without_compiler


def python(*lines: str) -> None:
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)


@pytest.mark.thorough
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


def test_while_open_a_stand_in_is_there_and_afterwards_it_is_not() -> None:
    if "torch._dynamo" in sys.modules:
        pytest.skip("something loaded the compiler already")
    with without_compiler():
        stand_in = sys.modules["torch._dynamo"]
        assert type(stand_in).__name__ == "_Later"
        assert not hasattr(stand_in, "__path__"), "what Python's import asks of every module"
    assert "torch._dynamo" not in sys.modules
