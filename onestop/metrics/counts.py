"""Metrics from exact counts.

Everything is computed from the confusion matrix, since whole numbers add up over batches and
processes in any order; scikit-learn, which wants all labels at once, is what the tests compare with.

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
        confusion: [K, K], row the truth, column the prediction.
        top5: Images whose class is among the five likeliest (all, where there are five or fewer).
        loss: Sum of the cross entropy over all images.
        classes: K names.

    Returns:
        Numbers in [0, 1]; a ratio with nothing below it is 0. Macro F1 is the mean over the classes
        that have images.
    """
    images = int(confusion.sum())
    hits = np.diag(confusion).astype(np.float64)
    of_class, as_class = confusion.sum(1), confusion.sum(0)
    precision, recall = _ratio(hits, as_class), _ratio(hits, of_class)
    f1 = _ratio(2 * hits, of_class + as_class)
    present = of_class > 0
    return {
        "accuracy": float(hits.sum() / max(images, 1)),
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


def _ratio(above: NDArray[np.float64], below: NDArray[Any]) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = np.divide(above, below, out=np.zeros(len(above)), where=below > 0)
    return ratio
