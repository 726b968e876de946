"""Which column of a table holds what: recognised by its name, or named by a setting.

Where there is exactly one candidate it is taken and a note says so; otherwise one line says which
setting would help.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from onestop.data.names import nfc
from onestop.data.sources.options import Options
from onestop.data.sources.split_names import tokens_of, words
from onestop.data.sources.table_file import Table
from onestop.data.sources.table_paths import ImagePaths
from onestop.errors import DataError, UsageError
from onestop.text import did_you_mean, listing

_IMAGES = (
    ("path", "image", "filename", "file", "filepath", "image_path"),
    (
        "file_name", "file_path", "filepaths", "image_file", "image_filename", "image_file_name",
        "img_path", "imagepath", "img_file", "image_paths", "filenames", "paths", "images",
    ),
    ("image_name", "imagename", "img_name", "img", "image_id", "imageid", "img_id"),
    ("name", "id", "file_id", "uid", "isic_id"),
)  # fmt: skip
"""Names of the column of images, from the plainest to those that may mean something else."""
PATH_NAMES = _IMAGES[0]
"""The plainest names of the column of images."""
_LABELS = (
    ("label", "target", "class"),
    (
        "class_name", "classname", "label_name", "labelname", "category_name", "category",
        "class_label", "true_label", "gt_label", "ground_truth",
    ),
    ("class_id", "label_id", "category_id", "class_index", "class_idx", "label_idx"),
)  # fmt: skip
_GROUPS = ("group", "groups", "group_id", "group_name")
_PEOPLE_AND_THINGS = words(
    "group groups patient patients subject subjects participant person persons identity "
    "individual animal video videos clip scene session case study lesion slide series sequence "
    "donor specimen plot user camera site location mrn visit burst"
)
_NUMBERING = words("id ids no nr num number name uid code key index idx anon")
_COUNTERS = frozenset(("", "index", "idx", "unnamed_0", "row", "no", "nr"))
_MANY = 10  # rows from which on a column of different texts is no label
KNOWN = frozenset(
    name for tier in (*_IMAGES, *_LABELS, _GROUPS, ("split", "labels")) for name in tier
)
"""Names that tell a header from other lines."""


@dataclass(frozen=True)
class Columns:
    """Numbers of the columns of a table.

    Attributes:
        image: Of the images.
        group: Of the groups, if there is one.
        notes: Sentences on what was recognised.
    """

    image: int
    group: int | None = None
    notes: tuple[str, ...] = ()


def find_columns(table: Table, options: Options, paths: ImagePaths) -> Columns:
    """The columns of images and groups.

    Raises:
        DataError: There is no column of images, or several.
        UsageError: A column that a setting names is not there.
    """
    names = [_plain(name) for name in table.header]
    notes = []
    image, tier = _recognised(table, names, _IMAGES, "path", "--path-column", options.path_column)
    if image is None:
        raise DataError(_no_images(table, paths))
    if tier > 1:
        notes.append(f"images are those in the column {table.header[image]!r}")
    group, tier = _recognised(table, names, tuple((name,) for name in _GROUPS), "group", "")
    if group is not None and tier:
        notes.append(f"column {table.header[group]!r} is read as the group")
    return Columns(image, group, tuple(notes))


def find_label(table: Table, options: Options) -> int | None:
    """The column of labels, by a setting or its plain name."""
    names = [_plain(name) for name in table.header]
    way = "--label-column"
    return _recognised(table, names, _LABELS[:1], "label", way, options.label_column)[0]


def likely_label(table: Table, others: Collection[int]) -> int | None:
    """The column that is likely the label: of a usual name, or the only one that is left."""
    names = ["" if k in others else _plain(name) for k, name in enumerate(table.header)]
    column, _ = _recognised(table, names, _LABELS[1:], "label", "--label-column")
    if column is not None:
        return column
    left = [
        k for k, name in enumerate(names) if k not in others and _may_be_a_label(table, k, name)
    ]
    return left[0] if len(left) == 1 else None


def no_label(table: Table, others: Collection[int]) -> str:
    """The error on a table without a column of labels."""
    left = [name for k, name in enumerate(table.header) if k not in others and name]
    names = map(_plain, left)
    near = next((s for s in (did_you_mean(n, _LABELS[0]) for n in names if n) if s), "")
    way = f"{near}; if one of {listing(left)} is: --label-column {left[0]}" if left else ""
    return (
        f"{table.source}:1: no column for the label ({listing(_LABELS[0])}); "
        f"there is {listing(table.header)}{way}"
    )


def groups_not_read(table: Table, columns: Collection[int]) -> list[str]:
    """Notes on unread columns that seem to name what several images are of: a patient, a video."""
    notes = []
    for k in columns:
        tokens = set(tokens_of(table.header[k]))
        things = tokens - _NUMBERING
        if not things or not things <= _PEOPLE_AND_THINGS:
            continue
        different = len(set(table.column(k)))
        if 1 < different < len(table.rows):
            notes.append(
                f"column {table.header[k]!r} not read; call it group to keep its images together"
            )
    return notes


def named_column(table: Table, name: str, flag: str) -> int:
    """The column of a name.

    Raises:
        UsageError: There is none, or several.
    """
    exact = [k for k, known in enumerate(table.header) if nfc(known) == nfc(name.strip())]
    lower = nfc(name.strip()).lower()
    same = exact or [k for k, known in enumerate(table.header) if nfc(known).lower() == lower]
    if not same:
        near = did_you_mean(name, table.header) or f"; there is {listing(table.header)}"
        raise UsageError(f"{flag} {name}: {table.source} has no such column{near}")
    if len(same) > 1:
        raise UsageError(f"{flag} {name}: {table.source} has {len(same)} such columns; rename one")
    return same[0]


def _plain(name: str) -> str:
    return "_".join(tokens_of(name))


def _recognised(
    table: Table, names: Sequence[str], tiers: Sequence[Sequence[str]], kind: str, flag: str,
    wanted: str | None = None,
) -> tuple[int | None, int]:  # fmt: skip
    """The column that is wanted, or one of a usual name, and the number of that name's tier."""
    if wanted is not None:
        return named_column(table, wanted, flag), 0
    for number, tier in enumerate(tiers):
        matches = [k for k, name in enumerate(names) if name in tier]
        if len(matches) > 1:
            both = listing(table.header[k] for k in matches)
            way = f"rename one, or set {flag}" if flag else "rename one"
            raise DataError(f"{table.source}:1: columns {both} could all be the {kind}; {way}")
        if matches:
            return matches[0], number
    return None, 0


def _no_images(table: Table, paths: ImagePaths) -> str:
    files = [k for k, name in enumerate(table.header) if paths.find(name) or paths.hint(name)]
    if files:
        name = table.header[files[0]]
        return (
            f"{table.source}:1: has no header, {name!r} names an image; put a line with the names of "
            "the columns first, such as path,label"
        )
    names = [_plain(name) for name in table.header]
    near = next((s for s in (did_you_mean(n, _IMAGES[0]) for n in names if n) if s), "")
    way = near
    for k, name in enumerate(table.header):
        cells = [cell for cell in table.column(k)[:20] if cell]
        if cells and all(paths.find(cell) or paths.hint(cell) for cell in cells):
            way = f"{near}; {name!r} names images: --path-column {name}"
    return (
        f"{table.source}:1: no column for the path ({listing(_IMAGES[0])}); "
        f"there is {listing(table.header)}{way}"
    )


def _may_be_a_label(table: Table, column: int, name: str) -> bool:
    tokens = set(tokens_of(name))
    if name in _COUNTERS or (tokens - _NUMBERING) <= _PEOPLE_AND_THINGS:
        return False
    cells = table.column(column)
    different = len(cells) >= _MANY and len(set(cells)) == len(cells)
    return not different or 2 * sum(map(_is_number, cells)) > len(cells)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
