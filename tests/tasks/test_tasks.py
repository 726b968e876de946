from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from onestop.tasks import Classification, Regression, task_for
from onestop.tasks.classification import balancing_weights
from tests.losses import loss_of

LETTERS = ("a", "b", "c", "d", "e", "f", "g")


def test_class_names_make_it_classification() -> None:
    assert isinstance(task_for(["a", "b"]), Classification)
    assert isinstance(task_for([]), Regression)


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
    parts = (
        loss_of(task, outputs[:2], targets[:2]).total * 2
        + loss_of(task, outputs[2:], targets[2:]).total * 4
    )
    assert parts.item() / 6 == pytest.approx(loss_of(task, outputs, targets).total.item(), rel=1e-6)


def test_balancing_weights_have_a_mean_of_one_image() -> None:
    counts = np.array([90, 10, 0])
    weights = balancing_weights(counts)
    assert weights.tolist() == pytest.approx([100 / 180, 5.0, 0.0])
    assert float((weights * torch.from_numpy(counts)).sum()) == pytest.approx(100)


def test_auxiliary_classifiers_count_in_training() -> None:
    outputs = namedtuple("outputs", ["logits", "aux_logits2", "aux_logits1"])
    a, b, c = torch.randn(3, 4, 7)
    targets = torch.randint(0, 7, (4,))
    wanted = F.cross_entropy(a, targets) + 0.3 * (
        F.cross_entropy(b, targets) + F.cross_entropy(c, targets)
    )
    task = Classification(LETTERS)
    assert loss_of(task, outputs(a, b, c), targets).total.item() == pytest.approx(
        wanted.item(), rel=1e-6
    )
    assert (
        loss_of(task, outputs(a, b, c), targets).sums["accuracy"] == (a.argmax(1) == targets).sum()
    )


def test_of_mixed_images_the_larger_share_is_a_hit_and_auxiliary_classifiers_count() -> None:
    outputs = namedtuple("outputs", ["logits", "aux_logits"])
    logits, auxiliary = torch.randn(2, 4, 7)
    one, other = torch.tensor([0, 1, 2, 3]), torch.tensor([1, 2, 3, 4])
    shares = 0.7 * F.one_hot(one, 7) + 0.3 * F.one_hot(other, 7)
    task, both = Classification(LETTERS), outputs(logits, auxiliary)
    wanted = 0.7 * loss_of(task, both, one).total + 0.3 * loss_of(task, both, other).total
    assert loss_of(task, both, shares).total.item() == pytest.approx(wanted.item(), rel=1e-6)
    assert loss_of(task, both, shares).sums["accuracy"] == loss_of(task, both, one).sums["accuracy"]
    assert loss_of(task, shares, shares).sums["accuracy"] == 4


def test_scores_of_batches_add_up_to_exact_counts() -> None:
    task, outputs, targets = Classification(LETTERS), torch.randn(50, 7), torch.randint(0, 7, (50,))
    sums = task.empty()
    for part in range(0, 50, 8):
        task.score(sums, outputs[part : part + 8], targets[part : part + 8])
    figures = task.metrics_of(sums)
    assert figures["images"] == 50
    assert figures["accuracy"] == (outputs.argmax(1) == targets).double().mean()
    top5 = (outputs.topk(5).indices == targets[:, None]).any(1)
    assert figures["top5"] == top5.double().mean()
    assert figures["loss"] == pytest.approx(F.cross_entropy(outputs, targets).item(), rel=1e-6)


def test_decode_gives_names_and_probabilities_best_first() -> None:
    guesses = Classification(("cat", "dog", "eel")).decode(torch.tensor([[0.0, 2.0, 1.0]]), 2)
    assert [g.label for g in guesses[0]] == ["dog", "eel"]
    wanted = torch.tensor([0.0, 2.0, 1.0]).softmax(0)
    assert [g.score for g in guesses[0]] == pytest.approx([wanted[1].item(), wanted[2].item()])
    assert len(Classification(("cat", "dog")).decode(torch.zeros(1, 2), 5)[0]) == 2


def test_regression_figures_and_words() -> None:
    task = Regression()
    outputs, targets = torch.tensor([[1.0], [3.0]]), torch.tensor([2.0, 3.0])
    sums = task.empty()
    task.score(sums, outputs, targets)
    figures = task.metrics_of(sums)
    assert (figures["loss"], figures["mae"], figures["images"]) == (0.5, 0.5, 2)
    assert loss_of(task, outputs, targets).total.item() == 0.5
    assert task.decode(outputs, 3)[1][0].label == "3"


def test_pictures_are_figures_with_a_panel_an_image() -> None:
    images = [np.zeros((5, 6, 3), np.uint8), np.zeros((5, 6, 1), np.uint8)]
    figure = Classification(("a_1", "$b")).draw(images, [0, 1], torch.tensor([[2.0, 0], [2.0, 0]]))
    assert isinstance(figure, Figure)
    assert [axes.get_title() for axes in figure.axes] == ["a_1 88%", "a_1 88%\n(is $b)"]


def test_a_fitted_line_is_drawn_through_points() -> None:
    x = [np.array([value], np.float32) for value in (3.0, 1.0, 2.0)]
    figure = Regression().draw(x, [3.0, 1.0, 2.0], torch.tensor([[3.0], [1.0], [2.0]]))
    line = figure.axes[0].lines[0]
    assert np.asarray(line.get_xdata()).tolist() == [1.0, 2.0, 3.0]
