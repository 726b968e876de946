"""The page of several runs beside each other: what differs, by how much, and whether that is chance."""

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

_FLIPPED = 12  # pictures of images that flipped, each way
_CLASSES = 20  # rows of classes before the rest is folded
_CHANCE = 0.05
_OTHER_DATA = " Their data differ; images of the same name and class are taken for the same."


@dataclass(frozen=True)
class Pair:
    """Two runs on the images that both were judged on.

    Attributes:
        first: The run that all others are held against.
        second: The other run.
        flipped: The second's predictions that are correct where the first's are wrong, and the other
            way round.
        paired: McNemar's figures; None if they share no image, or if predictions of their task are
            not just correct or wrong.
        lost: Images that only one of them was judged on.
        shared: Images that both were judged on.
    """

    first: RunData
    second: RunData
    flipped: tuple[list[Prediction], list[Prediction]]
    paired: Paired | None
    lost: int
    shared: int = 0


def pair(first: RunData, second: RunData) -> Pair:
    """Hold a run against another, image by image."""
    known = {(p.image, p.truth): p for p in first.predictions}
    there = [p for p in second.predictions if (p.image, p.truth) in known]
    both = [(known[p.image, p.truth], p) for p in there]
    lost = len(first.predictions) + len(second.predictions)
    if not both or first.split != second.split or not _named_alike(first, second):
        return Pair(first, second, ([], []), None, lost)
    lost -= 2 * len(both)
    if any(p.correct is None for pair in both for p in pair):
        return Pair(first, second, ([], []), None, lost, len(both))
    ours, theirs = (_right([pair[side] for pair in both]) for side in (0, 1))
    better = [p for (_, p), a, b in zip(both, ours, theirs, strict=True) if b and not a]
    worse = [p for (_, p), a, b in zip(both, ours, theirs, strict=True) if a and not b]
    return Pair(first, second, (better, worse), paired(ours, theirs), lost, len(both))


def _named_alike(first: RunData, second: RunData) -> bool:
    """Whether an image's name is that of the same image in both runs' data.

    A path is; a number (`#7`) only is within one source, or where all that is judged agrees.
    """
    truths = [{p.image: p.truth for p in run.predictions} for run in (first, second)]
    by_number = any(name.startswith("#") for one in truths for name in one)
    one_source = first.recipe.data.source == second.recipe.data.source != NAME
    return not by_number or one_source or truths[0] == truths[1]


def _same_data(first: RunData, second: RunData) -> bool:
    """Whether nothing speaks against it; another seed cuts a source into other splits."""
    recipes = (first.recipe, second.recipe)
    cuts = [(r.data.source, r.machine.seed, r.data.val_fraction) for r in recipes]
    if cuts[0] != cuts[1]:
        return cuts[0][0] == cuts[1][0]
    prints = [run.card.data.get("fingerprint") if run.card else None for run in (first, second)]
    return prints[0] == prints[1]


def _right(predictions: Sequence[Prediction]) -> NDArray[np.bool_]:
    return np.array([bool(prediction.correct) for prediction in predictions])


def comparison(runs: Sequence[RunData]) -> list[Section]:
    """The parts of the page; the first run is what the others are held against."""
    runs = told_apart(runs)
    pairs = [pair(runs[0], other) for other in runs[1:]]
    parts: list[tuple[str, str, list[Block]]] = [
        ("result", "Result", [*(text for p in pairs for text in _verdict(p)), _figures(runs)]),
        ("settings", "Settings that differ", _settings(runs)),
        ("curves", "Curves", _curves(runs)),
        ("classes", runs[0].task.nouns[1].capitalize(), _classes(runs)),
        *((f"flipped-{i}", f"Images that flipped: {_name(p.second)}", _flipped(p))
          for i, p in enumerate(pairs, 1)),
        ("machines", "Made with", _machines(runs)),
    ]  # fmt: skip
    return [Section(key, title, blocks) for key, title, blocks in parts if blocks]


def told_apart(runs: Sequence[RunData]) -> list[RunData]:
    """Runs by the names of their folders, with as many folders above these as it takes."""
    paths = [run.folder.parts for run in runs]
    for depth in range(1, max(map(len, paths)) + 1):
        names = ["/".join(path[-depth:]) for path in paths]
        if len(set(names)) == len(runs):
            break
    return [dataclasses.replace(run, name=name) for run, name in zip(runs, names, strict=True)]


def verdict_of(found: Pair) -> str:
    """Which of two runs is better, by how much, and whether chance alone would do as much."""
    first, second, p = _name(found.first), _name(found.second), found.paired
    if p is None and found.shared:
        return (
            f"{first} and {second} were judged on {plural(found.shared, 'image')} alike, but their "
            "predictions are not just right or wrong: no test tells them apart."
        )
    if p is None:
        return (
            f"{first} and {second} were not judged on the same images (which ones are held out depends "
            "on --seed, where the source has no split for it): no test tells them apart."
        )
    alike = f"{first} and {second} do not differ by more than chance would have it"
    better = f"{second} is {'better' if p.difference > 0 else 'worse'} than {first}"
    difference = f"{p.difference:+.1%} {found.second.report.share}"
    right, also = found.second.report.right
    return (
        f"{better if p.p < _CHANCE else alike}: of {plural(p.images, 'image')} {second} alone "
        f"{right.format(f'{p.only_second:,}')} and {first} alone {also.format(f'{p.only_first:,}')}, "
        f"{difference} "
        f"(with 95% confidence {p.low:+.1%} to {p.high:+.1%}; McNemar's test: p = {p.p:.3g})."
        + (f" Left out: {plural(found.lost, 'image')} of one of them." if found.lost else "")
        + ("" if _same_data(found.first, found.second) else _OTHER_DATA)
    )


def differences_of(found: Pair) -> Sequence[str]:
    """What more there is to say of how two runs on the same images differ."""
    alike = found.first.task.name == found.second.task.name
    return (
        found.second.report.differences(found.first, found.second) if alike and found.shared else ()
    )


def _verdict(found: Pair) -> list[Block]:
    return [Text(verdict_of(found), "lead"), *(Text(line) for line in differences_of(found))]


def _name(found: RunData) -> str:
    return found.name or found.folder.name


def _figures(runs: Sequence[RunData]) -> Table:
    rows = []
    for run in runs:
        seconds = float(run.epochs[-1]["seconds"]) if run.epochs else 0.0
        epochs, images = f"{len(run.epochs)} of {run.recipe.optim.epochs}", len(run.predictions)
        held = f"{images:,} {named_split(run.split)}" if images else ""
        rows.append([
            _name(run), network_of(run), source_of(run), _figure(run), held, epochs,
            duration(seconds),
        ])  # fmt: skip
    columns = ("run", "network", "data", "result", "on images", "epochs", "time")
    return Table(columns, rows, "With intervals of 95%")


def _figure(run: RunData) -> str | Share:
    return run.report.cell(run) if run.predictions else "not scored yet"


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
        ends = [f"{name} {of[-1][key]}" for name, of in rows.items() if of[-1].get(key)]
        if ends:
            alt = f"{part} {metric.title} by epoch, at the end {', '.join(ends)}"
            blocks.append(plot(compared(rows, metric, part), key.replace("_", "-"), alt))
    return blocks


def _classes(runs: Sequence[RunData]) -> list[Block]:
    """The share of each class or label that each run finds, the most different ones first."""
    found = [run.report.shares(run) for run in runs]
    names = [name for name in runs[0].names if all(name in one for one in found)]
    if not names:
        return []
    names.sort(key=lambda name: -max(abs(one[name].at - found[0][name].at) for one in found))
    rows: list[list[str | Share]] = [[name, *(one[name] for one in found)] for name in names]
    one, many = runs[0].task.nouns
    caption = f"Share of each {one} that is found (recall), the most different {many} first"
    return [Table((one, *map(_name, runs)), rows, caption, _CLASSES)]


def _flipped(found: Pair) -> list[Block]:
    if found.paired is None:
        return []
    blocks: list[Block] = []
    pictures, name = pictures_of(found.second), _name(found.second)
    for predictions, sign in zip(found.flipped, ("right", "wrong"), strict=True):
        images = plural(len(predictions), "image")
        title = f"{images} {sign} by {name} alone"
        if sign == "wrong":
            title = f"{images} wrong by {name}, right by {_name(found.first)}"
        if pictures and predictions:
            tone: Tone = "good" if sign == "right" else "bad"
            blocks.append(Gallery(pictures.tiles(predictions[:_FLIPPED], tone), title))
        else:
            blocks.append(prediction_table(predictions, title, _FLIPPED))
    return blocks


def _machines(runs: Sequence[RunData]) -> list[Block]:
    made = [dict(run.card.made_with) if run.card else {} for run in runs]
    keys = list(dict.fromkeys(key for one in made for key in one))
    rows = [[key, *(str(one.get(key, "")) for one in made)] for key in keys]
    rows = [row for row in rows if len(set(row[1:])) > 1]
    if not rows:
        return [Text("All with the same hardware and versions.")]
    return [Table(("what", *map(_name, runs)), rows, "Versions and hardware that differ")]
