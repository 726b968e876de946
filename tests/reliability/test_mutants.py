"""Images changed at random crash nothing and hang nothing; see `mutants.py`."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from tests.conftest import REPOSITORY
from tests.reliability.card import tried

COUNT = int(os.environ.get("ONESTOP_MUTANTS", "2000"))


def test_mutants_of_images_are_read_or_refused() -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.reliability.mutants"]
    done = subprocess.run(
        [*command, "--count", str(COUNT), "--seed", "20261121"],
        capture_output=True, text=True, check=False, cwd=REPOSITORY, timeout=30 + COUNT / 20,
    )  # fmt: skip
    last = done.stdout.splitlines()[-1] if done.stdout else ""
    assert done.returncode == 0, f"{last}\n{done.stderr[-2000:]}"
    counts = {
        what: int(n) for n, what in re.findall(r"(\d+) (read with a remark|read|refused)", last)
    }
    tried("images changed at random", last.replace(" mutants", ""))
    assert sum(counts.values()) == COUNT
    assert all(counts[what] > COUNT / 50 for what in ("read", "read with a remark", "refused"))
