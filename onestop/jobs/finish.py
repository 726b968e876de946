"""The end of a run: evaluate the best network once on held-out images, and write the final files."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from onestop.data.dataset import Skipped, named
from onestop.inference.predictions import predictions_of, reliability_of, write_predictions
from onestop.inference.score import Scored
from onestop.jobs.confidence import settled
from onestop.runtime.csv_files import csv_text
from onestop.runtime.files import write_atomic
from onestop.runtime.json_text import json_text
from onestop.runtime.rng import key_for, permutation
from onestop.storage.derived import withdraw_old_page
from onestop.storage.model_file import network_digest, write_model
from onestop.storage.model_header import DIGEST
from onestop.storage.run_folder import EPOCHS, METRICS, MODEL, PREDICTIONS, SKIPPED, EpochsFile
from onestop.tasks import Prediction
from onestop.text import plural
from onestop.training.setup import Session, best_weights, held_out

if TYPE_CHECKING:
    from onestop.training.line import Point

Say: TypeAlias = Callable[[str], None]
_SHOWN = 8  # held-out images whose predictions are shown at the end


def finish(
    folder: Path, session: Session, say: Say, tell: Say, inexact: list[str],
    kept: Point | None = None,
) -> list[Prediction]:  # fmt: skip
    """Evaluate the best network once on held-out images and write the final files.

    Args:
        folder: Of the run.
        session: Trained; its network becomes the best one.
        say: Takes lines for a person, about the run.
        tell: Takes lines about the network as it is now.
        inexact: Where the run was resumed with other arithmetic.
        kept: What was kept between the probe and the trained network, if there were both.

    Returns:
        A few predictions to show.
    """
    network, split = session.training.network, held_out(session)
    network.load_state_dict(best_weights(folder))
    session, validation = settled(session)
    scored = validation if split == "val" else None
    scored = scored or session.score(network, split, keep_outputs=True)
    predictions = predictions_of(session.task, session.loaders[split], scored)
    skipped = skipped_files(session)
    metrics = _metrics(folder, session, split, scored, len(skipped))
    if kept:
        metrics["fine_tuned"] = kept.share
        metrics["best_epoch"] = metrics["epochs"] if kept.share else 0
    metrics |= reliability_of(session.task, session.loaders[split], scored)
    if inexact:
        metrics["inexact_resume"] = inexact
    if collapse := session.task.collapse(predictions):
        metrics["warnings"] = [collapse]
    metrics[DIGEST] = network_digest(network.state_dict(), session.card)
    card = dataclasses.replace(session.card, metrics=metrics)
    write_model(folder / MODEL, network.state_dict(), card)
    withdraw_old_page(folder)
    write_predictions(folder / PREDICTIONS, session.task, predictions)
    rows = [{"path": file.path, "reason": file.reason} for file in skipped]
    write_atomic(folder / SKIPPED, csv_text(("path", "reason"), rows, header=True))
    # Last, since a run that has it is done: whoever sees it sees the rest too.
    write_atomic(folder / METRICS, json_text(metrics, indent=2) + "\n")
    _report_files(folder, session, skipped, say)
    if collapse:
        tell(f"warning: {collapse}")
    if validation is None:
        say(
            f"note: without validation images {session.task.unsettled}; hold some out with "
            "--val-fraction"
        )
    if split == "train":
        say("note: no images were held out; the metrics are of the training images")
    return _examples(predictions, session.recipe.machine.seed)


def skipped_files(session: Session) -> list[Skipped]:
    """The files of the source that are not used, as far as is known."""
    unreadable = (file for loader in session.loaders.values() for file in loader.skipped())
    return [*session.plan.dataset.skipped, *unreadable]


def _metrics(
    folder: Path, session: Session, split: str, scored: Scored, skipped: int
) -> dict[str, Any]:
    """What metrics.json holds."""
    rows, progress = EpochsFile.read(folder / EPOCHS), session.training.progress
    speeds = {
        name: statistics.median(values)
        for name in ("images_per_second", "waiting")
        if (values := [float(row[name]) for row in rows if row.get(name)])
    }
    return {
        "split": split,
        **scored.metrics,
        "best_epoch": progress.best_epoch,
        "epochs": progress.epoch,
        "seconds": progress.seconds,
        **speeds,
        "seed": session.recipe.machine.seed,
        "skipped": skipped,
    }


def _report_files(folder: Path, session: Session, skipped: Sequence[Skipped], say: Say) -> None:
    """Say how many images were used, which were not and why, and which were despite a problem."""
    if skipped:
        train = session.loaders["train"]
        used, there = len(train.samples) - len(train.pixels.bad), len(train.samples)
        say(
            f"trained on {used:,} of {there:,} images; {plural(len(skipped), 'file')} skipped, "
            f"see {folder / SKIPPED}: {named(skipped)}"
        )
    if remarks := [r for loader in session.loaders.values() for r in loader.remarks()]:
        say(f"note: {plural(len(remarks), 'file')} used despite a problem: {named(remarks)}")


def _examples(predictions: Sequence[Prediction], seed: int) -> list[Prediction]:
    """A few predictions to show, chosen by the run's seed."""
    chosen = permutation(key_for(seed, "shown"), len(predictions))[:_SHOWN]
    return [predictions[i] for i in chosen.tolist()]
