"""A frozen backbone is run once a view, and nothing else about a run changes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import onestop
from onestop.data.loader import Loader
from onestop.display.progress import Watcher
from onestop.errors import InterruptedRun, UsageError
from onestop.networks import build
from onestop.networks.fuse import Folding
from onestop.runtime.device import Engine
from onestop.storage.model_file import write_weights
from onestop.training.feature_cache import FeatureCache, Tail
from onestop.training.records import StepRecord

Photos = Callable[..., Path]
QUICK: dict[str, Any] = {
    "threads": 1,
    "workers": 0,
    "quiet": True,
    "device": "cpu",
    "image_size": 48,
}


@pytest.fixture
def photographs(photos: Photos) -> Path:
    return photos({"train/red": 9, "train/blue": 8, "val/red": 4, "val/blue": 4})


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "weights.safetensors"
    write_weights(path, build("squeezenet1_1", 1000))
    return path


def train(photographs: Path, weights: Path, **given: Any) -> onestop.Run:
    settings: dict[str, Any] = {"model": "squeezenet1_1", "epochs": 6, "probe": "none"}
    settings |= {"freeze": "backbone", **QUICK, **given}
    return onestop.train(photographs, weights=str(weights), **settings)


def tensors(run: onestop.Run) -> dict[str, Tensor]:
    return onestop.load(run.folder).network.state_dict()


def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by the number of images whenever images are prepared for training."""
    seen: list[int] = []
    real = Loader.train

    def counted(self: Loader, plan: Any, epoch: int) -> Any:
        for batch in real(self, plan, epoch):
            seen.append(len(batch.indices))
            yield batch

    monkeypatch.setattr(Loader, "train", counted)
    return seen


@pytest.mark.thorough
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_without_augmentation_one_pass_gives_the_same_run(
    photographs: Path, weights: Path, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"augment": "none", "precision": precision}
    anew = train(photographs, weights, views=0, **given)
    seen = passes(monkeypatch)
    once = train(photographs, weights, **given)
    assert once.recipe.network.cached_augmentations == 1
    assert sum(seen) == 17
    for name, value in tensors(anew).items():
        assert torch.allclose(tensors(once)[name], value, rtol=1e-4, atol=1e-6), name
    for before, after in zip(anew.epochs, once.epochs, strict=True):
        assert float(before["train_loss"]) == pytest.approx(float(after["train_loss"]), rel=1e-3)
        assert float(before["val_loss"]) == pytest.approx(float(after["val_loss"]), rel=1e-3)


@pytest.mark.thorough
def test_as_many_views_as_epochs_see_what_every_epoch_would(
    photographs: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anew = train(photographs, weights, views=0, epochs=3)
    seen = passes(monkeypatch)
    kept = train(photographs, weights, views=5, epochs=3)
    assert sum(seen) == 3 * 17
    for name, value in tensors(anew).items():
        assert torch.allclose(tensors(kept)[name], value, rtol=1e-4, atol=1e-6), name


def test_with_fewer_views_they_come_round_again(
    photographs: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = passes(monkeypatch)
    run = train(photographs, weights)
    assert run.recipe.network.cached_augmentations == 4
    assert sum(seen) == 4 * 17
    assert len(run.epochs) == 6


@pytest.mark.parametrize("mixing", [{"mixup": 0.2}, {"cutmix": 1.0}])
def test_mixed_images_run_anew_in_every_epoch(
    photographs: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, mixing: dict[str, float]
) -> None:
    seen = passes(monkeypatch)
    assert train(photographs, weights, epochs=3, **mixing).recipe.network.cached_augmentations == 0
    assert sum(seen) == 3 * 17
    (mixed,) = mixing
    with pytest.raises(UsageError, match=f"-augmentations 4: changes nothing with --{mixed}"):
        train(photographs, weights, views=4, **mixing)
    recipe = Path("recipe.yaml")  # whose lines may be those of an earlier run
    recipe.write_text("views: 2\n")
    seen.clear()
    train(photographs, weights, epochs=3, recipe=recipe, **mixing)
    assert sum(seen) == 3 * 17


def test_only_the_frozen_epochs_take_the_short_way(
    photographs: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = passes(monkeypatch)
    run = train(photographs, weights, unfreeze_after=4, views=2)
    assert sum(seen) == (2 + 2) * 17
    moved = [name for name, value in tensors(run).items() if name.startswith("features")]
    before = build("squeezenet1_1", 2).state_dict()
    assert moved
    assert not torch.equal(tensors(run)[moved[0]], before[moved[0]])


@pytest.mark.thorough
def test_a_run_that_was_stopped_goes_on_bit_for_bit(
    photographs: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(photographs, weights, name="whole", batch_size=5)
    shown = Watcher.show

    def show(watcher: Watcher, record: Any, epochs: int) -> None:
        if (
            isinstance(record, StepRecord) and record.step == 18
        ):  # in the epoch that sees view 0 again
            os.kill(os.getpid(), signal.SIGINT)
        shown(watcher, record, epochs)

    monkeypatch.setattr(Watcher, "show", show)
    with pytest.raises(InterruptedRun):
        train(photographs, weights, name="part", batch_size=5)
    monkeypatch.undo()
    part = onestop.train(resume=whole.folder.parent / "part", quiet=True)
    assert all(torch.equal(value, tensors(part)[name]) for name, value in tensors(whole).items())


def test_unreadable_photographs_are_left_out(photographs: Path, weights: Path) -> None:
    (photographs / "train" / "red" / "000.jpg").write_bytes(b"no image")
    run = train(photographs, weights)
    assert "000.jpg" in (run.folder / "skipped.csv").read_text()
    assert run.metrics["images"] == 8


@pytest.mark.thorough
def test_a_network_of_several_heads_says_that_it_takes_the_long_way(
    photos: Photos, tmp_path: Path
) -> None:
    source = photos({"train/red": 4, "train/blue": 4})
    write_weights(tmp_path / "google.safetensors", build("googlenet", 1000))
    run = onestop.train(
        source, model="googlenet", weights=str(tmp_path / "google.safetensors"), epochs=1,
        freeze="backbone", val_fraction=0, **QUICK,
    )  # fmt: skip
    assert (
        "runs anew in every epoch, since it has several heads"
        in (run.folder / "log.txt").read_text()
    )


class Doubled(nn.Module):
    """Does to the head's outputs what no sequence of modules does."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        return 2 * self.head(self.conv(images).mean((2, 3)))  # type: ignore[no-any-return]


def test_a_network_that_goes_on_after_its_head_says_so_too(photos: Photos) -> None:
    source = photos({"train/red": 4, "train/blue": 4})
    run = onestop.train(
        source, model=Doubled(), epochs=1, freeze="backbone", views=3, val_fraction=0, **QUICK
    )
    log = (run.folder / "log.txt").read_text()
    assert (
        "since its head's outputs do not become the network's outputs in a simple sequence" in log
    )


def test_views_without_a_frozen_backbone_change_nothing_and_are_refused(photos: Photos) -> None:
    source = photos({"train/red": 4, "train/blue": 4})
    with pytest.raises(UsageError, match="-augmentations 3: changes nothing with --freeze none"):
        onestop.train(source, views=3, freeze="none", quiet=True)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "head"),
    [("squeezenet1_1", "classifier.1"), ("resnet18", "fc"), ("vgg11", "classifier.6"),
     ("mobilenet_v3_small", "classifier.3"), ("densenet121", "classifier")],
)  # fmt: skip
def test_the_tail_of_a_network_gives_its_outputs(name: str, head: str) -> None:
    torch.manual_seed(0)
    network = build(name, 3, 3, 64).eval()
    caught: list[Tensor] = []
    network.get_submodule(head).register_forward_pre_hook(lambda _, given: caught.append(given[0]))
    with torch.no_grad():
        outputs = network(torch.rand(2, 3, 64, 64))
        assert torch.equal(Tail(network, head).eval()(caught[0]), outputs)


def test_features_that_would_not_fit_are_not_kept() -> None:
    network = build("resnet18", 3, 3, 64)
    engine = Engine(torch.device("cpu"))
    shortcut = FeatureCache(network, "fc", Folding(network, (3, 64, 64)), engine, 4)
    assert shortcut.refusal((3, 64, 64), 1000) == ""
    assert "4 versions of 1,000,000 images would take 7.6 GiB" in shortcut.refusal(
        (3, 64, 64), 1_000_000
    )
