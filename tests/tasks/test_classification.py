"""Telling classes apart."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from onestop.data import open_data
from onestop.errors import ModelFileError
from onestop.tasks import Classification, make_task
from onestop.tasks.classification import balancing_weights, calibration_of, matrix_of
from tests.losses import loss_of
from tests.recipes import recipe

LETTERS = ("a", "b", "c", "d", "e", "f", "g")


def test_a_network_needs_an_output_for_each_class() -> None:
    assert Classification(LETTERS).head().outputs == 7
    assert Classification(LETTERS).counted() == "7 classes"
    assert Classification(()).counted() == "", "of a run that has only begun, nobody knows them"


def test_loss_is_torchs_cross_entropy() -> None:
    outputs, targets = torch.randn(6, 7), torch.randint(0, 7, (6,))
    assert loss_of(Classification(LETTERS), outputs, targets).total == pytest.approx(
        F.cross_entropy(outputs, targets).item()
    )
    smooth = loss_of(Classification(LETTERS, label_smoothing=0.2), outputs, targets).total
    assert smooth == pytest.approx(F.cross_entropy(outputs, targets, label_smoothing=0.2).item())


def test_parts_of_a_batch_add_up_also_with_class_weights() -> None:
    task = Classification(LETTERS, class_weights=torch.rand(7))
    outputs, targets = torch.randn(6, 7), torch.randint(0, 7, (6,))
    first, second = (loss_of(task, outputs[p], targets[p]).total for p in (slice(2), slice(2, 6)))
    whole = loss_of(task, outputs, targets).total
    assert (2 * first + 4 * second).item() / 6 == pytest.approx(whole.item(), rel=1e-6)


def test_balancing_weights_have_a_mean_of_one_per_image() -> None:
    counts = np.array([90, 10, 0])
    weights = balancing_weights(counts)
    assert weights.tolist() == pytest.approx([100 / 180, 5.0, 0.0])
    assert float((weights * torch.from_numpy(counts)).sum()) == pytest.approx(100)


def test_smoothing_and_balance_come_from_the_recipe() -> None:
    data = open_data((np.zeros((4, 8, 8), np.uint8), ["a", "b", "b", "b"]), val_fraction=0)
    plain = Classification.from_recipe(recipe(), data)
    assert (plain.names, plain.label_smoothing, plain.class_weights) == (("a", "b"), 0.0, None)
    task = Classification.from_recipe(recipe(label_smoothing=0.1, balance="loss"), data)
    assert task.label_smoothing == 0.1
    assert task.class_weights is not None
    assert task.class_weights.tolist() == pytest.approx([2.0, 2 / 3])


def test_auxiliary_classifiers_count_in_training() -> None:
    outputs = namedtuple("outputs", ["logits", "aux_logits2", "aux_logits1"])
    a, b, c = torch.randn(3, 4, 7)
    targets = torch.randint(0, 7, (4,))
    wanted = F.cross_entropy(a, targets) + 0.3 * (
        F.cross_entropy(b, targets) + F.cross_entropy(c, targets)
    )
    loss = loss_of(Classification(LETTERS), outputs(a, b, c), targets)
    assert loss.total.item() == pytest.approx(wanted.item(), rel=1e-6)
    assert loss.sums == {"accuracy": (a.argmax(1) == targets).sum()}


def test_of_mixed_images_the_larger_share_counts_and_auxiliary_classifiers_too() -> None:
    outputs = namedtuple("outputs", ["logits", "aux_logits"])
    logits, auxiliary = torch.randn(2, 4, 7)
    one, other = torch.tensor([0, 1, 2, 3]), torch.tensor([1, 2, 3, 4])
    shares = 0.7 * F.one_hot(one, 7) + 0.3 * F.one_hot(other, 7)
    task, both = Classification(LETTERS), outputs(logits, auxiliary)
    wanted = 0.7 * loss_of(task, both, one).total + 0.3 * loss_of(task, both, other).total
    mixed = loss_of(task, both, shares)
    assert mixed.total.item() == pytest.approx(wanted.item(), rel=1e-6)
    assert mixed.sums == loss_of(task, both, one).sums
    assert loss_of(task, shares, shares).sums == {"accuracy": 4}


def test_batches_add_up_to_exact_counts() -> None:
    task, outputs, targets = Classification(LETTERS), torch.randn(50, 7), torch.randint(0, 7, (50,))
    meter = task.meter()
    for part in range(0, 50, 8):
        meter.update(outputs[part : part + 8], targets[part : part + 8])
    metrics = meter.compute()
    assert metrics["images"] == 50
    assert metrics["accuracy"] == (outputs.argmax(1) == targets).double().mean()
    top5 = (outputs.topk(5).indices == targets[:, None]).any(1)
    assert metrics["top5"] == top5.double().mean()
    assert metrics["loss"] == pytest.approx(F.cross_entropy(outputs, targets).item(), rel=1e-6)


def test_labels_are_names_with_probabilities_best_first() -> None:
    (found,) = Classification(("cat", "dog", "eel")).describe(
        torch.tensor([[0.0, 2.0, 1.0]]), top=2
    )
    assert [label.name for label in found.labels] == ["dog", "eel"]
    wanted = torch.tensor([0.0, 2.0, 1.0]).softmax(0)
    assert [label.score for label in found.labels] == pytest.approx(wanted[1:].tolist())
    assert (found.truth, found.loss, found.correct, found.truth_score) == (None,) * 4
    (found,) = Classification(("cat", "dog")).describe(torch.zeros(1, 2), top=5)
    assert len(found.labels) == 2


def test_beside_the_truth_predictions_are_correct_or_wrong() -> None:
    outputs, targets = torch.tensor([[0.0, 2.0], [1.0, 0.0]]), torch.tensor([1, 1])
    right, wrong = Classification(("cat", "dog")).describe(outputs, targets)
    assert (right.truth, right.correct, wrong.correct) == (("dog",), True, False)
    assert wrong.truth_score == pytest.approx(outputs[1].softmax(0)[1].item())
    losses = F.cross_entropy(outputs, targets, reduction="none")
    assert [right.loss, wrong.loss] == losses.tolist()


def test_any_class_can_be_asked_for() -> None:
    outputs = torch.tensor([[0.0, 2.0, 1.0], [3.0, 0.0, 0.0]])
    labels = Classification(("cat", "dog", "eel")).label(outputs, [2, 0])
    assert [label.name for label in labels] == ["eel", "cat"]
    shares = outputs.softmax(1)
    assert [label.score for label in labels] == [shares[0, 2].item(), shares[1, 0].item()]


def test_predictions_make_a_matrix_a_calibration_and_their_figures() -> None:
    task = Classification(("cat", "dog"))
    found = task.describe(torch.tensor([[0.0, 2.0], [1.0, 0.0]]), torch.tensor([1, 1]))
    assert matrix_of(found, task.names).tolist() == [[0, 0], [1, 1]]
    assert calibration_of(found).counts.sum() == 2
    assert list(task.figures()) == ["confusion", "calibration"]
    assert all(isinstance(draw(found), Figure) for draw in task.figures().values())


# --- calibration ---


def overconfident(images: int = 400) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(0, 7, (images,), generator=generator)
    outputs = torch.randn(images, 7, generator=generator)
    outputs[torch.arange(images), targets] += 2
    return 6 * outputs, targets


def test_a_temperature_lowers_loss_and_calibration_error_and_changes_no_label() -> None:
    outputs, targets = overconfident()
    raw = Classification(LETTERS)
    settled = raw.settle(outputs, targets)
    assert settled.temperature > 1.5
    assert settled.options() == {"temperature": settled.temperature}
    described = [task.describe(outputs, targets, top=7) for task in (raw, settled)]
    for plain, calibrated in zip(*described, strict=True):
        assert [label.name for label in plain.labels] == [label.name for label in calibrated.labels]
        assert calibrated.correct == plain.correct
        assert calibrated.score < plain.score or plain.score == calibrated.score == 1
    before, after = (metrics_in(task, outputs, targets) for task in (raw, settled))
    assert after["loss"] < before["loss"]
    assert (after["accuracy"], after["top5"]) == (before["accuracy"], before["top5"])
    values = settled.reliability(outputs, targets)
    assert values["error"] < values["raw_error"]
    assert raw.reliability(outputs, targets)["error"] == values["raw_error"]
    assert settled.uncalibrated().temperature == 1


def metrics_in(
    task: Classification, outputs: torch.Tensor, targets: torch.Tensor
) -> dict[str, float]:
    meter = task.meter()
    meter.update(outputs, targets)
    return meter.compute()


def test_loss_scores_and_metrics_use_the_same_temperature() -> None:
    outputs, targets = overconfident(50)
    task = Classification(LETTERS, temperature=3.0)
    described = task.describe(outputs, targets)
    mean = sum(p.loss or 0 for p in described) / len(described)
    assert metrics_in(task, outputs, targets)["loss"] == pytest.approx(mean, rel=1e-5)
    assert described[0].score == pytest.approx(float((outputs[0] / 3).softmax(0).max()))
    label = task.label(outputs, [0] * 50)[0]
    assert label.score == pytest.approx(float((outputs[0] / 3).softmax(0)[0]))
    assert (
        loss_of(task, outputs, targets).total
        == loss_of(Classification(LETTERS), outputs, targets).total
    ), "training does not know it"


def test_classes_keep_their_rank_where_a_temperature_rounds_them_to_equals() -> None:
    close = torch.tensor([[1.0, float(np.nextafter(np.float32(1), np.float32(2))), 0.0]])
    for temperature in (0.3, 3.0, 17.0):
        names = Classification(("a", "b", "c"), temperature=temperature).describe(close, top=2)[0]
        assert [label.name for label in names.labels] == ["b", "a"]


def test_certainty_is_the_margin_of_the_outputs_whatever_the_temperature() -> None:
    outputs = torch.tensor([[1.0, 3.0, 2.5], [0.0, 0.0, 0.0]])
    for task in (Classification("abc"), Classification("abc", temperature=4.0)):
        assert task.certainty(outputs).tolist() == [0.5, 0.0]
    assert Classification("a").certainty(outputs[:, :1]).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf"), "warm", [1.0]])
def test_other_temperatures_are_refused(temperature: object) -> None:
    with pytest.raises(ModelFileError, match="temperature cannot be set of its task"):
        make_task("classification", LETTERS, {"temperature": temperature})
