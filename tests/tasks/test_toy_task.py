"""A task that nothing but this file knows: all that it declares arrives wherever a run is shown."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import onestop
from onestop.data.batch import Batch
from onestop.data.targets import Classes
from onestop.errors import DataError, ModelFileError, UsageError
from onestop.metrics import Metrics
from onestop.metrics.spec import LOSS, Metric
from onestop.storage.container import unpacked
from onestop.storage.model_file import read_card
from onestop.storage.run_folder import MODEL, PREDICTIONS, STATE
from onestop.tasks import TASKS, Label, Prediction, Task
from onestop.tasks.meter import Meter
from onestop.tasks.task import Head, Loss, Network
from onestop.training.loop import fit
from onestop.training.records import EpochRecord, StepRecord

SETTLED = 0.375


class Toy(Task[Tensor]):
    """Any number of labels per image: those whose probability is over a threshold."""

    name = "toy"
    metrics: tuple[Metric, ...] = (
        Metric("zzz", "the zzz", percent=True, training=True),
        LOSS,
    )

    def __init__(self, names: Sequence[str], *, threshold: float = 0.5) -> None:
        super().__init__(names)
        self.threshold = threshold

    def head(self) -> Head:
        return Head(len(self.names))

    def loss(self, network: Network, batch: Batch) -> Loss:
        outputs: Tensor = network(batch.inputs).float()
        truth = F.one_hot(batch.targets, len(self.names)).float()
        return Loss(F.binary_cross_entropy_with_logits(outputs, truth), {"zzz": _zzz(outputs)})

    def meter(self) -> ToyMeter:
        return ToyMeter()

    def describe(
        self,
        outputs: Tensor,
        targets: Tensor | None = None,
        top: int = 1,
    ) -> list[Prediction]:
        found = []
        for place, row in enumerate(outputs.sigmoid().tolist()):
            over = [(score, k) for k, score in enumerate(row) if score >= self.threshold]
            labels = tuple(Label(self.names[k], score) for score, k in sorted(over, reverse=True))
            truth = None if targets is None else (self.names[int(targets[place])],)
            found.append(Prediction("", labels, truth))
        return found

    def options(self) -> dict[str, Any]:
        return {"threshold": self.threshold}

    def settle(self, outputs: Tensor, targets: Tensor) -> Self:
        assert len(outputs) == len(targets) > 0
        return type(self)(self.names, threshold=SETTLED)

    def counted(self) -> str:
        return f"{len(self.names)} toys"

    def columns(self) -> tuple[str, ...]:
        return "image", "truth", *self.names

    def to_row(self, prediction: Prediction) -> dict[str, object]:
        scores = {label.name: label.score for label in prediction.labels}
        return {
            "image": prediction.image, "truth": prediction.truth_text,
            **{name: scores.get(name, "") for name in self.names},
        }  # fmt: skip

    def from_row(self, row: Mapping[str, str]) -> Prediction:
        labels = [Label(name, float(row[name])) for name in self.names if row[name]]
        labels.sort(key=lambda label: -label.score)
        return Prediction(row["image"], tuple(labels), (row["truth"],))


class ToyMeter(Meter[Tensor]):
    """Keeps all outputs, as average precision has to."""

    def __init__(self) -> None:
        self._outputs: list[Tensor] = []

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        assert len(outputs) == len(targets)
        self._outputs.append(outputs.cpu())

    def merge(self, other: Self) -> None:
        self._outputs += other._outputs

    def compute(self) -> Metrics:
        outputs = torch.cat(self._outputs)
        zzz = float(_zzz(outputs)) / len(outputs)
        return {"zzz": zzz, "loss": 1 - zzz, "images": len(outputs)}


def _zzz(outputs: Tensor) -> Tensor:
    """The sum over some images of the probability of their likeliest label."""
    return outputs.sigmoid().amax(1).sum()


@pytest.fixture
def _toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The task, registered, and all data for it."""
    monkeypatch.setitem(TASKS, "toy", Toy)
    monkeypatch.setattr(Classes, "task", "toy")


@pytest.fixture
def train(
    photos: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, _toy: None
) -> Callable[..., onestop.Run]:
    source = photos({"red": 12, "green": 12, "blue": 12})
    monkeypatch.setenv("ONESTOP_REPORT", "1")

    def train(**settings: Any) -> onestop.Run:
        small: dict[str, Any] = {
            "model": "lenet5_color",
            "image_size": 32,
            "epochs": 2,
            "batch_size": 8,
        }
        return onestop.train(source, quiet=True, **small, **settings)

    return train


def test_its_metric_is_in_the_records_of_the_loop(
    train: Callable[..., onestop.Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    records: list[StepRecord | EpochRecord] = []

    def watched(*arguments: Any) -> Iterator[StepRecord | EpochRecord]:
        for record in fit(*arguments):
            records.append(record)
            yield record

    monkeypatch.setattr("onestop.jobs.run.fit", watched)
    run = train(val_fraction=0.25)
    epochs = [record for record in records if isinstance(record, EpochRecord)]
    assert all(0 < record.row[name] < 1 for record in epochs for name in ("train_zzz", "val_zzz"))
    best = max(epochs, key=lambda record: record.row["val_zzz"])
    assert run.metrics["best_epoch"] == best.epoch, "the first metric is monitored"
    assert run.metrics["zzz"] == pytest.approx(best.row["val_zzz"])
    steps = [record for record in records if isinstance(record, StepRecord)]
    assert all(0 < record.train_metrics["zzz"] < 1 for record in steps)


def test_its_metric_is_in_the_files_of_a_run(train: Callable[..., onestop.Run]) -> None:
    run = train()
    card = read_card(run.folder / MODEL)
    assert run.metrics["zzz"] == card.metrics["zzz"]
    assert (card.task, card.task_options) == ("toy", {"threshold": SETTLED})
    assert run.recipe.evaluation.monitor == "zzz"
    page = (run.folder / "report.html").read_text()
    assert f"reaches the zzz {run.metrics['zzz']:.2%} on 3 held-out validation images" in page
    assert "3 toys, 33 training images" in page
    assert "the zzz" in page.partition('id="metrics"')[2], "its table"


@pytest.mark.thorough
def test_its_sums_are_in_the_state_in_64_bits(train: Callable[..., onestop.Run]) -> None:
    run = train()
    state = max((run.folder / STATE).iterdir())
    tensors = unpacked(state).tensors
    assert [name for name in tensors if name.startswith("progress/")] == [
        "progress/loss_sum", "progress/zzz",
    ]  # fmt: skip
    assert tensors["progress/zzz"].dtype == torch.float64
    longer = onestop.train(resume=run.folder, epochs=4, quiet=True)
    assert 0 < longer.metrics["zzz"] < 1


def test_its_predictions_are_its_own(train: Callable[..., onestop.Run]) -> None:
    run = train()
    with (run.folder / PREDICTIONS).open(newline="") as file:
        assert next(csv.reader(file)) == ["image", "truth", "blue", "green", "red"]
    scores = [label.score for prediction in run.predictions for label in prediction.labels]
    assert all(score >= SETTLED for score in scores)
    evaluation = onestop.evaluate(run.folder)
    assert evaluation.metrics["zzz"] == run.metrics["zzz"]
    assert [p.truth for p in evaluation.predictions] == [p.truth for p in run.predictions]
    assert "<svg" not in evaluation._repr_html_()
    with pytest.raises(UsageError, match=r"available: curves, time$"):
        run.figure("confusion")


def test_a_loaded_model_predicts_with_what_was_settled(train: Callable[..., onestop.Run]) -> None:
    run = train()
    model = onestop.load(run.folder)
    assert isinstance(model.task, Toy)
    assert model.task.threshold == SETTLED
    (found,) = onestop.predict(model, next(Path("photos").rglob("*.jpg")), top=1)
    assert all(label.score >= SETTLED for label in found.labels)
    with pytest.raises(UsageError, match="of the task 'toy' cannot be explained"):
        onestop.explain(model, next(Path("photos").rglob("*.jpg")))


@pytest.mark.thorough
def test_runs_are_compared_without_a_test_for_right_and_wrong(
    train: Callable[..., onestop.Run],
) -> None:
    first, second = train(), train(name="second", seed=0, lr=0.001)
    report = onestop.report([first.folder, second.folder])
    assert "their predictions are not simply right or wrong" in report.said[0]
    page = report.file.read_text()
    assert f"the zzz {first.metrics['zzz']:.2%}" in page


def test_data_for_another_task_are_refused(
    train: Callable[..., onestop.Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train()
    monkeypatch.setattr(Classes, "task", "classification")
    with pytest.raises(DataError, match="are for classification, the model is for toy"):
        onestop.evaluate(run.folder, data="photos")


def test_without_the_task_a_model_is_refused_in_one_line(
    train: Callable[..., onestop.Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train()
    monkeypatch.delitem(TASKS, "toy")
    with pytest.raises(
        ModelFileError, match="its task 'toy' is not known to this version"
    ) as caught:
        onestop.load(run.folder)
    assert str(caught.value).startswith(str(run.folder / MODEL))
    assert onestop.info(run.folder).facts["network"] == "lenet5_color"
