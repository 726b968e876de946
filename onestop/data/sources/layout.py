"""What the folders of a source mean: splits, classes, or something that is neither.

Judged by the names of folders on all levels and by where images lie, never by the first level alone.
Where there is one meaning, it is taken, and said in a note unless it is the plain one; where there are
several, one line lists what is there and what it may mean. Only names are asked: see `Tree`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from onestop.data.names import key_of
from onestop.data.sources.annotations import is_sure, masks_within, set_apart
from onestop.data.sources.split_folders import (
    find_splits,
    names_in,
    one_folder_each,
    without_labels,
)
from onestop.data.sources.split_names import (
    IMAGES,
    SPLITS,
    UNLABELLED,
    split_in,
    split_of,
    tokens_of,
)
from onestop.data.sources.tree import Tree
from onestop.errors import DataError
from onestop.text import listing

_DEEPEST = 10  # wrappers in wrappers
_ALIKE = 0.5  # share of names that folders have in common if they repeat each other
_USUAL = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
"""Names of split folders that need no note."""


@dataclass(frozen=True)
class Part:
    """A split: its class folders.

    Attributes:
        folder: Where they lie; images beside them have no class.
        class_folders: The name and the folder of each class.
    """

    folder: Tree
    class_folders: tuple[tuple[str, Tree], ...]


@dataclass(frozen=True)
class Layout:
    """What the folders of a source mean.

    Attributes:
        parts: The splits, in the order train, val, test.
        notes: Sentences on what was read as what, where it is not the plain layout.
        masks: Folders below class folders that are not read.
    """

    parts: dict[str, Part]
    notes: tuple[str, ...] = ()
    masks: frozenset[PurePath] = frozenset()


def layout_of(root: Tree, source: str, *, for_training: bool = True) -> Layout:
    """Decide what the folders of a source mean.

    Args:
        root: Its tree.
        source: Its name, for messages.
        for_training: Whether a split `train` is needed.

    Raises:
        DataError: Several meanings, or none.
    """
    judge = _Judge(source)
    top = judge.unwrapped(root)
    folders = judge.without_annotations(top)
    parts = judge.splits_above(top, folders) or judge.splits_below(top, folders)
    if not parts:
        judge.refuse_repeated(folders)
        if for_training:
            judge.refuse_lone(top, folders)
        parts = {"train": _part(top, folders)}
    if for_training and "train" not in parts:
        names = listing(repr(part.folder.name) for part in parts.values())
        raise DataError(f"{source}: has {names} but no folder 'train'; add one, or rename a folder")
    masks = [
        path
        for part in parts.values()
        for _, tree in part.class_folders
        for path in masks_within(tree)
    ]
    if masks:
        judge.notes.append(f"{listing(masks, 3)}: masks of the images beside them, not used")
    ordered = {split: parts[split] for split in SPLITS if split in parts}
    return Layout(ordered, tuple(judge.notes), frozenset(masks))


def _part(folder: Tree, folders: Sequence[Tree]) -> Part:
    return Part(folder, tuple((inner.name, inner) for inner in folders))


@dataclass
class _Judge:
    """Decides step by step, and collects notes."""

    source: str
    notes: list[str] = field(default_factory=list)

    def unwrapped(self, tree: Tree, wraps: Callable[[Tree], bool] = lambda _: True) -> Tree:
        """The folder itself, or the only one in it if that holds the class or split folders."""
        start = tree
        for _ in range(_DEEPEST):
            inner = _only(tree)
            if inner is None or not wraps(inner):
                break
            self.without_annotations(tree)
            tree = inner
        if tree is not start:
            self.notes.append(f"read from {str(tree.path)!r}, the only folder there")
        return tree

    def without_annotations(self, tree: Tree) -> list[Tree]:
        """The folders in a folder that may be classes or splits."""
        folders, apart = set_apart(tree.folders)
        for masks, of in apart:
            if not is_sure(masks, of):
                raise DataError(
                    f"{self.source}: {str(masks.path)!r} holds files named as those in "
                    f"{str(of.path)!r}: masks of these images, or a class of its own? Move it, "
                    "or rename its files"
                )
        if apart:
            names = listing(repr(str(masks.path)) for masks, _ in apart)
            of_images = listing({repr(str(images.path)): None for _, images in apart})
            self.notes.append(f"{names} beside {of_images}: not used, since they are no classes")
        return folders

    def splits_above(self, top: Tree, folders: Sequence[Tree]) -> dict[str, Part]:
        """The splits if folders are splits of class folders; empty if they are not."""
        chosen, notes = find_splits(top, folders, self.source)
        self.notes += notes
        if not chosen:
            return {}
        parts, unread = {}, [f for f in folders if f not in chosen.values()]
        if "train" not in chosen and _are_their_classes(unread, chosen):
            parts["train"] = _part(top, unread)
            held = listing(repr(f.name) for f in chosen.values())
            names = listing(repr(f.name) for f in unread)
            self.notes.append(f"{names} are read as classes to train on, {held} as held out")
        elif unread:
            names = listing(repr(str(f.path)) for f in unread)
            self.notes.append(f"{names} next to the split folders: ignored")
        ordered = sorted(chosen.items(), key=lambda item: SPLITS.index(item[0]))
        odd = [f"{f.name!r} as {s}" for s, f in ordered if f.name.lower() not in _USUAL[s]]
        if odd:
            self.notes.append(f"folders are read as splits: {listing(odd)}")
        known = {key_of(name) for part in parts.values() for name, _ in part.class_folders}
        for split, folder in ordered:
            if part := self._inside(folder, known):
                parts[split] = part
                known |= {key_of(name) for name, _ in part.class_folders}
        return parts

    def splits_below(self, top: Tree, folders: Sequence[Tree]) -> dict[str, Part]:
        """The splits if each class folder holds split folders; empty if they do not."""
        holding = [f for f in folders if f.holds]
        split = [f for f in holding if _holds_splits(f)]
        several = [f for f in split if len({split_in(inner.name) for inner in f.folders}) > 1]
        if len(split) < 2 and not several:
            return {}
        if others := [f for f in holding if f not in split]:
            raise DataError(
                f"{self.source}: there are folders {listing(f.name for f in split[0].folders)} in "
                f"{listing((str(f.path) for f in split), 3)}, but not in "
                f"{listing((str(f.path) for f in others), 3)}; arrange all classes alike"
            )
        classes: dict[str, list[tuple[str, Tree]]] = {}
        for folder in split:
            below = one_folder_each([f for f in folder.folders if f.holds], self.source)
            for name, inner in below.items():
                classes.setdefault(name, []).append((folder.name, inner))
        self.notes.append(
            f"splits lie in the class folders, as {str(split[0].folders[0].path)!r}: read as such"
        )
        return {name: Part(top, tuple(those)) for name, those in classes.items()}

    def refuse_repeated(self, folders: Sequence[Tree]) -> None:
        """Stop if folders taken for classes all hold folders of the same names."""
        holding = [f for f in folders if f.holds]
        inner = [names_in(f) for f in holding]
        masks = {key_of(path.name) for f in holding for path in masks_within(f)}
        every = set().union(*inner)
        if len(holding) < 2 or not all(inner) or len(every - masks) < 2:
            return
        if not all(_alike(one, other) for one in inner for other in inner):
            return
        names, below = listing((f.name for f in holding), 4), listing(sorted(every), 4)
        raise DataError(
            f"{self.source}: the folders {names} each hold the folders {below}; if {below} are the "
            f"classes, name one of the former ({self.source}/{holding[0].path}) or call them train, "
            f"val and test; if {names} are the classes, move the images of each out of {below}, or "
            "give a table of paths and labels"
        )

    def refuse_lone(self, top: Tree, folders: Sequence[Tree]) -> None:
        """Stop if the only folder with images is no class by its name or by what it holds."""
        holding = [f for f in folders if f.holds]
        if len(holding) != 1:
            return
        (folder,) = holding
        if folder.deep and not folder.images and len(names_in(folder)) > 1:
            raise DataError(
                f"{self.source}: has only the class {folder.name!r}, which holds the folders "
                f"{listing(sorted(names_in(folder)))}; if these are meant, name "
                f"{self.source}/{folder.path}"
            )
        if IMAGES.issuperset(tokens_of(folder.name)):
            raise without_labels(top, holding, self.source)

    def _inside(self, folder: Tree, known: set[str]) -> Part | None:
        """A split folder's classes; None if its images have none.

        Args:
            folder: Of the split.
            known: The classes of the splits before it.
        """
        node = self.unwrapped(folder, lambda inner: key_of(inner.name) not in known)
        classes = self.without_annotations(node)
        holding = [f for f in classes if f.holds]
        if not known:
            self.refuse_repeated(classes)
            if len(holding) == 1 and IMAGES.issuperset(tokens_of(holding[0].name)):
                raise without_labels(node, holding, self.source)
            return _part(node, classes)
        loose = node if not holding and node.images else None
        if len(holding) == 1 and _has_no_class(holding[0], folder, known):
            loose = holding[0]
        if loose is None:
            return _part(node, classes)
        count = len(loose.images)
        lie = "1 image lies" if count == 1 else f"{count:,} images lie"
        self.notes.append(f"{lie} loose in {str(loose.path)!r}, not used; predict takes them")
        return None


def _only(tree: Tree) -> Tree | None:
    """The only folder in a folder if it is a wrapper: it holds folders that hold images."""
    folders, _ = set_apart(tree.folders)
    if len(folders) != 1 or tree.images:
        return None
    inner = folders[0]
    if inner.images or not inner.deep:
        return None
    if split_of(inner.name):
        holding = [f for f in inner.folders if f.holds]
        splits = [f for f in holding if split_in(f.name) and f.deep]
        if not splits or (
            len(splits) < len(holding) and len({split_in(f.name) for f in splits}) == 1
        ):
            return None  # a split of classes, of which one may be called like a split
    return inner


def _are_their_classes(folders: Sequence[Tree], splits: dict[str, Tree]) -> bool:
    """Whether folders beside split folders are the classes that these have: <class>/, test/<class>/."""
    inner = set().union(*map(names_in, splits.values()))
    return bool(inner) and inner <= {key_of(f.name) for f in folders if f.holds}


def _alike(one: set[str], other: set[str]) -> bool:
    one, other = {name.casefold() for name in one}, {name.casefold() for name in other}
    return len(one & other) >= _ALIKE * len(one | other)


def _holds_splits(folder: Tree) -> bool:
    inner = [f for f in folder.folders if f.holds]
    return bool(inner) and not folder.images and all(split_in(f.name) for f in inner)


def _has_no_class(folder: Tree, split: Tree, known: set[str]) -> bool:
    """Whether a folder in a split only holds its images: test/unknown/, test/test/, test/images/."""
    if key_of(folder.name) in known or folder.deep:
        return False
    same = key_of(folder.name) == key_of(split.name) or split_of(folder.name) is not None
    return same or IMAGES.union(UNLABELLED).issuperset(tokens_of(folder.name))
