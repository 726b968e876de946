"""The page of a run, and that of several beside each other: report.html."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from onestop.errors import plural
from onestop.judging import matrix_of
from onestop.metrics.confusion import confused_pairs
from onestop.reporting.compare import comparison
from onestop.reporting.evidence import Evidence, gather
from onestop.reporting.page import page
from onestop.reporting.sections import sections
from onestop.reporting.words import about, title
from onestop.run_folder import CONFUSION, REPORT, csv_text, write_atomic

__all__ = ["Evidence", "gather", "write_comparison", "write_report"]


def write_report(found: Evidence, out: Path | None = None) -> Path:
    """Write the page of a run, and the numbers of its confusion matrix beside it.

    Args:
        found: What `gather` found.
        out: Where to (default: report.html in the run's folder).

    Raises:
        OneStopError: It cannot be written.
    """
    path = out or found.folder / REPORT
    text = page(title(found), about(found), sections(found))
    if found.verdicts and found.classes:
        write_atomic(path.with_name(CONFUSION), _pairs_csv(found))
    write_atomic(path, text)
    return path


def write_comparison(runs: Sequence[Evidence], out: Path | None = None) -> Path:
    """Write the page of several runs beside each other.

    Args:
        runs: What `gather` found of each; the others are held against the first.
        out: Where to (default: compare-A-B.html beside the first run's folder).

    Raises:
        OneStopError: It cannot be written.
    """
    names = [run.folder.name for run in runs]
    path = out or runs[0].folder.parent / f"compare-{'-'.join(names)}.html"
    about_them = (
        f"{plural(len(runs), 'run')} beside each other; the first is held against the others"
    )
    write_atomic(path, page(" and ".join(names), about_them, comparison(runs)))
    return path


def _pairs_csv(found: Evidence) -> str:
    """A row for each class and what it was named, hits included, where any image was."""
    matrix, names = matrix_of(found.verdicts, found.classes), found.classes
    hits = [(k, k, int(matrix[k, k])) for k in range(len(names)) if matrix[k, k]]
    rows = [
        {"truth": names[truth], "predicted": names[said], "images": count}
        for truth, said, count in sorted([*hits, *confused_pairs(matrix)])
    ]
    return csv_text(("truth", "predicted", "images"), rows, header=True)
