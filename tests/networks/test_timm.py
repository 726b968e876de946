"""timm's networks through our door; skipped where the extra is not installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from onestop.errors import UsageError
from onestop.networks import find, published_weights

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
    with pytest.raises(UsageError, match=r"fetch model\.safetensors .* timm/resnet10t\.c3_in1k"):
        published_weights(find("timm:resnet10t"))
