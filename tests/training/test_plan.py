"""What a plan refuses before any image is read."""

from __future__ import annotations

import numpy as np
import pytest

import onestop
from onestop.errors import UsageError
from onestop.training.plan import check_monitor


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mae", "--monitor mae: this task has accuracy, macro_f1, loss"),
        (
            "acuracy",
            "--monitor acuracy: this task has accuracy, macro_f1, loss; did you mean 'accuracy'?",
        ),
    ],
)
def test_a_metric_that_the_task_does_not_have_is_refused(name: str, message: str) -> None:
    check_monitor("macro_f1", ("accuracy", "macro_f1", "loss"))
    with pytest.raises(UsageError) as caught:
        check_monitor(name, ("accuracy", "macro_f1", "loss"))
    assert str(caught.value) == message


def test_the_metrics_are_those_of_the_data_at_hand() -> None:
    numbers = (np.arange(30, dtype=np.float32)[:, None], np.arange(30, dtype=np.float32))
    with pytest.raises(UsageError, match="--monitor accuracy: this task has rmse, mae, r2, loss"):
        onestop.train(numbers, monitor="accuracy", quiet=True)
    with pytest.raises(UsageError, match="--monitor mae: this task has accuracy"):
        onestop.train("digits", monitor="mae", quiet=True)


def test_numbers_of_images_are_watched_by_their_own_metric() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 8, 8, 1), dtype=np.uint8)
    run = onestop.train(
        (images, rng.normal(size=40).astype(np.float32)),
        model="lenet5", epochs=6, lr=0.1, ema=0, quiet=True,
    )  # fmt: skip
    losses = [float(row["val_loss"]) for row in run.epochs]
    assert run.recipe.evaluation.monitor == "rmse"
    assert run.metrics["best_epoch"] == 1 + losses.index(min(losses)) < 6, (
        "noise is only learned once"
    )
