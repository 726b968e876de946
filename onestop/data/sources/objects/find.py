"""Which files of a source may be annotations, and which split one belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from onestop.data.sources.scan import require_enterable
from onestop.data.sources.split_names import split_of, tokens_of
from onestop.data.sources.tree import ignored

_DEEP = 3  # folders below the source in which annotations are looked for
_MOST = 200_000
"""Files and folders that are looked at."""


def files_of(source: Path, suffix: str) -> list[Path]:
    """The files of a suffix in a folder and the folders in it, sorted; or the file itself."""
    if not source.is_dir():
        return [source] if source.suffix.lower() == suffix else []
    return sorted(path for path in below(source) if path.suffix.lower() == suffix)


def below(root: Path, deep: int = _DEEP) -> Iterator[Path]:
    """The files in a folder and, some levels deep, in the folders in it."""
    left, folders, seen = _MOST, [(root, 0)], set[Path]()
    while folders:
        folder, depth = folders.pop()
        try:
            require_enterable(str(folder), depth)
            entries = sorted(folder.iterdir())
            real = folder.resolve()
        except OSError:
            continue
        if real in seen:
            continue
        seen.add(real)
        for path in entries:
            left -= 1
            if left < 0:
                return
            if ignored(path.name):
                continue
            if path.is_dir():
                folders += [(path, depth + 1)] if depth < deep else []
            elif path.is_file():
                yield path


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
