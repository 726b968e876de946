"""The report of a run, report.html, and the comparison of several runs."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from onestop.errors import UsageError
from onestop.figures.style import shortened
from onestop.reading import open_regular
from onestop.reporting.compare import comparison
from onestop.reporting.page import page
from onestop.reporting.run_data import RunData
from onestop.reporting.sections import sections
from onestop.reporting.summary import about, title
from onestop.runtime.files import write_atomic
from onestop.storage.run_folder import REPORT
from onestop.text import plural

__all__ = ["RunData", "write_comparison", "write_report"]

_LINE = 2**16  # bytes of a table's header that are read
_LONG = 180  # bytes of a file name; systems allow 255


def write_report(run: RunData, out: Path | None = None) -> Path:
    """Write the report of a run, and the tables of its task next to it.

    For classes that is confusion.csv next to report.html, NAME-confusion.csv next to NAME.html.

    Args:
        run: The result of `gather`.
        out: The file (default: report.html in the run's folder).

    Raises:
        OneStopError: It cannot be written.
    """
    path = out or run.folder / REPORT
    prefix = "" if path.name == REPORT else f"{path.stem}-"
    of = f"{run.card.network_digest} {run.state}" if run.card else ""
    text = page(title(run), about(run), sections(run, prefix), of)
    for name, rows in run.report.files(run).items():
        table = path.with_name(prefix + name)
        if out:
            _refuse_foreign(table, rows.partition("\n")[0])
        write_atomic(table, rows)
    write_atomic(path, text)
    return path


def write_comparison(runs: Sequence[RunData], out: Path | None = None) -> Path:
    """Write the comparison of several runs.

    Args:
        runs: The results of `gather`; the first is compared with each of the others.
        out: The file (default: compare-A-B.html next to the first run's folder).

    Raises:
        OneStopError: It cannot be written.
    """
    names = [run.folder.name for run in runs]
    together = "-".join(names)
    if len(together.encode(errors="replace")) > _LONG:
        together = f"{shortened(names[0], 60)}-and-{len(runs) - 1}-more"
    path = out or runs[0].folder.parent / f"compare-{together}.html"
    subtitle = f"Comparison of {plural(len(runs), 'run')}; the first is the baseline"
    write_atomic(path, page(" and ".join(names), subtitle, comparison(runs)))
    return path


def _refuse_foreign(table: Path, header: str) -> None:
    """Stop if this would replace a file that is not ours."""
    if table.exists():
        first = b""
        with contextlib.suppress(OSError), open_regular(table) as file:
            first = file.readline(_LINE)
        if first.decode("utf-8", "replace").strip() != header.strip():
            raise UsageError(f"{table}: exists and is not a report's table; choose another --out")
