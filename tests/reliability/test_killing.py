"""Runs killed with SIGKILL at any moment leave what undisturbed runs leave, bit for bit."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.thorough

TRIALS = 18


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks processes")
def test_killed_runs_end_as_undisturbed_ones() -> None:
    seed = int(time.time())  # other moments every day; a failure names the seed
    done = subprocess.run(
        [sys.executable, "-m", "tests.reliability.killing", "--trials", str(TRIALS),
         "--seed", str(seed)],
        capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False,
    )  # fmt: skip
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(rf"{TRIALS} trials over \d+ recipes, \d+ kills, 0 failures", done.stdout)
