"""`onestop report`: the page of a run, or of several beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from onestop.errors import UsageError
from onestop.results import Report
from onestop.storage.run_folder import RECIPE, is_run

if TYPE_CHECKING:
    from torch import nn

    from onestop.reporting import RunData

_MOST = 8  # runs side by side
_OURS = b'<meta name="generator" content="OneStop'
_HEAD = 1000  # bytes in which a page of ours says so


def report(
    runs: str | Path | list[str | Path],
    *,
    out: str | Path | None = None,
    data_root: str | None = None,
    network: nn.Module | str | None = None,
) -> Report:
    """Write the page of a run, or of several runs beside each other, to look at in a browser.

    The page of a run is written at the end of training anyway; here it is made anew, also while the
    run is going on (its best network so far is then scored on the validation split) and after it was
    stopped. Several runs are compared: settings that differ, metrics with intervals, McNemar's test,
    the images that flipped; the first is what the others are held against.

    Args:
        runs: folders of runs
        out: file to write (default: report.html in the run's folder; of several runs
            compare-A-B.html beside the first)
        data_root: folder of the sets known by name (default: where they lay in training)
        network: path/to/file.py:Class of your own network, where the model is one; in Python also
            the network itself

    Returns:
        The file, and what its first sentences say.

    Raises:
        OneStopError: Not a run, or a file that cannot be written or is not ours to replace.
    """
    folders = [Path(run) for run in (runs if isinstance(runs, list) else [runs])]
    for folder in folders:
        if not is_run(folder):
            raise UsageError(
                f"{folder}: is not a run folder: it has no {RECIPE}; name a folder below runs/"
            )
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise UsageError("the same run is named twice; name another one to compare it with")
    if len(folders) > _MOST:
        raise UsageError(f"{len(folders)} runs: at most {_MOST} find room on a page; name fewer")
    _refuse_foreign(out)

    from onestop.reporting import gather, write_comparison, write_report
    from onestop.runtime.rng import preserved

    with preserved():
        found = [gather(folder, network=network, data_root=data_root) for folder in folders]
        path = Path(out) if out else None
        if len(found) == 1:
            return Report(write_report(found[0], path).resolve(), _said_of(found[0]))
        return Report(write_comparison(found, path).resolve(), _said_of_pairs(found))


def _refuse_foreign(out: str | Path | None) -> None:
    """Stop if a file would be replaced that is not a page of ours."""
    if out is None:
        return
    path = Path(out)
    if path.is_dir() or not path.parent.is_dir():
        problem = "is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise UsageError(f"--out {out}: {problem}; name a file, such as report.html")
    if path.exists():
        with path.open("rb") as file:
            if _OURS not in file.read(_HEAD):
                raise UsageError(f"--out {out}: exists and is not a report; name another file")


def _said_of(found: RunData) -> tuple[str, ...]:
    from onestop.reporting.summary import headline, remarks

    return (headline(found), *remarks(found), *found.gone)


def _said_of_pairs(found: list[RunData]) -> tuple[str, ...]:
    from onestop.reporting.compare import differences_of, pair, told_apart, verdict_of

    first, *others = told_apart(found)
    pairs = [pair(first, other) for other in others]
    return tuple(line for p in pairs for line in (verdict_of(p), *differences_of(p)))
