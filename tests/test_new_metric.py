"""A metric of a new task shows wherever metrics are shown; nothing outside the task names it."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
import torch.nn.functional as F
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

import onestop
from onestop.cli import main
from onestop.data.dataset import Dataset
from onestop.display.printing import show
from onestop.metrics import Metrics
from onestop.metrics.spec import LOSS, Metric
from onestop.reporting import write_comparison, write_report
from onestop.reporting.gather import gather
from onestop.tasks import TASKS, Label, Prediction
from onestop.tasks.meter import Meter
from onestop.tasks.task import Head, Loss, Network, Task
from tests.reporting.html import Page

TITLE = "the title of zzz"
ZZZ = Metric("zzz", TITLE, higher=False, training=True)
SHARE = Metric("share", "a share", percent=True)
SMALL: dict[str, Any] = {
    "model": "cnn1", "image_size": 8, "batch_size": 324, "schedule": "constant", "threads": 1,
    "monitor": "loss",
}  # fmt: skip

Capture = pytest.CaptureFixture[str]


class ToyMeter(Meter[Tensor]):
    """Counts wrong images."""

    def __init__(self) -> None:
        self.images, self.wrong, self.loss = 0, 0, 0.0

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        self.images += len(targets)
        self.wrong += int(_wrong(outputs, targets))
        self.loss += float(F.cross_entropy(outputs, targets, reduction="sum"))

    def merge(self, other: Self) -> None:
        self.images += other.images
        self.wrong += other.wrong
        self.loss += other.loss

    def compute(self) -> Metrics:
        share = self.wrong / self.images
        values = {"zzz": 1000 * share, "share": share, "loss": self.loss / self.images}
        return {**values, "images": self.images}


class Toy(Task[Tensor]):
    """Tells classes apart, and counts mistakes in a thousand."""

    name = "toy"
    metrics: tuple[Metric, ...] = (ZZZ, SHARE, LOSS)

    def head(self) -> Head:
        return Head(len(self.names))

    def loss(self, network: Network, batch: Any) -> Loss:
        outputs = network(batch.inputs)
        wrong = 1000.0 * _wrong(outputs, batch.targets)
        return Loss(F.cross_entropy(outputs.float(), batch.targets), {"zzz": wrong})

    def meter(self) -> ToyMeter:
        return ToyMeter()

    def describe(self, outputs: Tensor, targets: Any = None, top: int = 1) -> list[Prediction]:
        names = [self.names[k] for k in outputs.argmax(1).tolist()]
        truths = [None] * len(names) if targets is None else targets.tolist()
        return [
            Prediction("", (Label(name, 1.0),), truth=None if k is None else (self.names[k],), loss=1.0)
            for name, k in zip(names, truths, strict=True)
        ]  # fmt: skip


class Forgetful(Toy):
    """Measures more than it declares."""

    name = "forgetful"
    metrics = (LOSS,)


def _wrong(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs.argmax(1) != targets).sum()


@dataclass(frozen=True)
class Trained:
    folder: Path
    runs: dict[str, onestop.Run]
    err: str


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """Three runs of a task that nobody else knows, and one of a built-in task."""
    folder, err = tmp_path_factory.mktemp("toys"), io.StringIO()
    given: dict[str, Any] = {**SMALL, "out": folder}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TASKS, Toy.name, Toy)
        patch.setitem(TASKS, Forgetful.name, Forgetful)
        runs = {"other": onestop.train("digits", name="other", epochs=1, quiet=True, **given)}
        patch.setattr(Dataset, "task", property(lambda _: Toy.name))
        with contextlib.redirect_stderr(err):
            for name, more in (("a", {"epochs": 3, "track": "tensorboard"}), ("b", {"epochs": 1})):
                runs[name] = onestop.train("digits", name=name, **given, **more)
        runs["c"] = onestop.train("digits", name="c", epochs=2, lr=0.1, quiet=True, **given)
        yield Trained(folder, runs, err.getvalue())


def rows_of(run: onestop.Run) -> list[dict[str, str]]:
    with (run.folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_it_is_in_the_files_of_the_run(trained: Trained) -> None:
    run = trained.runs["a"]
    rows = rows_of(run)
    assert list(rows[0]) == [
        "epoch", "step", "seconds", "lr", "train_loss", "train_zzz", "val_loss", "val_zzz",
        "val_share", "images_per_second", "waiting", "scoring",
    ]  # fmt: skip
    assert all(0 < float(row["train_zzz"]) < 1000 for row in rows)
    assert all(float(row["val_zzz"]) == 1000 * float(row["val_share"]) for row in rows)
    metrics = json.loads((run.folder / "metrics.json").read_text())
    assert metrics["zzz"] == 1000 * metrics["share"]
    assert (run.info.task, run.info.metrics) == ("toy", (ZZZ, SHARE, LOSS))


def test_it_is_in_the_progress_line(trained: Trained) -> None:
    lines = [line for line in trained.err.splitlines() if line.startswith("epoch ")]
    row = rows_of(trained.runs["a"])[0]
    assert lines[0].startswith(
        f"epoch 1/3 loss {float(row['train_loss']):.4f} {TITLE} {float(row['train_zzz']):.4g} "
        f"| val loss {float(row['val_loss']):.4f} {TITLE} {float(row['val_zzz']):.4g} | "
    )
    assert len(lines) == 4


def test_it_is_printed_at_the_end_and_by_evaluate(trained: Trained, capsys: Capture) -> None:
    run = trained.runs["a"]
    m = run.metrics
    line = f"{TITLE} {m['zzz']:.4g}, a share {m['share']:.2%}, loss {m['loss']:.4g} on 359 samples"
    show(run)
    assert f"test: {line}" in capsys.readouterr().out.splitlines()
    show(onestop.evaluate(run.folder))
    assert f"digits (test): {line}" in capsys.readouterr().out.splitlines()


def test_trackers_get_it(trained: Trained) -> None:
    run = trained.runs["a"]
    events = EventAccumulator(str(run.folder / "tensorboard"), {"scalars": 0}).Reload()
    for name in ("train/zzz", "val/zzz", "val/share"):
        wanted = [float(row[name.replace("/", "_")]) for row in rows_of(run)]
        assert [event.value for event in events.Scalars(name)] == pytest.approx(wanted), name
    assert events.Scalars("final/zzz")[0].value == pytest.approx(run.metrics["zzz"])


def test_runs_are_listed_and_sorted_by_it(trained: Trained, capsys: Capture) -> None:
    toys = sorted("abc", key=lambda name: trained.runs[name].metrics["zzz"])
    assert len({trained.runs[name].metrics["zzz"] for name in toys}) == 3
    assert main(["runs", str(trained.folder), "--sort", "zzz"]) == 0
    lines = capsys.readouterr().out.splitlines()[3:7]
    assert [line.split()[0] for line in lines] == [*toys, "other"]
    best = trained.runs[toys[0]].metrics["zzz"]
    assert f" zzz {best:.4g} (test) " in lines[0]
    assert [row.name for row in onestop.runs(trained.folder, sort="share")][:3] == toys[::-1]
    assert onestop.runs(trained.folder, sort="accuracy", top=1)[0].name == "other"


def test_a_notebook_shows_it(trained: Trained) -> None:
    run = trained.runs["a"]
    html = run._repr_html_()
    assert f"{TITLE}</th>" in html
    assert f">{run.metrics['zzz']:.4g}</td>" in html
    assert html.count("<svg") == 1
    assert f"{TITLE}</th>" in onestop.evaluate(run.folder)._repr_html_()


def test_curves_have_a_panel_of_it(trained: Trained) -> None:
    axes = trained.runs["a"].figure("curves").axes
    assert [one.get_title(loc="left") for one in axes] == ["loss", TITLE, "learning rate"]
    rows = rows_of(trained.runs["a"])
    for label, column in (("training", "train_zzz"), ("validation", "val_zzz")):
        (line,) = [one for one in axes[1].lines if one.get_label() == label]
        assert np.asarray(line.get_ydata()).tolist() == [float(row[column]) for row in rows]


def test_pages_have_it(trained: Trained, tmp_path: Path) -> None:
    found = [gather(trained.runs[name].folder) for name in "ab"]
    for path in (
        write_report(found[0], tmp_path / "a.html"),
        write_comparison(found, tmp_path / "both.html"),
    ):
        labels = [tag["aria-label"] or "" for tag in Page(path).of("div") if "aria-label" in tag]
        assert any("zzz" in label for label in labels)


def test_what_is_measured_and_not_declared_is_an_error(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Dataset, "task", property(lambda _: Forgetful.name))
    with pytest.raises(ValueError, match="no column val_zzz, val_share: a task must declare"):
        onestop.train("digits", epochs=1, quiet=True, **SMALL)
