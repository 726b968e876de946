"""`onestop lint`: check a source of images for problems before training on it."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
from pathlib import Path
from typing import Any

from onestop.errors import DataError
from onestop.recipe.arguments import READING, checked_fields, takes_fields
from onestop.recipe.signatures import checked
from onestop.results.info import Lint
from onestop.runtime.files import write_atomic
from onestop.runtime.json_text import json_text
from onestop.storage.run_folder import create_run

REPORT, SHEET = "lint.json", "lint.png"


@takes_fields(*READING)
@checked
def lint(
    source: Any,
    *,
    data_root: str | None = None,
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
    colour, or rotated by EXIF. Writes lint.json and a contact sheet, lint.png.

    Args:
        source: a folder, table or data set by name, as `train` takes it
        data_root: folder of the data sets known by name (default: ONESTOP_DATA, else the user's
            cache folder)
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
    from onestop.runtime.device import cores

    options = checked_fields(reading, READING)
    dataset = open_data(source, root=data_root, val_fraction=0, for_training=False, **options)
    if not dataset.is_image:
        raise DataError(f"{dataset.name}: holds vectors, and only images can be checked")
    plain = "".join(c for c in Path(dataset.name).stem if c.isalnum() or c in "-_.").strip(".-")
    folder = create_run(out, name or f"lint-{plain or 'data'}")
    try:
        with shown_progress(quiet=quiet) as watch:
            found = training_range(dataset, cores())
            findings = lint_dataset(
                dataset, near=not exact, workers=cores(), watch=watch, found=found
            )
        result = Lint(
            folder=folder.resolve(),
            source=dataset.name,
            images={split: len(samples) for split, samples in dataset.splits.items()},
            classes=class_rows(dataset),
            findings=[finding.to_json(dataset) for finding in findings],
            notes=list(dataset.notes),
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


def _png(sheet: Any) -> bytes:
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()
