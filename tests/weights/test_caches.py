"""The places where the hubs' libraries keep files."""

from __future__ import annotations

from pathlib import Path

import pytest

from onestop.errors import UsageError
from onestop.networks import find, release
from onestop.weights.caches import in_hugging_face, in_torch

LITE = release(find("tf_efficientnet_lite0"))


def cached(hub: Path) -> Path:
    repository = hub / "models--timm--tf_efficientnet_lite0.in1k"
    file = repository / "snapshots" / "0123abcd" / "model.safetensors"
    file.parent.mkdir(parents=True)
    file.touch()
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123abcd")
    return file


def test_torchs_folder_is_the_one_that_torch_uses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "tf_efficientnet_lite0-0aa007d2.pth"
    assert in_torch(LITE) == tmp_path / "cache" / "torch" / "hub" / "checkpoints" / name
    monkeypatch.setenv("TORCH_HOME", "elsewhere")
    assert in_torch(LITE) == Path("elsewhere/hub/checkpoints") / name


@pytest.mark.parametrize(
    ("name", "below"),
    [("HF_HUB_CACHE", ""), ("HF_HOME", "hub"), ("XDG_CACHE_HOME", "huggingface/hub")],
)
def test_hugging_faces_cache_is_read_as_its_library_writes_it(
    name: str, below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, str(tmp_path / "hub"))
    assert in_hugging_face(LITE) is None
    file = cached(tmp_path / "hub" / below)
    assert in_hugging_face(LITE) == file
    huggingface_hub = pytest.importorskip("huggingface_hub", reason="the extra `timm` is missing")
    folder = tmp_path / "hub" / below
    found = huggingface_hub.try_to_load_from_cache(LITE.hub, "model.safetensors", cache_dir=folder)
    assert found == str(file)


def test_a_release_without_a_repository_is_not_looked_for(tmp_path: Path) -> None:
    assert in_hugging_face(release(find("resnet18"))) is None


def test_a_reference_does_not_lead_out_of_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    cached(tmp_path)
    (tmp_path / "model.safetensors").touch()
    refs = tmp_path / "models--timm--tf_efficientnet_lite0.in1k" / "refs" / "main"
    refs.write_text("../..")
    assert in_hugging_face(LITE) is None


def test_without_a_home_folder_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", _no_home)
    with pytest.raises(UsageError):
        in_torch(LITE)


def _no_home() -> Path:
    raise RuntimeError("no home")
