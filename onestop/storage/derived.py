"""Files that are derived from the network of a run, and go when the run goes on.

Their figures are those of the network beside them. They are removed before the network changes;
metrics.json comes first, since a run without it is not done, and whoever reads the others asks it
first. At the end of a run it is written last.
"""

from __future__ import annotations

import re
from pathlib import Path

from onestop.errors import WriteError
from onestop.reading import open_regular
from onestop.runtime.files import flush_folder, kind_of
from onestop.storage.model_header import digest_in
from onestop.storage.run_folder import CONFUSION, METRICS, MODEL, PREDICTIONS, REPORT

# How each begins. A file of that name that begins otherwise is not ours.
_BEGINNINGS = {
    METRICS: rb"\s*\{",
    PREDICTIONS: rb"image,truth,predicted",
    CONFUSION: rb"truth,predicted,images",
    REPORT: rb'(?s).*<meta name="generator" content="OneStop',
}
PAGES = (REPORT, CONFUSION)
"""A page and the table that is written with it, also in the middle of a run."""
_BEGIN = 1024  # bytes that are looked at
_PAGE_OF = re.compile(rb'<meta name="onestop-network" content="([0-9a-f]*) ([a-z ]*)">')


def withdraw(folder: Path, names: tuple[str, ...] = (METRICS, *PAGES, PREDICTIONS)) -> None:
    """Remove derived files from a run's folder, in this order, so that they stay removed.

    Raises:
        WriteError: A file cannot be removed.
    """
    removed = False
    for name in names:
        path = folder / name
        if kind_of(path) == "file" and re.match(_BEGINNINGS[name], _begin(path)):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise WriteError(f"{path}: cannot be removed ({error.strerror})") from error
            removed = True
    if removed:
        flush_folder(folder)


def withdraw_old_page(folder: Path) -> None:
    """Remove a page that does not show the finished run with the network beside it."""
    if not shows_the_end(folder):
        withdraw(folder, PAGES)


def shows_the_end(folder: Path) -> bool:
    """Whether report.html shows the finished run with the network beside it."""
    found = _PAGE_OF.search(_begin(folder / REPORT))
    digest = digest_in(folder / MODEL)
    return bool(found and digest and found[1].decode() == digest and found[2] == b"done")


def _begin(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(_BEGIN)
    except OSError:
        return b""
