"""The parts of a run's page, in order: each a small function from the evidence to blocks."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from functools import partial

from onestop.data.preprocess import ImagePreprocessing
from onestop.data.sources.python import NAME
from onestop.figures.calibration import calibration_figure
from onestop.figures.confusion import SHOWN, confusion_figure
from onestop.figures.curves import RATE, curves, panels_of, spent_bar, time_spent
from onestop.figures.fitted import fitted_scatter
from onestop.inference.predictions import Verdict, calibration_of, matrix_of
from onestop.metrics.confusion import confused_pairs
from onestop.recipe.config import command_of, write_recipe
from onestop.reporting.blocks import Block, Gallery, Section, Table, Text, Tone, plot
from onestop.reporting.classes import class_table
from onestop.reporting.images import Pictures, training_tiles
from onestop.reporting.run_data import RunData
from onestop.reporting.summary import headline, remarks
from onestop.storage.run_folder import CONFUSION
from onestop.text import duration, plural

_PAIRS, _OF_A_PAIR = 6, 3  # confused pairs with pictures, and pictures of each
_GALLERY = 12  # pictures of a gallery
_FILES = 20  # rows of a list of files before the rest is folded
_HEAT = (
    "The second picture of each shows what spoke for the class that was predicted (Grad-CAM, Selvaraju "
    "et al. 2017): the warmer, the more."
)


def sections(found: RunData, pairs_file: str = CONFUSION) -> list[Section]:
    """All parts that there is something to say in; `pairs_file` has the whole confusion matrix."""
    parts: list[tuple[str, str, Callable[[RunData], Sequence[Block]]]] = [
        ("result", "Result", _result),
        ("curves", "Curves", _curves),
        ("samples", "Training images as the network sees them", _samples),
        ("classes", "Classes", class_table),
        ("confusion", "What is taken for what", partial(_confusion, file=pairs_file)),
        ("pairs", "Most confused pairs", _pairs),
        ("mistakes", "Worst mistakes", _mistakes),
        ("uncertain", "Least certain", _uncertain),
        ("calibration", "Is it as sure as it is right?", _calibration),
        ("fit", "Predicted and wanted", _fit),
        ("data", "Data problems", _data),
        ("time", "Time", _time),
        ("repeat", "How to repeat it", _repeat),
    ]
    found_parts = [(key, title, make(found)) for key, title, make in parts]
    return [Section(key, title, blocks) for key, title, blocks in found_parts if blocks]


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
    if dataset is None or model is None or not _has_images(found):
        return [Text(why) for why in found.gone]
    tiles = training_tiles(found.recipe, dataset, model)
    how = (
        "As they went in at the start of the first epoch, random changes (--augment "
        f"{found.recipe.augment}, ...) included. Look whether one can still tell what they are."
    )
    return [Text(how), Gallery(tiles)]


def _confusion(found: RunData, file: str) -> list[Block]:
    if not found.named:
        return []
    matrix = matrix_of(found.verdicts, found.classes)
    wrong = confused_pairs(matrix)
    shown = wrong[: 2 * _PAIRS] if len(found.classes) > SHOWN else wrong[:_PAIRS]
    names = found.classes
    said = "; ".join(f"{names[t]} as {names[p]} {count:,} times" for t, p, count in shown)
    alt = f"Confusion matrix. {said or 'Nothing is taken for anything else.'}"
    many = len(names) > SHOWN
    part = f"{SHOWN} of {len(names):,} classes, those of the most confused pairs. " if many else ""
    caption = f"{part}Colours are shares of a row, numbers are images; all of them are in {file}."
    return [plot(confusion_figure(matrix, names), "confusion", alt, caption)]


def _pairs(found: RunData) -> list[Block]:
    if not found.named:
        return []
    pairs = confused_pairs(matrix_of(found.verdicts, found.classes), _PAIRS)
    if not pairs:
        return [Text("No image was taken for another class.")]
    blocks: list[Block] = []
    pictures, names = pictures_of(found), found.classes
    for truth, predicted, count in pairs:
        said = f"{names[truth]}, taken for {names[predicted]}: {plural(count, 'time')}"
        images = [
            v for v in found.verdicts if (v.truth, v.predicted) == (names[truth], names[predicted])
        ]
        images.sort(key=lambda v: -v.score)
        tiles = pictures.tiles(images[:_OF_A_PAIR], "bad") if pictures else []
        blocks.append(Gallery(tiles, said))
    return blocks


def _mistakes(found: RunData) -> list[Block]:
    wrong = sorted((v for v in found.verdicts if v.correct is False), key=lambda v: -v.loss)
    if not found.named:
        return []
    if not wrong:
        return [Text("There are none: every held-out image is named right.")]
    how = (
        "Those of the highest loss: where the network was surest of something wrong. Wrong labels are "
        "often found here."
    )
    return _looked_into(found, wrong[:_GALLERY], how, "bad")


def _uncertain(found: RunData) -> list[Block]:
    if not found.named or len(found.classes) < 2:
        return []
    close = sorted(found.verdicts, key=lambda v: v.margin)[:_GALLERY]
    how = "Those of which the two likeliest classes are nearest to each other, right or wrong."
    return _looked_into(found, close, how)


def _looked_into(found: RunData, verdicts: list[Verdict], how: str, tone: Tone = "") -> list[Block]:
    """Pictures with heat maps where there are pictures, else a table."""
    pictures = pictures_of(found)
    if pictures is None:
        return [Text(how), verdict_table(verdicts, "", _GALLERY)]
    return [Text(f"{how} {_HEAT}"), Gallery(pictures.explained(verdicts, tone))]


def verdict_table(verdicts: Sequence[Verdict], caption: str, unfolded: int) -> Table:
    """What was said of images, where they cannot be shown."""
    rows = [(v.image, v.truth, v.predicted, f"{v.score:.1%}") for v in verdicts]
    return Table(("image", "is", "predicted", "probability"), rows, caption, unfolded)


def _calibration(found: RunData) -> list[Block]:
    if not found.named:
        return []
    curve = calibration_of(found.verdicts)
    lean = "too sure of itself" if curve.leaning > 0 else "right more often than it says"
    said = (
        f"The expected calibration error is {curve.error:.1%}: by so much its probabilities are off, "
        f"on the mean over all images (Guo et al. 2017, {len(curve.counts)} bins). "
        + (
            f"On the whole it is {lean}."
            if curve.error > 0.02
            else "They can be taken at their word."
        )
    )
    alt = f"Reliability curve: expected calibration error {curve.error:.1%}, on the whole {lean}"
    return [Text(said), plot(calibration_figure(curve), "calibration", alt)]


def _fit(found: RunData) -> list[Block]:
    if found.classes or not found.verdicts:
        return []
    wanted, said = zip(*((float(v.truth), v.score) for v in found.verdicts), strict=True)
    alt = f"Predicted against wanted numbers of {len(wanted):,} samples"
    worst = sorted(found.verdicts, key=lambda v: -v.loss)[:_GALLERY]
    rows = [(v.image, v.truth, v.predicted, f"{v.loss**0.5:.4g}") for v in worst]
    table = Table(("sample", "wanted", "predicted", "off by"), rows, "The largest errors")
    return [plot(fitted_scatter(wanted, said), "fit", alt), table]


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
    if found.recipe.source != NAME:
        blocks.append(
            Text(f"A closer look: {shlex.join(['onestop', 'lint', found.recipe.source])}")
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
    if recipe.source == NAME:
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


def _has_images(found: RunData) -> bool:
    return found.model is not None and isinstance(found.model.preprocessing, ImagePreprocessing)


def pictures_of(found: RunData) -> Pictures | None:
    """Images of the split that was judged, where they can be had."""
    if found.dataset is None or found.model is None or not _has_images(found):
        return None
    if found.split not in found.dataset.splits:
        return None
    return Pictures(found.dataset.splits[found.split], found.model)
