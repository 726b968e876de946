"""The sections of a run's report, in order: each is a function from the run's data to blocks."""

from __future__ import annotations

import shlex

from onestop.data.sources.python import NAME
from onestop.figures.curves import RATE, curves, panels_of, spent_bar, time_spent
from onestop.recipe.files import command_of, write_recipe
from onestop.reporting.blocks import Block, Gallery, Section, Table, Text, plot
from onestop.reporting.confidence import confidence_blocks
from onestop.reporting.images import has_images, issue_tiles, training_tiles
from onestop.reporting.label_issues import label_blocks
from onestop.reporting.run_data import RunData
from onestop.reporting.summary import headline, remarks
from onestop.text import duration, plural

_FILES = 20  # rows of a list of files that are shown expanded


def sections(run: RunData, prefix: str = "") -> list[Section]:
    """All sections that have content.

    Args:
        run: The data of the run.
        prefix: Prefix for the names of tables that are written next to the page.
    """
    parts = [
        Section("result", "Result", _result(run)),
        Section("curves", "Curves", _curves(run)),
        Section("samples", "Training images as the network sees them", _samples(run)),
        *run.report.sections(run, prefix),
        Section("confidence", "Confidence", confidence_blocks(run)),
        Section("issues", "Labels that look wrong", label_blocks(run, issue_tiles(run))),
        Section("data", "Data problems", _data(run)),
        Section("time", "Time", _time(run)),
        Section("repeat", "How to reproduce it", _repeat(run)),
    ]
    return [section for section in parts if section.blocks]


def _result(run: RunData) -> list[Block]:
    return [Text(headline(run), "lead"), *(Text(line) for line in remarks(run))]


def _curves(run: RunData) -> list[Block]:
    if not run.epochs:
        done = run.state == "done"
        return [Text("metrics.csv cannot be read." if done else "No epoch is done yet.")]
    last, metrics = run.epochs[-1], run.info.metrics
    best = int(run.metrics.get("best_epoch", 0))
    blocks: list[Block] = []
    for panel in panels_of(metrics):
        columns = (RATE,) if panel == RATE else (f"train_{panel}", f"val_{panel}")
        ends = [f"{name} {float(last[name]):.4g}" for name in columns if last.get(name)]
        alt = f"Curves by epoch; final values: {', '.join(ends)}"
        blocks.append(plot(curves(run.epochs, metrics, best, [panel]), panel, alt))
    count = plural(len(run.epochs), "epoch")
    return [*blocks, Text(f"{count}; all values are in metrics.csv.")]


def _samples(run: RunData) -> list[Block]:
    dataset, model = run.dataset, run.model
    gone: list[Block] = [Text(why) for why in run.gone]
    if dataset is None or model is None or not has_images(run) or not dataset.splits["train"]:
        return gone
    tiles = training_tiles(run.recipe, dataset, model)
    augment = run.recipe.augmentation.augment
    intro = (
        f"Inputs at the start of the first epoch, with augmentation (--augment {augment}, ...). Check "
        "that they are still recognisable."
    )
    return [*gone, Text(intro), Gallery(tiles)]


def _data(run: RunData) -> list[Block]:
    notes = run.info.notes
    blocks: list[Block] = [
        Text(line.partition(": ")[2], "warning" if line.startswith("warning") else "plain")
        for line in notes or ()
    ]
    if run.skipped:
        rows = [(row["path"], row["reason"]) for row in run.skipped]
        blocks.append(Table(("file", "reason"), rows, "Files that were not used", _FILES))
    if notes is None:
        blocks.append(Text("Notes of this run were not recorded; what it printed is in log.txt."))
    elif not blocks:
        blocks.append(Text("None were noticed."))
    if run.recipe.data.source != NAME:
        blocks.append(
            Text(f"To check more: {shlex.join(['onestop', 'lint', run.recipe.data.source])}")
        )
    return blocks


def _time(run: RunData) -> list[Block]:
    if not run.epochs:
        return []
    spent = time_spent(run.epochs)
    total = max(spent.total, 1e-9)
    text = (
        f"{duration(spent.total)} in total: {spent.computing / total:.0%} computing steps, "
        f"{spent.waiting / total:.0%} waiting for images, {spent.scoring / total:.0%} scoring."
    )
    if spent.waiting > 0.2 * total:
        text += " Reading images is the bottleneck: more --workers or --cache may help."
    return [Text(text), plot(spent_bar(spent), "time", text)]


def _repeat(run: RunData) -> list[Block]:
    recipe = run.recipe
    if recipe.data.source == NAME:
        command = f"onestop.train(data, recipe={str(run.folder / 'recipe.yaml')!r})"
    else:
        command = command_of(recipe)
    blocks: list[Block] = [
        Text("The command with every derived setting, to be run in the folder where it was begun:"),
        Text(command, "code"),
        Text("The resolved recipe, as in recipe.yaml:"),
        Text(write_recipe(recipe), "code"),
    ]
    if run.card:
        facts = [(str(name), str(value)) for name, value in run.card.made_with.items()]
        facts.append(("data", str(run.card.data.get("fingerprint", ""))))
        blocks.append(Table(("what", "value"), facts, "Environment"))
    return blocks
