"""`onestop report`: the report of a run, or a comparison of several."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from onestop.errors import UsageError
from onestop.reading import open_regular
from onestop.recipe.signatures import checked
from onestop.results.info import Report
from onestop.storage.own_files import require_own
from onestop.storage.run_folder import CONFUSION, REPORT, require_run

if TYPE_CHECKING:
    from torch import nn

    from onestop.reporting import RunData

_MOST = 8  # runs side by side
_OURS = b'<meta name="generator" content="OneStop'
_HEAD = 1000  # the first bytes of a page of ours contain it


@checked
def report(
    runs: str | Path | list[str | Path],
    *,
    out: str | Path | None = None,
    data_root: str | None = None,
    network: nn.Module | str | None = None,
) -> Report:
    """Write the report of a run, or a comparison of several runs, as one HTML page.

    The report of a run is written at the end of training anyway; this writes it again, also while the
    run is training (its best network so far is then scored on the validation split) or after it was
    stopped. Several runs are each compared with the first: settings that differ, metrics with
    intervals, McNemar's test, and images on which the predictions differ.

    Args:
        runs: folders of runs
        out: file to write (default: report.html in the run's folder; for several runs
            compare-A-B.html next to the first)
        data_root: folder of the data sets known by name (default: as in training)
        network: path/to/file.py:Class of a custom network; in Python also the network itself

    Returns:
        The file, and its first sentences.

    Raises:
        OneStopError: Not a run, or a file that cannot be written or is not ours to replace.
    """
    folders = [Path(run) for run in (runs if isinstance(runs, list) else [runs])]
    for folder in folders:
        require_run(folder)
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise UsageError("the same run is named twice; name another one to compare it with")
    if len(folders) > _MOST:
        raise UsageError(f"{len(folders)} runs: at most {_MOST} fit on a page; name fewer")
    if out is None and len(folders) == 1:
        require_own(folders[0], (REPORT, CONFUSION))
    _refuse_foreign(out)

    from onestop.figures.files import require_figures

    require_figures()
    from onestop.reporting import write_comparison, write_report
    from onestop.reporting.gather import gather
    from onestop.runtime.rng import preserved

    with preserved():
        gathered = [gather(folder, network=network, data_root=data_root) for folder in folders]
        path = Path(out) if out else None
        if len(gathered) == 1:
            return Report(write_report(gathered[0], path).resolve(), _summary(gathered[0]))
        return Report(write_comparison(gathered, path).resolve(), _verdicts(gathered))


def _refuse_foreign(out: str | Path | None) -> None:
    """Stop if this would replace a file that is not a page of ours."""
    if out is None:
        return
    path = Path(out)
    if path.is_dir() or not path.parent.is_dir():
        problem = "is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise UsageError(f"--out {out}: {problem}; name a file, such as report.html")
    if path.exists():
        ours = False
        with contextlib.suppress(OSError), open_regular(path) as file:
            ours = _OURS in file.read(_HEAD)
        if not ours:
            raise UsageError(f"--out {out}: exists and is not a report; name another file")


def _summary(run: RunData) -> tuple[str, ...]:
    from onestop.reporting.summary import headline, remarks

    return (headline(run), *remarks(run), *run.gone)


def _verdicts(runs: list[RunData]) -> tuple[str, ...]:
    from onestop.reporting.compare import differences_of, pair, told_apart, verdict_of

    first, *others = told_apart(runs)
    pairs = [pair(first, other) for other in others]
    return tuple(line for p in pairs for line in (verdict_of(p), *differences_of(p)))
