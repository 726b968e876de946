"""Time from the command to the first training step, compared with importing torch and torchvision.

python benchmarks/startup.py
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping

from compare import compare

TITLE = "From the command to the first training step"
_FIRST_STEP = """
import sys, time
from onestop.cli import main
from onestop.training.step import LocalStep
taken = LocalStep.__call__
def first(*words):
    taken(*words)
    print("STEP", flush=True)
    sys.exit()
LocalStep.__call__ = first
main(sys.argv[1:])
"""


def imports(_: argparse.Namespace) -> Mapping[str, float]:
    """Python -c 'import torch, torchvision'."""
    return {"seconds": _seconds([sys.executable, "-c", "import torch, torchvision"])}


def import_torch(_: argparse.Namespace) -> Mapping[str, float]:
    """Python -c 'import torch'."""
    return {"seconds": _seconds([sys.executable, "-c", "import torch"])}


def digits(_: argparse.Namespace) -> Mapping[str, float]:
    """`onestop train` on the built-in digits with LeNet-5, until its first step."""
    return {"seconds": _first_step("digits", "--model", "lenet5")}


def folder(words: argparse.Namespace) -> Mapping[str, float]:
    """`onestop train FOLDER` with defaults, until its first step."""
    return {"seconds": _first_step(words.root)} if words.root else digits(words)


def _first_step(*words: str) -> float:
    with tempfile.TemporaryDirectory() as out:
        return _seconds([sys.executable, "-c", _FIRST_STEP, "train", *words, "--out", out])


def _seconds(command: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begun


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", help="a folder of classes")


if __name__ == "__main__":
    compare(TITLE, [imports, import_torch, digits, folder], _options)
