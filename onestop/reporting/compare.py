"""The comparison of several runs: what differs, by how much, and whether it is significant."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from onestop.data.sources.python import NAME
from onestop.figures.curves import compared
from onestop.metrics.intervals import Paired, paired
from onestop.metrics.spec import LOSS
from onestop.recipe.schema import FIELDS
from onestop.reporting.blocks import Block, Gallery, Section, Share, Table, Text, Tone, plot
from onestop.reporting.images import pictures_of, prediction_table
from onestop.reporting.run_data import RunData
from onestop.reporting.summary import network_of, source_of
from onestop.tasks import Prediction
from onestop.text import duration, named_split, plural

_FLIPPED = 12  # pictures of flipped predictions, in each direction
_CLASSES = 20  # rows of classes that are shown expanded
_SIGNIFICANCE = 0.05
_OTHER_DATA = " Their data differ; images with the same name and class are assumed to be the same."


@dataclass(frozen=True)
class Pair:
    """Two runs on the images that both were scored on.

    Attributes:
        first: The run that all others are compared with.
        second: The other run.
        flipped: The second's predictions that are correct when the first's are wrong, and the other
            way round.
        paired: The result of McNemar's test; None if they share no images, or if predictions of
            their task are not simply right or wrong.
        lost: Number of images that only one of them was scored on.
        shared: Number of images that both were scored on.
    """

    first: RunData
    second: RunData
    flipped: tuple[list[Prediction], list[Prediction]]
    paired: Paired | None
    lost: int
    shared: int = 0


def pair(first: RunData, second: RunData) -> Pair:
    """Compare a run with another, image by image."""
    known = {(p.image, p.truth): p for p in first.predictions}
    shared = [p for p in second.predictions if (p.image, p.truth) in known]
    both = [(known[p.image, p.truth], p) for p in shared]
    lost = len(first.predictions) + len(second.predictions)
    if not both or first.split != second.split or not _names_match(first, second):
        return Pair(first, second, ([], []), None, lost)
    lost -= 2 * len(both)
    if any(p.correct is None for pair in both for p in pair):
        return Pair(first, second, ([], []), None, lost, len(both))
    right = [_right([pair[side] for pair in both]) for side in (0, 1)]
    better = [p for (_, p), a, b in zip(both, *right, strict=True) if b and not a]
    worse = [p for (_, p), a, b in zip(both, *right, strict=True) if a and not b]
    return Pair(first, second, (better, worse), paired(*right), lost, len(both))


def _names_match(first: RunData, second: RunData) -> bool:
    """Whether equal names mean the same image in the data of both runs.

    Paths do; numbers (`#7`) only do within one source, or if all names and truths are equal.
    """
    truths = [{p.image: p.truth for p in run.predictions} for run in (first, second)]
    by_number = any(name.startswith("#") for by_name in truths for name in by_name)
    same_source = first.recipe.data.source == second.recipe.data.source != NAME
    return not by_number or same_source or truths[0] == truths[1]


def _same_data(first: RunData, second: RunData) -> bool:
    """Whether the data are the same, as far as known; another seed splits a source differently."""
    recipes = (first.recipe, second.recipe)
    splits = [(r.data.source, r.machine.seed, r.data.val_fraction) for r in recipes]
    if splits[0] != splits[1]:
        return splits[0][0] == splits[1][0]
    prints = [run.card.data.get("fingerprint") if run.card else None for run in (first, second)]
    return prints[0] == prints[1]


def _right(predictions: Sequence[Prediction]) -> NDArray[np.bool_]:
    return np.array([bool(prediction.correct) for prediction in predictions])


def comparison(runs: Sequence[RunData]) -> list[Section]:
    """The sections of the page; the others are compared with the first run."""
    runs = told_apart(runs)
    pairs = [pair(runs[0], other) for other in runs[1:]]
    parts: list[tuple[str, str, list[Block]]] = [
        ("result", "Result", [*(text for p in pairs for text in _verdict(p)), _results(runs)]),
        ("settings", "Settings that differ", _settings(runs)),
        ("curves", "Curves", _curves(runs)),
        ("classes", runs[0].task.nouns[1].capitalize(), _classes(runs)),
        *((f"flipped-{i}", f"Flipped predictions: {_name(p.second)}", _flipped(p))
          for i, p in enumerate(pairs, 1)),
        ("machines", "Environment", _machines(runs)),
    ]  # fmt: skip
    return [Section(key, title, blocks) for key, title, blocks in parts if blocks]


def told_apart(runs: Sequence[RunData]) -> list[RunData]:
    """Runs named after their folders, with as many parent folders as needed to tell them apart."""
    paths = [run.folder.parts for run in runs]
    for depth in range(1, max(map(len, paths)) + 1):
        names = ["/".join(path[-depth:]) for path in paths]
        if len(set(names)) == len(runs):
            break
    return [dataclasses.replace(run, name=name) for run, name in zip(runs, names, strict=True)]


def verdict_of(runs: Pair) -> str:
    """Which of two runs is better, by how much, and whether the difference is significant."""
    first, second, p = _name(runs.first), _name(runs.second), runs.paired
    if p is None and runs.shared:
        return (
            f"{first} and {second} were scored on the same {plural(runs.shared, 'image')}, but their "
            "predictions are not simply right or wrong, so there is no significance test."
        )
    if p is None:
        return (
            f"{first} and {second} were not scored on the same images, so there is no significance "
            "test. (Unless the source has its own splits, --seed decides which images are held out.)"
        )
    alike = f"There is no significant difference between {first} and {second}"
    better = f"{second} is {'better' if p.difference > 0 else 'worse'} than {first}"
    difference = f"{p.difference:+.1%} {runs.second.report.share}"
    return (
        f"{better if p.p < _SIGNIFICANCE else alike}: of {plural(p.images, 'image')}, {second} gets "
        f"{p.only_second:,} {runs.second.report.right} that {first} gets wrong, and {p.only_first:,} "
        f"the other way round: {difference} (95% confidence interval {p.low:+.1%} to {p.high:+.1%}; "
        f"McNemar's test: p = {p.p:.3g})."
        + (
            f" Ignored: {plural(runs.lost, 'image')} scored by only one of them."
            if runs.lost
            else ""
        )
        + ("" if _same_data(runs.first, runs.second) else _OTHER_DATA)
    )


def differences_of(runs: Pair) -> Sequence[str]:
    """Further sentences on how two runs of one task on the same images differ."""
    first, second = runs.first, runs.second
    same_task = first.task.name == second.task.name
    return second.report.differences(first, second) if same_task and runs.shared else ()


def _verdict(runs: Pair) -> list[Block]:
    return [Text(verdict_of(runs), "lead"), *(Text(line) for line in differences_of(runs))]


def _name(run: RunData) -> str:
    return run.name or run.folder.name


def _results(runs: Sequence[RunData]) -> Table:
    rows = []
    for run in runs:
        seconds = float(run.epochs[-1]["seconds"] or 0) if run.epochs else 0.0
        epochs, images = f"{len(run.epochs)} of {run.recipe.optim.epochs}", len(run.predictions)
        held = f"{images:,} {named_split(run.split)}" if images else ""
        rows.append([
            _name(run), network_of(run), source_of(run), _result(run), held, epochs,
            duration(seconds),
        ])  # fmt: skip
    columns = ("run", "network", "data", "result", "images", "epochs", "time")
    return Table(columns, rows, "With 95% confidence intervals")


def _result(run: RunData) -> str | Share:
    return run.report.cell(run) if run.predictions and run.metrics else "not scored yet"


def _settings(runs: Sequence[RunData]) -> list[Block]:
    rows, recipes = [], [run.recipe.values() for run in runs]
    for name in FIELDS:
        values = ["" if (v := recipe[name]) is None else str(v) for recipe in recipes]
        if len(set(values)) > 1:
            rows.append([name.replace("_", "-"), *values])
    if not rows:
        return [Text("None: the recipes are the same.")]
    return [Table(("setting", *map(_name, runs)), rows, "")]


def _curves(runs: Sequence[RunData]) -> list[Block]:
    rows = {_name(run): run.epochs for run in runs if run.epochs}
    blocks: list[Block] = []
    shown = [("val", LOSS), *(("val", run.info.main) for run in runs), ("train", LOSS)]
    for part, metric in dict.fromkeys(shown):
        key = f"{part}_{metric.name}"
        ends = [f"{name} {epochs[-1][key]}" for name, epochs in rows.items() if epochs[-1].get(key)]
        if ends:
            alt = f"{part} {metric.title} by epoch; final values: {', '.join(ends)}"
            blocks.append(plot(compared(rows, metric, part), key.replace("_", "-"), alt))
    return blocks


def _classes(runs: Sequence[RunData]) -> list[Block]:
    """The recall of each class or label in each run, those with the largest differences first."""
    recalls = [run.report.shares(run) for run in runs]
    names = [name for name in runs[0].names if all(name in recall for recall in recalls)]
    if not names:
        return []
    names.sort(key=lambda name: -max(abs(r[name].at - recalls[0][name].at) for r in recalls))
    rows: list[list[str | Share]] = [[name, *(r[name] for r in recalls)] for name in names]
    caption = "Recall with 95% confidence intervals, largest differences first"
    return [Table((runs[0].task.nouns[0], *map(_name, runs)), rows, caption, _CLASSES)]


def _flipped(runs: Pair) -> list[Block]:
    if runs.paired is None:
        return []
    blocks: list[Block] = []
    pictures, first, second = pictures_of(runs.second), _name(runs.first), _name(runs.second)
    for predictions, sign in zip(runs.flipped, ("right", "wrong"), strict=True):
        title = f"{plural(len(predictions), 'image')}: {second} right, {first} wrong"
        if sign == "wrong":
            title = f"{plural(len(predictions), 'image')}: {second} wrong, {first} right"
        if pictures and predictions:
            tone: Tone = "good" if sign == "right" else "bad"
            blocks.append(Gallery(pictures.tiles(predictions[:_FLIPPED], tone), title))
        else:
            blocks.append(prediction_table(predictions, title, _FLIPPED))
    return blocks


def _machines(runs: Sequence[RunData]) -> list[Block]:
    machines = [dict(run.card.made_with) if run.card else {} for run in runs]
    keys = list(dict.fromkeys(key for machine in machines for key in machine))
    rows = [[key, *(str(machine.get(key, "")) for machine in machines)] for key in keys]
    rows = [row for row in rows if len(set(row[1:])) > 1]
    if not rows:
        return [Text("All with the same hardware and versions.")]
    return [Table(("what", *map(_name, runs)), rows, "Versions and hardware that differ")]
