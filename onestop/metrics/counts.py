"""Metrics from exact counts.

Everything is computed from the confusion matrix, since integers add up over batches and processes in
any order. The tests compare with scikit-learn, which needs all labels at once.

Legend: K classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from onestop.metrics.spec import Metrics


def classification_metrics(
    confusion: NDArray[np.int64], top5: int, loss: float, classes: tuple[str, ...]
) -> Metrics:
    """Accuracy, top-5 accuracy, loss, macro F1, and precision, recall and F1 of each class.

    Args:
        confusion: [K, K]; rows are the truth, columns the prediction.
        top5: Images whose class is among the five most likely (or fewer, if K is less than 5).
        loss: Sum of the cross entropy over all images.
        classes: K names.

    Returns:
        Values in [0, 1]; a ratio with denominator 0 is 0. Macro F1 is the mean over the classes that
        have images.
    """
    images = int(confusion.sum())
    correct = np.diag(confusion).astype(np.float64)
    of_class, as_class = confusion.sum(1), confusion.sum(0)
    precision, recall = _ratio(correct, as_class), _ratio(correct, of_class)
    f1 = _ratio(2 * correct, of_class + as_class)
    present = of_class > 0
    return {
        "accuracy": float(correct.sum() / max(images, 1)),
        "top5": top5 / max(images, 1),
        "loss": loss / max(images, 1),
        "macro_f1": float(f1[present].mean()) if present.any() else 0.0,
        "images": images,
        "per_class": {
            name: {
                "images": int(of_class[k]),
                "precision": float(precision[k]),
                "recall": float(recall[k]),
                "f1": float(f1[k]),
            }
            for k, name in enumerate(classes)
        },
    }


def regression_metrics(
    images: int, squared: float, absolute: float, total: float, total_squared: float
) -> Metrics:
    """Mean squared error (as `loss`), its root, mean absolute error, and R squared.

    Args:
        images: Number of samples.
        squared: Sum of squared errors.
        absolute: Sum of absolute errors.
        total: Sum of the targets.
        total_squared: Sum of the squared targets.
    """
    count = max(images, 1)
    spread = total_squared - total**2 / count
    return {
        "loss": squared / count,
        "rmse": (squared / count) ** 0.5,
        "mae": absolute / count,
        "r2": 1 - squared / spread if spread > 0 else 0.0,
        "images": images,
    }


def _ratio(numerator: NDArray[np.float64], denominator: NDArray[Any]) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = np.divide(
        numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0
    )
    return ratio
