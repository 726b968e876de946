"""timm's networks through our door; skipped where the extra is not installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from onestop.errors import ArchitectureError, UsageError
from onestop.networks import build, find, release
from onestop.weights import published_weights

pytestmark = pytest.mark.thorough

timm = pytest.importorskip("timm", reason="the extra `timm` is not installed")


def test_usual_size_and_origin_are_timms() -> None:
    entry = find("timm:inception_resnet_v2")
    assert (entry.origin, entry.image_size, entry.channels) == ("timm", 299, 3)


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="timm has no such network; did you mean 'resnet10t'"):
        find("timm:resnet10x")


def test_without_the_weights_the_file_to_fetch_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UsageError, match=r"download model\.safetensors .* timm/resnet10t\.c3_in1k"):
        published_weights(find("timm:resnet10t"))


def test_a_network_that_does_not_take_the_images_says_which_it_takes() -> None:
    with pytest.raises(ArchitectureError, match=r"does not work with 3x32x32 .*3x299x299"):
        build("timm:inception_v3", 5, image_size=32)


def test_tables_are_made_for_the_size() -> None:
    network = build("timm:test_vit", 5, 1, 96)
    assert network.eval()(torch.rand(2, 1, 96, 96)).shape == (2, 5)


def test_a_tag_that_timm_does_not_have_is_reported_with_those_it_has() -> None:
    with pytest.raises(UsageError, match=r"no such weights for resnet10t; it has .*c3_in1k"):
        release(find("timm:resnet10t"), "nothing")


def test_a_release_is_what_timm_states_of_it() -> None:
    entry = find("timm:tf_efficientnet_lite0")
    found, own = release(entry), release(find("tf_efficientnet_lite0"))
    assert entry.weights
    assert (found.tag, found.hub) == ("in1k", "timm/tf_efficientnet_lite0.in1k")
    assert (found.tag, found.hub, found.url, found.inputs) == (
        own.tag,
        own.hub,
        own.url,
        own.inputs,
    )
    assert found.names()[0] == "tench"


@pytest.mark.parametrize("number", range(5))
def test_ours_of_the_same_name_state_the_same(number: int) -> None:
    name = f"tf_efficientnet_lite{number}"
    found, own = release(find(f"timm:{name}")), release(find(name))
    assert (found.tag, found.hub, found.url, found.inputs) == (
        own.tag,
        own.hub,
        own.url,
        own.inputs,
    )


def test_without_timm_the_way_to_install_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UsageError, match=r"not installed: pip install 'onestop-vision\[timm\]'"):
        find("timm:resnet10t")
