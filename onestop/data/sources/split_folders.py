"""Which folders that stand beside each other are splits, and which are classes.

A name alone decides nothing: `train` may be a vehicle, `test_tube` a thing. Folders are splits where
several of them are called so, or where the folders below say so.
"""

from __future__ import annotations

from collections.abc import Sequence

from onestop.data.names import key_of
from onestop.data.sources.split_names import UNLABELLED, rest_of, split_in, split_of, tokens_of
from onestop.data.sources.tree import Tree
from onestop.errors import DataError
from onestop.text import listing, plural

_DEEPEST = 10  # folders that hold nothing but one folder
_EVALUATION = frozenset(("eval", "evaluation"))
_TABLES = (".csv", ".tsv", ".parquet")


def find_splits(
    top: Tree, folders: Sequence[Tree], source: str
) -> tuple[dict[str, Tree], list[str]]:
    """The folder of each split, and sentences about them; none if the folders are classes.

    Args:
        top: What the folders are in.
        folders: Those that may be splits or classes.
        source: Its name, for messages.

    Raises:
        DataError: Several meanings, or two folders for one split.
    """
    marked = [f for f in folders if split_in(f.name)]
    others = [f for f in folders if f not in marked and f.holds]
    if not marked:
        return {}, []
    if len({split_in(f.name) for f in marked}) > 1:
        splits = _several_are(top, marked, others, source)
        if splits:
            return one_folder_each(marked, source), []
        return {}, [_as_classes(marked, others)] if others else []
    return _lone(marked, others, source)


def one_folder_each(marked: Sequence[Tree], source: str) -> dict[str, Tree]:
    """The folder of each split; `test` goes before `test_extra`.

    Raises:
        DataError: Two for one split.
    """
    chosen: dict[str, Tree] = {}
    splits = {split_in(f.name) for f in marked if not _for_evaluation(f)}
    for folder in sorted(marked, key=lambda f: split_of(f.name) is None):
        split = split_in(folder.name) or ""
        if _for_evaluation(folder) and "val" in splits and "test" not in splits:
            split = "test"  # `eval` beside `dev`
        if split not in chosen:
            chosen[split] = folder
        elif split_of(folder.name) or not split_of(chosen[split].name):
            both = f"{chosen[split].name!r} and {folder.name!r}"
            raise DataError(f"{source}: {both} both look like the split {split!r}; rename one")
    return chosen


def _for_evaluation(folder: Tree) -> bool:
    return bool(_EVALUATION.intersection(tokens_of(folder.name)))


def names_in(folder: Tree) -> set[str]:
    """The names of the folders with images in a folder, or in the only folder in it, and so on."""
    for _ in range(_DEEPEST):
        if len(folder.folders) != 1 or folder.images or not folder.folders[0].deep:
            break
        folder = folder.folders[0]
    return {key_of(inner.name) for inner in folder.folders if inner.holds}


def without_labels(top: Tree, folders: Sequence[Tree], source: str) -> DataError:
    """The error on folders that look like splits and hold images without class folders."""
    counts = [f"{str(f.path)!r} ({plural(len(f.images), 'image')})" for f in folders]
    tables = [name for name in top.others if name.lower().endswith(_TABLES)]
    table = f" ({listing(tables, 3)} is there)" if tables else ""
    first, hold = folders[0].path, "holds" if len(folders) == 1 else "hold"
    classes = f"; if they are classes, move them all below one folder: train/{first.name}, ..."
    return DataError(
        f"{source}: {listing(counts)} {hold} images without class folders; use {first}/<class>/*.jpg, "
        f"or name a table of paths and labels{table}{classes if len(folders) > 1 else ''}"
    )


def _several_are(top: Tree, marked: list[Tree], others: list[Tree], source: str) -> bool:
    """Whether folders with the names of several splits are those."""
    exact = sum(split_of(f.name) is not None for f in marked) > 1
    if not exact and others and not _of_one_series(marked):
        return False
    if any(f.deep for f in marked):
        return True
    if any(f.holds for f in marked):
        raise without_labels(top, [f for f in marked if f.holds], source)
    return exact and not others


def _of_one_series(marked: list[Tree]) -> bool:
    """Whether names with a split as one of their words belong together: `seg_train`, `seg_test`."""
    rests: dict[str | None, set[tuple[str, ...]]] = {}
    for folder in marked:
        rests.setdefault(split_in(folder.name), set()).add(rest_of(folder.name))
    if all(rest == rests[split_in(marked[0].name)] for rest in rests.values()):
        return True
    names = [names_in(f) for f in marked if f.deep]
    return len(names) > 1 and bool(set.intersection(*names))


def _lone(marked: list[Tree], others: list[Tree], source: str) -> tuple[dict[str, Tree], list[str]]:
    """As `find_splits`, where only one split has a folder."""
    if not any(split_of(f.name) for f in marked):
        return {}, []  # a thing whose name has such a word
    if others and not any(f.deep for f in marked):
        return {}, [_as_classes(marked, others)]
    chosen = one_folder_each(marked, source)
    ((split, folder),) = chosen.items()
    if others and not _stands_for_itself(split, folder, others):
        raise _two_meanings(folder, others, source)
    return chosen, []


def _as_classes(marked: list[Tree], others: list[Tree]) -> str:
    names, like = listing(repr(f.name) for f in marked), listing((f.name for f in others), 3)
    are = "is read as a class" if len(marked) == 1 else "are read as classes"
    return f"{names} {are} like {like}, not as a split: no class folders are in it"


def _stands_for_itself(split: str, folder: Tree, others: list[Tree]) -> bool:
    """Whether a single split folder with class folders stands beside others as a split."""
    inner = names_in(folder)
    if split != "train" and inner <= {key_of(f.name) for f in others}:
        return True  # test/<class>/ beside <class>/
    others = [f for f in others if not UNLABELLED.intersection(tokens_of(f.name))]
    if all(names_in(f) & inner for f in others):
        return True
    return len(others) < 2 and not any(f.deep for f in others)


def _two_meanings(folder: Tree, others: list[Tree], source: str) -> DataError:
    name, like = folder.name, listing((f.name for f in others), 3)
    return DataError(
        f"{source}: is {name!r} a split with the classes {listing(sorted(names_in(folder)))}, or a "
        f"class like {like}? If a split, move the others elsewhere; if a class, move all class folders "
        f"below one folder: train/{name}, train/{others[0].name}, ..."
    )
