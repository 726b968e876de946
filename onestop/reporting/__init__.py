"""The page of a run, and that of several beside each other: report.html."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from onestop.errors import UsageError
from onestop.figures.style import shortened
from onestop.reporting.compare import comparison
from onestop.reporting.page import page
from onestop.reporting.run_data import RunData
from onestop.reporting.sections import sections
from onestop.reporting.summary import about, title
from onestop.runtime.files import write_atomic
from onestop.storage.run_folder import REPORT
from onestop.text import plural

__all__ = ["RunData", "write_comparison", "write_report"]

_LONG = 180  # bytes of a file's name, of which systems take 255


def write_report(found: RunData, out: Path | None = None) -> Path:
    """Write the page of a run, and the tables of its task beside it.

    Of classes that is confusion.csv beside report.html, NAME-confusion.csv beside NAME.html.

    Args:
        found: What `gather` found.
        out: Where to (default: report.html in the run's folder).

    Raises:
        OneStopError: It cannot be written.
    """
    path = out or found.folder / REPORT
    prefix = "" if path.name == REPORT else f"{path.stem}-"
    text = page(title(found), about(found), sections(found, prefix))
    for name, rows in found.report.files(found).items():
        table = path.with_name(prefix + name)
        if out:
            _refuse_foreign(table, rows.partition("\n")[0])
        write_atomic(table, rows)
    write_atomic(path, text)
    return path


def write_comparison(runs: Sequence[RunData], out: Path | None = None) -> Path:
    """Write the page of several runs beside each other.

    Args:
        runs: What `gather` found of each; the others are held against the first.
        out: Where to (default: compare-A-B.html beside the first run's folder).

    Raises:
        OneStopError: It cannot be written.
    """
    names = [run.folder.name for run in runs]
    together = "-".join(names)
    if len(together.encode(errors="replace")) > _LONG:
        together = f"{shortened(names[0], 60)}-and-{len(runs) - 1}-more"
    path = out or runs[0].folder.parent / f"compare-{together}.html"
    about_them = (
        f"{plural(len(runs), 'run')} beside each other; the first is held against the others"
    )
    write_atomic(path, page(" and ".join(names), about_them, comparison(runs)))
    return path


def _refuse_foreign(table: Path, header: str) -> None:
    """Stop if a table of somebody else's would be replaced."""
    if table.exists():
        with table.open(encoding="utf-8", errors="replace") as file:
            if file.readline().strip() != header.strip():
                raise UsageError(f"{table}: is there already and not ours; choose another --out")
