"""`onestop lint`: check a source of images for problems before training on it."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onestop.errors import DataError, UsageError
from onestop.recipe.arguments import READING, checked_fields, takes_fields
from onestop.recipe.signatures import checked
from onestop.results.info import Lint
from onestop.runtime.files import write_atomic
from onestop.runtime.json_text import json_text
from onestop.storage.run_folder import LABEL_ISSUES, create_run

if TYPE_CHECKING:
    from onestop.data.dataset import Dataset
    from onestop.inference.model import Model
    from onestop.linting import Watch
    from onestop.linting.label_issues import LabelIssues

REPORT, SHEET = "lint.json", "lint.png"


@takes_fields(*READING)
@checked
def lint(
    source: Any,
    *,
    model: Any = None,
    weights: str | Path | None = None,
    data_root: str | None = None,
    device: str | None = None,
    out: str | Path = "runs",
    name: str | None = None,
    exact: bool = False,
    quiet: bool = False,
    **reading: Any,
) -> Lint:
    """Check a source of images for problems before training on it.

    Finds unreadable and damaged files; exact and near copies (recompressed, resized, mirrored,
    slightly cropped), above all those in several splits or under two classes; groups divided between
    splits; classes that are missing, small or unbalanced; images that are tiny, huge, narrow, of one
    colour, or rotated by EXIF. With a model, also labels that look wrong: a linear model on its
    features that has not seen an image judges its label. Writes lint.json, a contact sheet, lint.png,
    and with a model label_issues.csv.

    Args:
        source: a folder, table or data set by name, as `train` takes it
        model: network by name with published weights (resnet18) or with --weights, model file, file of
            weights or run folder, by whose features labels are judged (default: they are not)
        weights: for a network by name: `default`, the name of a published set, or a file
        data_root: folder of the data sets known by name (default: ONESTOP_DATA, else the user's
            cache folder)
        device: cpu, cuda, cuda:1, mps, for the features (default: the best available)
        out: folder in which a folder with the findings is created
        name: name of that folder; -2, -3, ... is appended if it exists (default: lint-source)
        exact: look for exact copies only; near ones take a minute for 50,000 images, and four times
            as long for twice as many
        quiet: print no progress
        reading: how the source is read

    Returns:
        The findings.

    Raises:
        OneStopError: No such source, one without images, or a folder that cannot be written.
    """
    from onestop.data import open_data
    from onestop.data.contents import contents_of
    from onestop.display.contact_sheet import contact_sheet
    from onestop.display.progress import shown_progress
    from onestop.linting import class_rows, lint_dataset, training_range
    from onestop.linting.findings import worst_first
    from onestop.linting.label_issues import write_label_issues
    from onestop.runtime.device import cores

    options = checked_fields(reading, READING)
    dataset = open_data(source, root=data_root, val_fraction=0, for_training=False, **options)
    if not dataset.is_image:
        raise DataError(f"{dataset.name}: holds vectors, and only images can be checked")
    plain = "".join(c for c in Path(dataset.name).stem if c.isalnum() or c in "-_.").strip(".-")
    judge = _judge(model, weights, device)
    folder = create_run(out, name or f"lint-{plain or 'data'}")
    try:
        with shown_progress(quiet=quiet) as watch:
            found = training_range(dataset, cores())
            findings = lint_dataset(
                dataset, near=not exact, workers=cores(), watch=watch, found=found
            )
            notes = list(dataset.notes)
            if judge is not None:
                issues = _label_issues(judge, dataset, watch)
                findings = worst_first([*findings, *issues.finding()])
                told = (note.removeprefix("note: ") for note in judge.notes)
                notes += filter(None, (*told, _same_labels(judge, dataset), issues.note))
                write_label_issues(folder / LABEL_ISSUES, issues.found)
        result = Lint(
            folder=folder.resolve(),
            source=dataset.name,
            images={split: len(samples) for split, samples in dataset.splits.items()},
            classes=class_rows(dataset),
            findings=[finding.to_json(dataset) for finding in findings],
            notes=notes,
            made=dt.datetime.now().astimezone().isoformat(timespec="seconds"),
            content=contents_of(dataset).fingerprint,
        )
        text = json_text(result.to_json(), indent=1)
        write_atomic(folder / REPORT, text + "\n")
        sheet = contact_sheet(findings, dataset, found.pixel_range)
        if sheet is not None:
            write_atomic(folder / SHEET, _png(sheet))
    except BaseException:
        with contextlib.suppress(OSError):
            folder.rmdir()  # fails unless it is empty
        raise
    return result


def _judge(model: Any, weights: str | Path | None, device: str | None) -> Model | None:
    """The model by whose features labels are judged, if one is named."""
    if model is None:
        for name, value in (("weights", weights), ("device", device)):
            if value is not None:
                raise UsageError(f"--{name} {value}: is for a model; name one with --model")
        return None

    from onestop.inference.load import load_model

    return load_model(model, None, device, weights=weights)[0]


def _label_issues(judge: Model, dataset: Dataset, watch: Watch) -> LabelIssues:
    from onestop.jobs.label_issues import issues_by

    return issues_by(judge, dataset, lambda done, total: watch("judging labels", done, total))


def _same_labels(judge: Model, dataset: Dataset) -> str:
    """A caution if the model may have learned the very labels that it is to judge."""
    if set(judge.classes) != set(dataset.classes):
        return ""
    return (
        "a model that was trained with these labels has learned wrong ones too, and finds fewer of "
        "them; one with published weights is a better judge"
    )


def _png(sheet: Any) -> bytes:
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()
