"""What all tasks have in common."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from onestop.errors import UsageError
from onestop.tasks import TASKS, Classification, Prediction, Regression, Task
from onestop.tasks.meter import in_order
from onestop.tasks.task import COLUMNS, Head, named

TENTHS = [0.1] * 10 + [1e16, 1.0, -1e16]


def test_values_are_added_one_after_the_other() -> None:
    total = torch.zeros((), dtype=torch.float64)
    for value in TENTHS:
        total += value
    assert in_order(TENTHS) == total.item()
    assert in_order([]) == 0.0


def a_split(task: Task[Any], count: int = 37) -> tuple[Tensor, Tensor]:
    """Outputs [N, K] and targets [N] for a task, of any size."""
    torch.manual_seed(0)
    outputs = 3 * torch.randn(count, task.head().outputs) ** 3
    if task.names:
        return outputs, torch.randint(0, len(task.names), (count,))
    return outputs, torch.randn(count) / 7


@pytest.mark.parametrize("task", [Classification("abcdefg"), Regression()], ids=lambda t: t.name)
@pytest.mark.parametrize("cut", [0, 1, 3, 5])
def test_meters_merged_give_exactly_what_one_meter_gives(task: Task[Any], cut: int) -> None:
    outputs, targets = a_split(task)
    batches = [(outputs[i : i + 8], targets[i : i + 8]) for i in range(0, len(outputs), 8)]
    whole, first, second = task.meter(), task.meter(), task.meter()
    for number, batch in enumerate(batches):
        whole.update(*batch)
        (first if number < cut else second).update(*batch)
    first.merge(second)
    assert first.compute() == whole.compute()
    assert whole.compute()["images"] == 37


@pytest.mark.parametrize("task", [Classification("ab"), Regression()], ids=lambda t: t.name)
def test_a_meter_gives_what_the_task_declares(task: Task[Any]) -> None:
    meter = task.meter()
    assert {metric.name for metric in task.metrics} <= meter.compute().keys()
    meter.update(*a_split(task))
    assert {metric.name for metric in task.metrics} <= meter.compute().keys()


@pytest.mark.parametrize("task", [Classification("ab"), Regression()], ids=lambda t: t.name)
def test_a_task_can_be_built_again_from_names_and_options(task: Task[Any]) -> None:
    again = TASKS[task.name](task.names, **task.options())
    assert (again.names, again.head()) == (task.names, task.head())


def test_evaluation_runs_the_network_and_gives_32_bits() -> None:
    outputs = Classification("ab").predict(lambda x: (2 * x).bfloat16(), torch.ones(1, 2))
    assert outputs.dtype == torch.float32
    assert outputs.tolist() == [[2.0, 2.0]]


def test_predictions_get_the_names_of_their_images() -> None:
    found = named(Regression().describe(torch.tensor([[1.0], [2.0]])), ["a", "b"])
    assert [(p.image, p.label) for p in found] == [("a", "1"), ("b", "2")]


class Bare(Task[Tensor]):
    """What is left if a task says no more than it must."""

    name, metrics = "bare", ()

    def head(self) -> Head:
        return Head(1)

    def loss(self, network: Any, batch: Any) -> Any: ...
    def meter(self) -> Any: ...

    def describe(self, outputs: Tensor, targets: Any = None, top: int = 1) -> list[Prediction]:
        return []


def test_hooks_have_defaults() -> None:
    task = Bare()
    assert (task.options(), task.counted(), task.figures(), task.columns()) == ({}, "", {}, COLUMNS)
    assert task.settle(torch.zeros(1, 1), None) is task
    with pytest.raises(UsageError, match="of the task 'bare' cannot be explained"):
        task.label(torch.zeros(1, 1), [0])


def test_rows_of_predictions_come_back(tmp_path: Any) -> None:
    labels = Classification(("ant", "bee")).describe(torch.randn(5, 2), torch.zeros(5).long(), 2)
    numbers = Regression().describe(torch.randn(5, 1), torch.randn(5))
    for task, predictions in ((Classification(("ant", "bee")), labels), (Regression(), numbers)):
        for prediction in predictions:
            row = task.to_row(prediction)
            assert tuple(row) == task.columns()
            again = task.from_row({key: str(value) for key, value in row.items()})
            assert task.to_row(again) == row
            assert [label.number for label in again.labels] == [
                label.number for label in prediction.labels
            ]
            assert again.score == pytest.approx(prediction.score, rel=1e-5)
