"""A run whose results are looked at."""

from __future__ import annotations

import pytest

import onestop


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> onestop.Run:
    out = tmp_path_factory.mktemp("runs")
    return onestop.train("digits", epochs=2, quiet=True, out=out, threads=1)
