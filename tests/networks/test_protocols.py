"""Which networks customise their initialisation and learning rates."""

from __future__ import annotations

import pytest
import torch

from onestop.networks import build
from onestop.networks.catalog import OWN
from onestop.networks.protocols import ScalesRates, StartsFromImages


@pytest.mark.parametrize("name", OWN)
def test_only_airbench_customises_either(name: str) -> None:
    with torch.device("meta"):
        network = build(name, 1)
    expected = name.startswith("airbench")
    assert isinstance(network, StartsFromImages) == expected
    assert isinstance(network, ScalesRates) == expected
