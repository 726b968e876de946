"""The published weights of our own networks."""

from __future__ import annotations

import re

import pytest

from onestop.networks import find
from onestop.networks.catalog import OWN
from onestop.networks.releases import RELEASES


def test_a_network_has_releases_if_and_only_if_its_row_says_so() -> None:
    assert set(RELEASES) == {entry.name for entry in OWN.values() if entry.weights}


@pytest.mark.parametrize("network", RELEASES)
def test_a_release_belongs_to_its_network_and_can_be_checked(network: str) -> None:
    for release in RELEASES[network]:
        assert release.network == network
        assert release.inputs.size == (find(network).image_size,) * 2
        assert release.inputs.mean == release.inputs.std == (0.5, 0.5, 0.5)
        assert re.fullmatch(r"\S+-[0-9a-f]{8}\.pth", release.file)
        assert len(release.names()) == 1000
        if release.wheel:
            assert re.fullmatch("[0-9a-f]{64}", release.wheel.sha256)
            assert re.fullmatch("[0-9a-f]{32}", release.wheel.digest)
            assert release.wheel.sha256[:8] in release.wheel.path
