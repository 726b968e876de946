"""metrics.json: the final metrics of a run, read with a check of every key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from onestop.metrics.spec import EACH, Metric
from onestop.reading import MOST_JSON, parse_json, read_text
from onestop.runtime.checked import Amount, Count, Details, Share, fits, parts
from onestop.storage.model_header import DIGEST, card_in, digest_in
from onestop.storage.run_folder import METRICS, MODEL
from onestop.text import listing

FACTS: Mapping[str, Any] = {
    "split": Literal["train", "val", "test"],
    "images": Count,
    "best_epoch": Count,
    "fine_tuned": Share,
    "epochs": Count,
    "seconds": Amount,
    "images_per_second": Amount,
    "waiting": Amount,
    "seed": Count,
    "skipped": Count,
    "inexact_resume": list[str],
    "calibration": dict[str, bool | Share],
    DIGEST: str,
}
"""Its keys, besides the metrics of the task and the values of each class; others are kept unchecked."""
_NEEDED = ("split", "images")


@dataclass(frozen=True)
class FinalMetrics:
    """The final metrics of a run, as far as they can be used.

    Attributes:
        values: By name; empty if there are none yet, or if they cannot be used at all.
        problem: What is wrong with the file, in one line; empty if nothing is.
    """

    values: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


def read_metrics(folder: Path, metrics: Sequence[Metric]) -> FinalMetrics:
    """The final metrics in a run's folder; never raises.

    Those of another network than the one beside them are left out: a process may have been killed while
    it replaced the network, or somebody may have put another one there.

    Args:
        folder: Of the run.
        metrics: Those of its task.
    """
    path = folder / METRICS
    try:
        values = parse_json(read_text(path, MOST_JSON))
    except FileNotFoundError:
        return FinalMetrics()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "is not valid JSON"
        return FinalMetrics({}, f"{path}: {reason}; its metrics are left out")
    kept, wrong = checked_metrics(values, metrics)
    if not kept:
        wrong = wrong or ["everything"]
    if kept and is_of_another(values, folder / MODEL):
        return FinalMetrics(
            {}, f"{path}: of another network than {MODEL}; its metrics are left out"
        )
    problem = f"{path}: damaged in {listing(wrong, 4)}, which is left out" if wrong else ""
    return FinalMetrics(kept, problem)


def is_of_another(values: Mapping[str, Any], model: Path) -> bool:
    """Whether final metrics are of another network than the one in a model file.

    Earlier versions recorded no digest, but the same metrics in the model file. Without a file, or if
    it cannot be read, nothing is known.
    """
    digest = digest_in(model)
    if digest or DIGEST in values:
        return digest is not None and digest != values.get(DIGEST, "")
    stored = card_in(model).get("metrics")
    return isinstance(stored, dict) and stored != values


def lacking(values: Mapping[str, Any], metrics: Sequence[Metric]) -> list[str]:
    """What the final metrics of a run lack: split, images, or a metric of its task."""
    return [name for name in (*_NEEDED, *(metric.name for metric in metrics)) if name not in values]


def checked_metrics(values: Any, metrics: Sequence[Metric]) -> tuple[dict[str, Any], list[str]]:
    """The metrics of a split from their JSON, and the names of those that are damaged and left out."""
    kinds = {**FACTS, **{m.name: Share if m.percent else float for m in metrics}}
    kept, wrong = parts(values, kinds)
    odd = [name for name in kept if name.startswith(EACH) and not fits(Details, kept[name])]
    return {name: value for name, value in kept.items() if name not in odd}, [*wrong, *odd]
