"""Training from the outside: run folders, resuming, interruptions, every form of source."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import onestop
from onestop.cli import main
from onestop.display.progress import Watcher
from onestop.errors import DataError, InterruptedRun, NonFiniteLossError, UsageError
from onestop.storage.run_folder import columns_of
from onestop.tasks import Classification
from onestop.training.records import StepRecord

WALL_CLOCK = ("seconds", "images_per_second", "waiting", "scoring")


def digits(count: int = 200) -> dict[str, Any]:
    """A few of the built-in digits as arrays."""
    train = onestop.open_data("digits", val_fraction=0).splits["train"]
    images = np.stack([train.read(i, 1) for i in range(count)])
    return {"train": (images, train.targets[:count]), "val": (images[:50], train.targets[:50])}


def train(source: Any = None, **settings: Any) -> onestop.Run:
    options = {"quiet": True, "epochs": 3, "threads": 1, "model": "lenet5", **settings}
    if source is None and "resume" not in settings:
        source = digits()
    if "resume" in settings:
        options = {"quiet": True, **settings}
    return onestop.train(source, **options)


def tensors(run: onestop.Run) -> dict[str, torch.Tensor]:
    return load_file(run.folder / "model.safetensors")


def same(a: onestop.Run, b: onestop.Run) -> bool:
    first, second = tensors(a), tensors(b)
    return all(torch.equal(first[name], second[name]) for name in first)


def rows(run: onestop.Run) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if k not in WALL_CLOCK} for row in run.epochs]


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_a_run_folder_holds_all_it_should() -> None:
    run = train("digits", epochs=2)
    names = {path.name for path in run.folder.iterdir()}
    assert names >= {
        "recipe.yaml", "run.json", "metrics.csv", "metrics.json", "model.safetensors", "state",
        "predictions.csv", "skipped.csv", "log.txt",
    }  # fmt: skip
    assert run.folder == Path("runs/digits-lenet5").resolve()
    assert {
        "split", "accuracy", "top5", "loss", "macro_f1", "images", "per_class", "best_epoch", "epochs",
        "seconds", "images_per_second",
    } <= run.metrics.keys()  # fmt: skip
    assert run.metrics["split"] == "test"
    assert run.metrics["images"] == 359
    assert tuple(run.epochs[0]) == columns_of(Classification.metrics)
    assert [row["epoch"] for row in run.epochs] == [1, 2]
    unset = ["data_root", "task", "path_column", "label_column", "image_root", "suffix"]
    unset += ["crop_fraction"]
    assert [name for name, value in run.recipe.values().items() if value is None] == unset
    predictions = table(run.folder / "predictions.csv")
    right = sum(int(row["correct"]) for row in predictions)
    assert right / len(predictions) == pytest.approx(run.metrics["accuracy"])


def test_the_model_file_tells_what_training_found() -> None:
    run = train("digits", epochs=2)
    card = run.model().card
    assert card.metrics["accuracy"] == run.metrics["accuracy"]
    assert card.classes == tuple("0123456789")
    assert card.recipe["epochs"] == 2
    assert onestop.evaluate(run.folder).metrics["accuracy"] == run.metrics["accuracy"]


@pytest.mark.thorough
def test_the_demo_reaches_its_accuracy() -> None:
    assert onestop.train("digits", quiet=True).metrics["accuracy"] >= 0.97


@pytest.mark.thorough
def test_same_seed_same_weights_whatever_the_workers(photos: Callable[..., Path]) -> None:
    folder = photos({"train/red": 12, "train/blue": 12, "val/red": 3, "val/blue": 3})
    options = {"model": "lenet5_color", "augment": "resized-crop", "epochs": 2, "batch_size": 5}
    runs = [train(folder, workers=workers, **options) for workers in (0, 1, 2, 4)]
    assert all(same(runs[0], run) for run in runs[1:])
    assert all(rows(runs[0]) == rows(run) for run in runs[1:])
    assert not same(runs[0], train(folder, seed=1, **options))


@pytest.mark.parametrize("augment", ["flip-crop", "resized-crop"])
@pytest.mark.thorough
def test_same_weights_wherever_images_are_kept(photos: Callable[..., Path], augment: str) -> None:
    folder = photos({"red": 12, "blue": 12})
    (folder / "red" / "000.jpg").write_text("no image")
    modes = ["none", "memory", "disk", "disk"]
    runs = [
        train(folder, model="lenet5_color", augment=augment, cache=mode, workers=workers)
        for workers, mode in enumerate(modes)
    ]
    alike = runs if augment == "flip-crop" else runs[1:]  # there, kept images are smaller
    assert all(same(alike[0], run) and rows(alike[0]) == rows(run) for run in alike[1:])
    assert [run.metrics["skipped"] for run in runs] == [1] * 4
    logs = [(run.folder / "log.txt").read_text() for run in runs]
    assert ["cache: train: " in log and "cache: val: " in log for log in logs] == [
        False, False, True, True,
    ]  # fmt: skip
    assert [log.count("none decoded") for log in logs] == [0, 0, 0, 2]


def test_a_run_goes_on_with_images_kept_elsewhere_only_if_they_are_the_same(
    photos: Callable[..., Path],
) -> None:
    folder = photos({"red": 12, "blue": 12})
    options = {"model": "lenet5_color", "schedule": "constant"}
    whole = train(folder, **options, epochs=2)
    run = train(folder, **options, epochs=1)
    assert same(onestop.train(run.folder, epochs=2, cache="disk", quiet=True), whole)
    run = train(folder, **options, augment="resized-crop", epochs=1, cache="disk")
    with pytest.raises(UsageError, match=r"--cache none: .* was begun with disk"):
        onestop.train(run.folder, epochs=2, cache="none", quiet=True)
    onestop.train(run.folder, epochs=2, cache="memory", quiet=True)


def test_keeping_what_need_not_or_cannot_be_kept_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(UsageError, match="--cache disk: the images of digits are already decoded"):
        train("digits", cache="disk")
    with pytest.raises(
        UsageError, match="--cache memory: the images of digits are already decoded"
    ):
        train("digits", cache="memory", augment="resized-crop")
    pairs = [(torch.rand(3, 32, 32), k % 2) for k in range(12)]
    with pytest.raises(
        UsageError, match=r"--cache disk: images of .* cannot be checked .* use --cache memory"
    ):
        train(Pairs(pairs), cache="disk", model="lenet5_color")
    monkeypatch.setenv("ONESTOP_CACHE_GB", "much")
    with pytest.raises(UsageError, match="ONESTOP_CACHE_GB much"):
        train("digits", cache="disk")
    assert not Path("runs").exists()


class Pairs(torch.utils.data.Dataset[Any]):
    """Images and classes as a torch data set."""

    def __init__(self, pairs: list[tuple[torch.Tensor, int]]) -> None:
        self.pairs = pairs
        self.classes, self.targets = ["a", "b"], [target for _, target in pairs]

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.pairs[index]


def test_a_run_is_never_overwritten() -> None:
    folders = [train(epochs=1, name="mine").folder.name for _ in range(3)]
    assert folders == ["mine", "mine-2", "mine-3"]


@pytest.mark.parametrize(
    "step", [13, *(pytest.param(step, marks=pytest.mark.thorough) for step in (1, 14, 39))]
)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
def test_a_signal_saves_and_the_run_goes_on_bit_for_bit(
    monkeypatch: pytest.MonkeyPatch, step: int, number: signal.Signals, code: int
) -> None:
    options = {"augment": "crop", "ema": 0.9, "batch_size": 16}
    whole = train(name="whole", **options)
    shown = Watcher.show

    def show(watcher: Watcher, record: Any, epochs: int) -> None:
        if isinstance(record, StepRecord) and record.step == step:
            os.kill(os.getpid(), number)
        shown(watcher, record, epochs)

    with monkeypatch.context() as patch:
        patch.setattr(Watcher, "show", show)
        with pytest.raises(
            InterruptedRun, match=f"stopped after step {step}, state saved"
        ) as caught:
            train(name="cut", **options)
    assert caught.value.exit_code == code
    resumed = train(digits(), resume="runs/cut")
    assert same(whole, resumed)
    assert rows(whole) == rows(resumed)


@pytest.mark.thorough
@pytest.mark.parametrize("step", [5, 14])
def test_a_run_with_mixed_and_changed_images_goes_on_bit_for_bit(
    photos: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    folder = photos({"train/red": 20, "train/blue": 21, "val/red": 3, "val/blue": 3})
    options = {
        "model": "lenet5_color", "mixup": 0.8, "cutmix": 1.0, "auto_augment": "rand", "erase": 0.5,
        "color_jitter": 0.4, "batch_size": 8, "accumulate": 2, "epochs": 3,
    }  # fmt: skip
    whole, shown = train(folder, name="whole", workers=0, **options), Watcher.show

    def show(watcher: Watcher, record: Any, epochs: int) -> None:
        if isinstance(record, StepRecord) and record.step == step:
            os.kill(os.getpid(), signal.SIGINT)
        shown(watcher, record, epochs)

    with monkeypatch.context() as patch:
        patch.setattr(Watcher, "show", show)
        with pytest.raises(InterruptedRun):
            train(folder, name="cut", workers=2, **options)
    resumed = train(resume="runs/cut")
    assert same(whole, resumed)
    assert rows(whole) == rows(resumed)
    del options["mixup"], options["cutmix"]
    assert not same(whole, train(folder, **options))


@pytest.mark.thorough
@pytest.mark.parametrize(
    "flags",
    [
        ["--auto-augment", "trivial"],
        ["--auto-augment", "rand"],
        ["--color-jitter", "0.4"],
        ["--erase", "0.5"],
        ["--mixup", "0.2"],
        ["--cutmix", "1", "--label-smoothing", "0.1", "--balance", "loss"],
        ["--mixup", "0.2", "--cutmix", "1", "--erase", "1", "--aa", "rand", "--color-jitter", "1"],
    ],
    ids=" ".join,
)
def test_every_change_can_be_asked_for_by_its_flag(
    photos: Callable[..., Path], flags: list[str]
) -> None:
    folder = photos({"train/red": 8, "train/blue": 8, "val/red": 3, "val/blue": 3})
    rest = ["--threads", "1", "--epochs", "2", "--quiet", "--batch-size"]
    assert main(["train", "digits", *flags, *rest, "512"]) == 0
    small = ["--model", "lenet5_color", *rest, "8"]
    for augment in ("flip-crop", "resized-crop"):
        assert main(["train", str(folder), "--augment", augment, *flags, *small]) == 0
    for run in ("digits-lenet5", "photos-lenet5_color", "photos-lenet5_color-2"):
        losses = [float(row["train_loss"]) for row in table(Path("runs", run, "metrics.csv"))]
        assert len(losses) == 2
        assert all(0 < loss < 10 for loss in losses)


@pytest.mark.slow  # tests/reliability/killing.py does the same to forked processes, far oftener
def test_kill_dash_nine_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    """A real process, killed three times where chance has it; the weights must be equal."""
    command = [sys.executable, "-m", "onestop", "train", "digits", "--epochs", "20", "--threads", "1",
               "--quiet", "--out"]  # fmt: skip
    subprocess.run([*command, "whole"], check=True, capture_output=True)
    whole = onestop.Run(Path("whole/digits-lenet5"))
    folder = Path("cut/digits-lenet5")
    process = subprocess.Popen([*command, "cut"], stdout=subprocess.DEVNULL)
    rng = np.random.default_rng()
    kills = 0
    for _ in range(3):
        deadline = time.monotonic() + 60
        while not any((folder / "state").glob("step-*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(float(rng.uniform(0, 0.6)))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
        process = subprocess.Popen(
            [sys.executable, "-m", "onestop", "train", str(folder), "--quiet"],
            stdout=subprocess.DEVNULL,
        )
        time.sleep(2.0)
    assert process.wait(60) == 0
    assert kills >= 1, "the run ended before it could be killed"
    cut = onestop.Run(folder)
    assert same(whole, cut)
    assert rows(whole) == rows(cut)


@pytest.mark.thorough
def test_a_run_without_a_state_starts_again_from_its_recipe() -> None:
    whole = train("digits", name="whole", epochs=1)
    folder = Path("runs/young")
    folder.mkdir()
    (folder / "recipe.yaml").write_text((whole.folder / "recipe.yaml").read_text())
    assert same(whole, train(resume=folder))


@pytest.mark.thorough
def test_extending_a_finished_run_equals_the_longer_run_where_the_rate_is_constant() -> None:
    options = {"schedule": "constant", "ema": 0.9}
    short = train(name="short", epochs=2, **options)
    longer = onestop.train(digits(), resume=short.folder, epochs=4, quiet=True)
    assert [row["epoch"] for row in longer.epochs] == [1, 2, 3, 4]
    assert same(longer, train(name="long", epochs=4, **options))


def test_a_finished_run_stays_as_it_is() -> None:
    run = train("digits", epochs=1)
    before = tensors(run)
    again = train(resume=run.folder)
    assert all(torch.equal(before[k], v) for k, v in tensors(again).items())
    assert len(again.epochs) == 1


@pytest.mark.thorough
def test_what_a_run_was_begun_with_cannot_be_changed() -> None:
    run = train("digits", epochs=2)
    with pytest.raises(
        UsageError,
        match=r"--lr 0\.5: .* was begun with .*; only data_root, strict, epochs, patience",
    ):
        onestop.train(run.folder, lr=0.5)
    with pytest.raises(UsageError, match="has done 2 already"):
        onestop.train(run.folder, epochs=1, quiet=True)
    with pytest.raises(UsageError, match="is not a run folder"):
        onestop.train(resume="runs")


def test_auto_leaves_a_resumed_run_as_it_was() -> None:
    run = train("digits", epochs=1, lr=0.01)
    again = onestop.train(run.folder, epochs="auto", lr="auto", quiet=True)
    assert again.recipe == run.recipe


def test_a_run_whose_recipe_leaves_a_value_open_is_refused() -> None:
    run = train("digits", epochs=1)
    file = run.folder / "recipe.yaml"
    file.write_text(file.read_text().replace("epochs: 1\n", "epochs: null\n", 1))
    with pytest.raises(UsageError, match="lacks epochs, so another version"):
        onestop.train(run.folder, quiet=True)


def test_a_refused_resume_changes_nothing() -> None:
    run = train("digits", epochs=2)
    before = (run.folder / "recipe.yaml").read_bytes()
    with pytest.raises(UsageError, match="has done 2 already"):
        onestop.train(run.folder, epochs=1, quiet=True)
    with pytest.raises(UsageError, match="drop --out and --name"):
        onestop.train(run.folder, name="other")
    assert (run.folder / "recipe.yaml").read_bytes() == before
    assert len(onestop.train(run.folder, quiet=True).epochs) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"weights": "nowhere.pt"},
        {"weights": "default"},
        {"image_size": 4},
        {"normalize": "weights"},
        {"normalize": "imagenet"},
        {"model": "resnet18", "image_size": 5, "channels": 1, "freeze": "9"},
    ],
    ids=str,
)
def test_what_cannot_be_built_leaves_no_folder(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        train("digits", **{"model": "lenet5", **wrong})
    assert not Path("runs").exists()


def test_names_that_are_no_text_are_kept_apart(photos: Callable[..., Path]) -> None:
    folder = photos({"red": 8, "blue": 8})
    (folder / "red").rename(folder / os.fsdecode(b"r\xe9d"))
    run = train(folder, model="lenet5_color", epochs=1)
    assert run.model().classes == ("blue", "r\udce9d")
    assert len(run.metrics["per_class"]) == 2


def weights_of(folder: str) -> str:
    """A run with a network for colour photographs whose weights another can start from."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 40, 40, 3), dtype=np.uint8)
    run = train((images, np.arange(12) % 3), name=folder, **SMALL_NET, val_fraction=0)
    return str(run.folder)


SMALL_NET = {"model": "squeezenet1_1", "image_size": 40, "epochs": 1, "batch_size": 6}


@pytest.mark.thorough
def test_a_head_learns_first_and_then_everything(photos: Callable[..., Path]) -> None:
    weights = weights_of("start")
    folder = photos({"red": 6, "blue": 6})  # without validation the last epoch is kept
    before = load_file(Path(weights) / "model.safetensors")

    def moved(**settings: Any) -> set[str]:
        options = {**SMALL_NET, "weights": weights, "epochs": 2, "ema": 0, "lr": 0.1, "val_fraction": 0,
                   **settings}  # fmt: skip
        after = tensors(train(folder, **options))
        return {name for name in matrices if not torch.equal(before[name], after[name])}

    matrices = {name for name in before if before[name].ndim > 1}  # weight decay moves each of them
    head = {"classifier.1.weight"}
    assert moved(freeze="backbone") == head
    assert moved(freeze="backbone", unfreeze_after=1) == matrices
    assert moved(freeze="none") == matrices
    assert "features.0.weight" not in moved(freeze="3")


@pytest.mark.thorough
def test_going_on_does_not_undo_the_freezing(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = weights_of("start")
    rng = np.random.default_rng(1)
    data = (rng.integers(0, 256, (24, 40, 40, 3), dtype=np.uint8), np.arange(24) % 2)
    options = {**SMALL_NET, "weights": weights, "epochs": 3, "freeze": "backbone", "unfreeze_after": 2,
               "val_fraction": 0.25}  # fmt: skip
    whole = train(data, name="whole", **options)
    shown = Watcher.show

    def show(watcher: Watcher, record: Any, epochs: int) -> None:
        if isinstance(record, StepRecord) and record.step == 4:
            os.kill(os.getpid(), signal.SIGINT)
        shown(watcher, record, epochs)

    with monkeypatch.context() as patch:
        patch.setattr(Watcher, "show", show)
        with pytest.raises(InterruptedRun):
            train(data, name="cut", **options)
    assert same(whole, train(data, resume="runs/cut"))


def test_changed_data_is_noticed_on_resuming(photos: Callable[..., Path]) -> None:
    folder = photos({"red": 8, "blue": 8})
    run = train(folder, model="lenet5_color")
    next((folder / "red").iterdir()).unlink()
    with pytest.raises(DataError, match="has changed since"):
        train(resume=run.folder, epochs=4)


def test_data_given_in_python_is_asked_for_again() -> None:
    run = train(epochs=1)
    with pytest.raises(UsageError, match=r"pass it again: onestop\.train\(data, resume="):
        onestop.train(run.folder)


def test_two_processes_cannot_train_in_one_folder() -> None:
    from onestop.storage.run_folder import lock_run

    run = train("digits", epochs=1)
    with lock_run(run.folder), pytest.raises(UsageError, match="another process is training here"):
        onestop.train(run.folder, quiet=True)


def test_a_loss_that_is_no_number_keeps_no_weights_without_finite_outputs() -> None:
    with pytest.raises(
        NonFiniteLossError, match=r"in step \d+; no weights had finite outputs, so none are kept"
    ) as caught:
        train("digits", name="bad", lr=1e9, optimizer="adamw", clip_grad=0, momentum=None)
    assert "lower --lr (now 1e+09), for example to 0.001," in str(caught.value)
    assert not Path("runs/bad/model.safetensors").exists()


@pytest.mark.thorough
def test_weights_to_start_from(capsys: pytest.CaptureFixture[str]) -> None:
    first = train("digits", epochs=3)
    options = {"epochs": 1, "lr": 1e-9, "weights": str(first.folder), "probe": "none"}
    again = train("digits", **options)
    assert again.metrics["accuracy"] == pytest.approx(first.metrics["accuracy"], abs=0.05)
    head = {"train": (digits()["train"][0], digits()["train"][1] % 3)}
    train(head, **options, quiet=False, val_fraction=0.1)
    said = capsys.readouterr().err
    assert "8 tensors loaded (99.6% of the network)" in said
    assert "fc3.weight [10, 84] for [3, 84]" in said
    with pytest.raises(UsageError, match="for another network"):
        train("digits", epochs=1, model="lenet_3x3", weights=str(first.folder))


def test_no_validation_split_and_no_test_split_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    images, targets = digits()["train"]
    run = train((images, targets), val_fraction=0, epochs=1, quiet=False)
    assert run.metrics["split"] == "train"
    assert "the metrics are of the training images" in capsys.readouterr().err


def test_unreadable_images_are_skipped_and_named(
    photos: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = photos({"train/red": 6, "train/blue": 6, "val/red": 3, "val/blue": 3})
    (folder / "train/red/bad.jpg").write_text("<html>404</html>")
    (folder / "val/red/bad.jpg").write_bytes(b"")
    (folder / "train/notes.pdf").write_text("no image, but beside the class folders")
    (folder / "train/blue/notes.txt").write_text("no image")
    for augment in ("none", "resized-crop"):
        run = train(folder, model="lenet5_color", augment=augment, epochs=1, quiet=False)
        named = {row["path"]: row["reason"] for row in table(run.folder / "skipped.csv")}
        assert set(named) == {"train/blue/notes.txt", "train/red/bad.jpg", "val/red/bad.jpg"}
        assert named["val/red/bad.jpg"] == "empty file"
        assert run.metrics["images"] == 6
        assert run.metrics["skipped"] == 3
        assert "3 files skipped" in capsys.readouterr().err


def test_balance_weighs_rare_classes(photos: Callable[..., Path]) -> None:
    folder = photos({"train/red": 20, "train/blue": 4, "val/red": 4, "val/blue": 4})
    plain, balanced = (
        train(folder, model="lenet5_color", epochs=1, balance=balance)
        for balance in ("none", "loss")
    )
    assert not same(plain, balanced)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop"])
@pytest.mark.parametrize(
    "schedule",
    [
        "cosine",
        *(pytest.param(s, marks=pytest.mark.thorough) for s in ("constant", "step", "one-cycle")),
    ],
)
def test_every_optimizer_with_every_schedule_learns(optimizer: str, schedule: str) -> None:
    run = train(epochs=4, optimizer=optimizer, schedule=schedule, batch_size=16)
    losses = [float(row["train_loss"]) for row in run.epochs]
    assert losses[-1] < losses[0]


def test_bf16_trains_on_the_processor_too() -> None:
    run = train(precision="bf16", epochs=2)
    loss = run.epochs[-1]["train_loss"]
    assert isinstance(loss, float)
    assert 0 < loss < 3
    assert all(t.dtype == torch.float32 for t in tensors(run).values())


def test_a_users_own_network_trains_and_predicts(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "def net(): return nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(64, 10))\n"
        "class Mine(nn.Module):\n"
        "    def __init__(self, classes):\n"
        "        super().__init__()\n"
        "        self.body = net()\n"
        "    def forward(self, x): return self.body(x)\n"
    )
    name = f"{tmp_path / 'mine.py'}:Mine"
    run = train(model=name, channels=1, image_size=32)
    with pytest.raises(UsageError, match="was trained with your own network"):
        onestop.load(run.folder)
    [prediction] = onestop.predict(run.folder, digits()["train"][0][0], network=name)
    assert prediction.label in "0123456789"


@pytest.mark.thorough
def test_regression_on_vectors() -> None:
    x = np.linspace(-1, 1, 60, dtype=np.float32)
    run = onestop.train((x, 3 * x - 1), epochs=100, lr=0.1, batch_size=20, quiet=True)
    assert run.metrics["loss"] < 1e-3
    network = run.model().network.state_dict()
    assert network["weight"].item() == pytest.approx(3, abs=0.05)
    assert network["bias"].item() == pytest.approx(-1, abs=0.05)


def test_the_command_prints_the_folder_first_and_last(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--epochs", "1", "--threads", "1"]) == 0
    output = capsys.readouterr()
    folder = str(Path("runs/digits-lenet5").resolve())
    assert output.err.splitlines()[0] == f"run folder: {folder}"
    assert output.out.splitlines()[-1] == folder
    assert "test: accuracy" in output.out
    assert output.out.count("predicted") == 8


def test_json_is_the_metrics_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--epochs", "1", "--json", "--quiet", "--name", "j"]) == 0
    output = capsys.readouterr()
    assert json.loads(output.out) == json.loads(Path("runs/j/metrics.json").read_text())
    assert output.err == ""


def test_print_recipe_shows_values_origins_and_reasons(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "r.yaml").write_text("optimizer: adam\n")
    assert main(["train", "--print-recipe", "--recipe", "r.yaml", "--lr", "0.5"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert lines["optimizer"].split() == ["optimizer", "adam", "file"]
    assert lines["lr"].split() == ["lr", "0.5", "flag"]
    assert lines["seed"].split() == ["seed", "0", "default"]
    assert lines["epochs"].split()[2] == "derived"
    assert "passes over" in lines["epochs"]
    assert not Path("runs").exists()


@pytest.mark.thorough
def test_real_photographs_from_end_to_end(real_data: Path) -> None:
    run = onestop.train(real_data / "hymenoptera", model="lenet5_color", epochs=2, quiet=True)
    assert (run.folder / "skipped.csv").read_text().count("imageNotFound.gif") == 1
    assert run.metrics["images"] == 153
    assert onestop.evaluate(run.folder).metrics["accuracy"] == run.metrics["accuracy"]
    three = sorted((real_data / "hymenoptera/val/bees").glob("*.jpg"))[:3]
    said = onestop.predict(run.folder, three)
    assert {label.name for p in said for label in p.labels} == {"ants", "bees"}


@pytest.mark.slow
def test_lenet5_on_mnist_as_the_tutorial_has_it(real_data: Path) -> None:
    recipe = Path(__file__).parents[2] / "recipes" / "mnist_lenet5.yaml"
    run = onestop.train("mnist", data_root=str(real_data / "mnist"), recipe=recipe, quiet=True)
    assert run.metrics["accuracy"] >= 0.96


def test_a_run_of_another_version_is_not_gone_on_with() -> None:
    run = train(epochs=1)
    file = run.folder / "recipe.yaml"
    kept = [line for line in file.read_text().splitlines() if not line.startswith("memory_format")]
    file.write_text("\n".join(kept))
    with pytest.raises(UsageError, match="lacks memory_format, so another version of"):
        train(resume=run.folder)
