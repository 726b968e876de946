"""Adding a network is one file and one line, as CONTRIBUTING.md says."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest
import torch

from onestop.networks import build, catalog, count_parameters
from onestop.networks.layers import layers
from tests.conftest import REPOSITORY


def test_the_guide_works_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guide = (REPOSITORY / "CONTRIBUTING.md").read_text()
    code = re.findall(r"^```python\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)[0]
    line = next(line for line in guide.splitlines() if line.startswith("    *_family("))
    (tmp_path / "mine.py").write_text(code)
    package = importlib.import_module("onestop.networks")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    added = eval(f"({line.strip().rstrip(',')},)", vars(catalog))
    monkeypatch.setitem(catalog.OWN, "mine", added[0])
    try:
        network = build("mine", 10)
        assert count_parameters(network) == added[0].parameters
        work = sum(row["multiply_adds"] for row in layers(network, (3, 32, 32)))
        assert work == added[0].multiply_adds
        assert network(torch.rand(2, 3, 32, 32)).shape == (2, 10)
    finally:
        sys.modules.pop("onestop.networks.mine", None)
