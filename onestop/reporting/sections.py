"""The parts of a run's page, in order: each a small function from the evidence to blocks."""

from __future__ import annotations

import shlex

from onestop.data.sources.python import NAME
from onestop.figures.curves import RATE, curves, panels_of, spent_bar, time_spent
from onestop.recipe.files import command_of, write_recipe
from onestop.reporting.blocks import Block, Gallery, Section, Table, Text, plot
from onestop.reporting.images import has_images, training_tiles
from onestop.reporting.run_data import RunData
from onestop.reporting.summary import headline, remarks
from onestop.text import duration, plural

_FILES = 20  # rows of a list of files before the rest is folded


def sections(found: RunData, prefix: str = "") -> list[Section]:
    """All sections with something to say.

    Args:
        found: What is known of the run.
        prefix: Before the names of the tables that are written beside the page.
    """
    parts = [
        Section("result", "Result", _result(found)),
        Section("curves", "Curves", _curves(found)),
        Section("samples", "Training images as the network sees them", _samples(found)),
        *found.report.sections(found, prefix),
        Section("data", "Data problems", _data(found)),
        Section("time", "Time", _time(found)),
        Section("repeat", "How to repeat it", _repeat(found)),
    ]
    return [section for section in parts if section.blocks]


def _result(found: RunData) -> list[Block]:
    return [Text(headline(found), "lead"), *(Text(line) for line in remarks(found))]


def _curves(found: RunData) -> list[Block]:
    if not found.epochs:
        done = found.state == "done"
        return [Text("metrics.csv cannot be read." if done else "No epoch is done yet.")]
    last, metrics = found.epochs[-1], found.info.metrics
    best = int(found.metrics.get("best_epoch", 0))
    blocks: list[Block] = []
    for panel in panels_of(metrics):
        columns = (RATE,) if panel == RATE else (f"train_{panel}", f"val_{panel}")
        ends = [f"{name} {float(last[name]):.4g}" for name in columns if last.get(name)]
        alt = f"Curve by epoch, at the end {', '.join(ends)}"
        blocks.append(plot(curves(found.epochs, metrics, best, [panel]), panel, alt))
    count = plural(len(found.epochs), "epoch")
    return [*blocks, Text(f"{count}; all values are in metrics.csv.")]


def _samples(found: RunData) -> list[Block]:
    dataset, model = found.dataset, found.model
    if dataset is None or model is None or not has_images(found):
        return [Text(why) for why in found.gone]
    tiles = training_tiles(found.recipe, dataset, model)
    augment = found.recipe.augmentation.augment
    how = (
        f"As they went in at the start of the first epoch, random changes (--augment {augment}, ...) "
        "included. Look whether one can still tell what they are."
    )
    return [Text(how), Gallery(tiles)]


def _data(found: RunData) -> list[Block]:
    notes = found.info.notes
    blocks: list[Block] = [
        Text(line.partition(": ")[2], "warning" if line.startswith("warning") else "plain")
        for line in notes or ()
    ]
    if found.skipped:
        rows = [(row["path"], row["reason"]) for row in found.skipped]
        blocks.append(Table(("file", "why"), rows, "Files that were not used", _FILES))
    if notes is None:
        blocks.append(Text("Notes of this run were not recorded; what it printed is in log.txt."))
    elif not blocks:
        blocks.append(Text("None were noticed."))
    if found.recipe.data.source != NAME:
        blocks.append(
            Text(f"A closer look: {shlex.join(['onestop', 'lint', found.recipe.data.source])}")
        )
    return blocks


def _time(found: RunData) -> list[Block]:
    if not found.epochs:
        return []
    spent = time_spent(found.epochs)
    total = max(spent.total, 1e-9)
    said = (
        f"{duration(spent.total)} in all: {spent.computing / total:.0%} computing steps, "
        f"{spent.waiting / total:.0%} waiting for images, {spent.scoring / total:.0%} scoring."
    )
    if spent.waiting > 0.2 * total:
        said += " Reading is the bottleneck: more --workers, or --cache, may help."
    return [Text(said), plot(spent_bar(spent), "time", said)]


def _repeat(found: RunData) -> list[Block]:
    recipe = found.recipe
    if recipe.data.source == NAME:
        command = f"onestop.train(data, recipe={str(found.folder / 'recipe.yaml')!r})"
    else:
        command = command_of(recipe)
    blocks: list[Block] = [
        Text("The command, with all that was derived written out, for the folder it was begun in:"),
        Text(command, "code"),
        Text("The resolved recipe, as in recipe.yaml:"),
        Text(write_recipe(recipe), "code"),
    ]
    if found.card:
        facts = [(str(name), str(value)) for name, value in found.card.made_with.items()]
        facts.append(("data", str(found.card.data.get("fingerprint", ""))))
        blocks.append(Table(("what", "which"), facts, "Made with"))
    return blocks
