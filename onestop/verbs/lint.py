"""`onestop lint`: look at a source of images before money is spent on training."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

from onestop.errors import DataError
from onestop.results import Lint
from onestop.runtime.files import write_atomic
from onestop.storage.run_folder import create_run

REPORT, SHEET = "lint.json", "lint.png"


def lint(
    source: Any,
    *,
    data_root: str | None = None,
    out: str | Path = "runs",
    name: str | None = None,
    exact: bool = False,
    quiet: bool = False,
) -> Lint:
    """Look for what is wrong with a source of images, before money is spent on training.

    Finds files that cannot be read or are damaged; exact and near copies (compressed anew, resized,
    mirrored, slightly cropped), above all those that lie in several splits or under two classes;
    groups torn over splits; classes that are missing, small or uneven; images that are tiny, huge,
    narrow, of one colour, or turned by EXIF. Writes lint.json and a contact sheet, lint.png.

    Args:
        source: a folder, table or set by name, as `train` takes it
        data_root: folder of the sets known by name (default: ONESTOP_DATA, else the user's cache
            folder)
        out: folder that is to hold the folder with what was found
        name: name of that folder; -2, -3, ... is added where it exists (default: lint-source)
        exact: look for exact copies alone; near ones take a minute for 50,000 images, and four times
            as long for twice as many
        quiet: no progress

    Returns:
        What was found.

    Raises:
        OneStopError: No such source, one without images, or a folder that cannot be written.
    """
    from onestop.data import open_data
    from onestop.display.contact_sheet import contact_sheet
    from onestop.display.progress import shown_progress
    from onestop.linting import class_rows, lint_dataset
    from onestop.runtime.device import cores

    dataset = open_data(source, root=data_root, val_fraction=0, for_training=False)
    if not dataset.is_image:
        raise DataError(f"{dataset.name}: holds vectors, and only images can be looked at")
    plain = "".join(c for c in Path(dataset.name).stem if c.isalnum() or c in "-_.").strip(".-")
    folder = create_run(out, name or f"lint-{plain or 'data'}")
    try:
        with shown_progress(quiet=quiet) as watch:
            findings = lint_dataset(dataset, near=not exact, workers=cores(), watch=watch)
        found = Lint(
            folder=folder.resolve(),
            source=dataset.name,
            images={split: len(samples) for split, samples in dataset.splits.items()},
            classes=class_rows(dataset),
            findings=[finding.to_json(dataset) for finding in findings],
            notes=list(dataset.notes),
        )
        text = json.dumps(found.to_json(), indent=1, ensure_ascii=False)
        write_atomic(folder / REPORT, text + "\n")
        sheet = contact_sheet(findings, dataset)
        if sheet is not None:
            write_atomic(folder / SHEET, _png(sheet))
    except BaseException:
        with contextlib.suppress(OSError):
            folder.rmdir()  # where nothing was written into it
        raise
    return found


def _png(sheet: Any) -> bytes:
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()
