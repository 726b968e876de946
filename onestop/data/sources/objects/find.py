"""Which files of a source may be annotations, and which split one belongs to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from onestop.data.sources.scan import walked
from onestop.data.sources.split_names import split_of, tokens_of
from onestop.data.sources.tree import ignored

_DEEP = 3  # folders below the source in which annotations are looked for
_MOST = 200_000
"""Files and folders that are looked at."""


def files_of(source: Path, *suffixes: str) -> list[Path]:
    """The files of some suffixes in a folder and the folders in it, sorted; or the file itself."""
    if not source.is_dir():
        return [source] if source.suffix.lower() in suffixes else []
    return sorted(
        path for path in below(source, ending=suffixes) if path.suffix.lower() in suffixes
    )


def below(root: Path, deep: int = _DEEP, ending: tuple[str, ...] = ("",)) -> Iterator[Path]:
    """The files in a folder and, some levels deep, in the folders in it.

    Every source of images is asked several times whether it is annotated, so names are compared before
    anything else is done.

    Args:
        root: The folder.
        deep: Levels of folders that are entered.
        ending: Names end in one of these, in lower or upper case; all do by default.
    """
    top, left, seen = str(root), _MOST, set[str]()
    for place, folders, files in walked(top, lambda _: None):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        if place[len(top) :].count(os.sep) < deep:
            folders[:] = sorted((name for name in folders if not ignored(name)), reverse=True)
        else:
            folders.clear()
        for name in sorted(files)[: max(0, left)]:
            if name.lower().endswith(ending) and not ignored(name):
                path = Path(place, name)
                if path.is_file():
                    yield path
        left -= len(folders) + len(files)
        if left <= 0:
            return


def split_of_path(path: Path, root: Path) -> str | None:
    """The split that a file belongs to by its name, or else by the folders that it is in."""
    try:
        folders = path.relative_to(root).parent.parts
    except ValueError:
        folders = ()
    for name in (path.stem, *reversed(folders)):
        splits = {split for token in tokens_of(name) if (split := split_of(token))}
        if splits == {"train", "val"}:
            return "train"
        if len(splits) == 1:
            return splits.pop()
    return None
