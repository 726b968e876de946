"""Tables of boxes, a row per object: RetinaNet's, TensorFlow's, VoTT's, Open Images' and their like.

Columns are known by their names; RetinaNet's has none. An image with empty cells is background. Rows
are joined by image, so that a split never cuts an image in two.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from onestop.data.sources.objects.find import files_of, split_of_path
from onestop.data.sources.objects.locate import Images
from onestop.data.sources.objects.parse import boxed, number, read_text
from onestop.data.sources.objects.raw import Box, Log, RawImage, RawObject, RawSet
from onestop.data.sources.split_names import split_of
from onestop.data.sources.table_file import read_table
from onestop.errors import DataError

KIND = "a table of boxes"
SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")
_NAMES = {
    "path": "filename file path image imageid image_id imagename image_name img imgpath imagepath "
    "filepath file_name image_path img_path",
    "name": "class label labelname label_name classname class_name name category object",
    "x1": "x1 xmin x_min left xtl bbox_x1", "y1": "y1 ymin y_min top ytl bbox_y1",
    "x2": "x2 xmax x_max right xbr bbox_x2", "y2": "y2 ymax y_max bottom ybr bbox_y2",
    "x": "x bbox_x", "y": "y bbox_y",
    "w": "w box_width bbox_width bbox_w", "h": "h box_height bbox_height bbox_h",
    "width": "width image_width img_width", "height": "height image_height img_height",
    "box": "bbox box boundingbox bounding_box",
    "split": "split set subset partition", "group": "group patient video",
    "crowd": "isgroupof iscrowd is_crowd",
}  # fmt: skip
_ROLES = {name: role for role, names in _NAMES.items() for name in names.split()}
_CORNERS, _SIZES = ("x1", "y1", "x2", "y2"), (("x", "y", "w", "h"), ("x1", "y1", "w", "h"))


@dataclass(frozen=True)
class Columns:
    """Where a table has what.

    Attributes:
        places: Numbers of columns by role.
        box: The roles of a box's four numbers; empty if one cell has them all.
        corners: Whether the last two are a corner rather than width and height.
    """

    places: Mapping[str, int]
    box: tuple[str, ...]
    corners: bool


def columns_of(header: Sequence[str]) -> Columns | None:
    """The columns of a table by their names; None if it is none of boxes.

    >>> columns_of(["filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax"]).box
    ('x1', 'y1', 'x2', 'y2')
    >>> columns_of(["path", "label"]) is None
    True
    """
    places: dict[str, int] = {}
    for column, title in enumerate(header):
        role = _ROLES.get(re.sub(r"[\s.-]+", "_", title.strip().lower()))
        if role is not None:
            places.setdefault(role, column)
    if "path" not in places:
        return None
    if all(role in places for role in _CORNERS):
        return Columns(places, _CORNERS, corners=True)
    for roles in _SIZES:
        if all(role in places for role in roles):
            return Columns(places, roles, corners=False)
    if "w" not in places and {"x", "y", "width", "height"} <= places.keys():
        return Columns(places, ("x", "y", "width", "height"), corners=False)
    return Columns(places, (), corners=False) if "box" in places else None


def is_headless(first: Sequence[str]) -> bool:
    """Whether a first row is RetinaNet's: path,x1,y1,x2,y2,class, the last five perhaps empty."""
    if len(first) != 6 or not first[0].strip():
        return False
    sides = [number(cell) for cell in first[1:5]]
    empty = not any(cell.strip() for cell in first[1:])
    return empty or (not any(map(math.isnan, sides)) and bool(first[5].strip()))


def is_table_of_boxes(path: Path) -> bool:
    """Whether a file is such a table, by its first line."""
    if path.suffix.lower() not in SUFFIXES:
        return False
    try:
        if path.suffix.lower() == ".parquet":
            return columns_of(read_table(path).header) is not None
        line = read_text(path, 2**28).split("\n", 1)[0].strip()
    except DataError:
        return False
    return any(columns_of(first) is not None or is_headless(first) for first in _first_rows(line))


def _first_rows(line: str) -> list[list[str]]:
    return [next(csv.reader(io.StringIO(line), delimiter=d), []) for d in ",;\t|"]


def read_tables(source: Path) -> RawSet | None:
    """What is in a table, or in the tables of a folder; None if none is of boxes."""
    files = [source] if source.is_file() else files_of(source, *SUFFIXES)
    files = [path for path in files if is_table_of_boxes(path)]
    if not files:
        return None
    root = source if source.is_dir() else source.parent
    if source.is_dir() and (files[0].parent.name.lower().startswith("annotation")):
        root = source
    log, images = Log(), Images(root)
    titles = _titles(root)
    splits: dict[str, dict[str, RawImage]] = {}
    for path in sorted(files):
        _read(path, root, images, titles, splits, log)
    return RawSet(KIND, root, {s: list(those.values()) for s, those in splits.items()}, log=log)


def _titles(root: Path) -> dict[str, str]:
    """Names of Open Images' classes: /m/0 is `Person`."""
    titles = {}
    for path in files_of(root, ".csv"):
        if "class-descriptions" in path.name:
            for row in csv.reader(io.StringIO(read_text(path))):
                if len(row) == 2 and row[0].startswith("/"):
                    titles[row[0]] = row[1]
    return titles


def _read(
    path: Path, root: Path, images: Images, titles: Mapping[str, str],
    splits: dict[str, dict[str, RawImage]], log: Log,
) -> None:  # fmt: skip
    """Add the rows of a table to the images of their splits."""
    header, rows = _rows(path)
    columns = columns_of(header)
    assert columns is not None
    cells = columns.places
    own = split_of_path(path, root) or "train"
    found = _found({row[cells["path"]] for _, row in rows}, path, root, images)
    unit, corners = _form([row for _, row in rows], columns, path.name, log)
    for line, row in rows:
        split = (split_of(row[cells["split"]]) if "split" in cells else None) or own
        log.split = split
        image = _image(row, line, found, splits.setdefault(split, {}), columns, path, log)
        if image is None:
            continue
        image.unit = unit
        values = _values(row, columns)
        name = row[cells["name"]].strip() if "name" in cells else "object"
        if not any(cell.strip() for cell in _box_cells(row, columns)):
            continue  # background
        crowd = "crowd" in cells and row[cells["crowd"]].strip().lower() in ("1", "true")
        box = _box(values, corners=corners)
        image.objects.append(RawObject(titles.get(name, name), box, f"line {line}", crowd))
    log.split = ""


def _rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header of a table, ours if it has none, and its rows with their lines."""
    if path.suffix.lower() != ".parquet":
        line = read_text(path, 2**28).split("\n", 1)[0].strip()
        first = next(csv.reader(io.StringIO(line)), [])
        if columns_of(first) is None and is_headless(first):
            header = ["path", *_CORNERS, "class"]
            reader = csv.reader(io.StringIO(read_text(path, 2**28)))
            rows = []
            for row in reader:
                if len(row) not in (0, 6):
                    raise DataError(
                        f"{path}:{reader.line_num}: {len(row)} values, where a row is "
                        "path,x1,y1,x2,y2,class"
                    )
                if any(row):
                    rows.append((reader.line_num, [cell.strip() for cell in row]))
            return header, rows
    table = read_table(path, _ROLES.keys())
    return table.header, table.rows


def _found(names: set[str], path: Path, root: Path, images: Images) -> dict[str, str | None]:
    """The images of the names in a table; Open Images' lack the suffix."""
    folder = path.parent.relative_to(root) if path.parent.is_relative_to(root) else Path()
    split = split_of_path(path, root) or ""
    near = [str(folder), "images", "", split, f"images/{split}", str(folder.parent / "images")]
    near += [str(folder.parent / "images" / split)]
    near += ["images/validation"] if split == "val" else []
    result = {}
    for name in names:
        result[name] = images.find(name, near)
        if result[name] is None and not Path(name).suffix:
            result[name] = images.find_stem(name, near)
    return result


def _image(
    row: Sequence[str], line: int, found: Mapping[str, str | None], known: dict[str, RawImage],
    columns: Columns, path: Path, log: Log,
) -> RawImage | None:  # fmt: skip
    """The image of a row; None if it is not there."""
    cells = columns.places
    name = row[cells["path"]]
    place = found.get(name)
    if place is None:
        if name not in {place for place, _, _ in log.skipped}:
            log.dropped("image", "not there", name)
        return None
    if place not in known:
        size = None
        if "width" in cells and "height" in cells and "width" not in columns.box:
            size = number(row[cells["width"]]), number(row[cells["height"]])
        group = row[cells["group"]].strip() if "group" in cells else ""
        known[place] = RawImage(place, size=size, group=group, of=f"{path.name}:{line}")
    return known[place]


def _box_cells(row: Sequence[str], columns: Columns) -> list[str]:
    roles = columns.box or ("box",)
    return [row[columns.places[role]] for role in roles]


def _values(row: Sequence[str], columns: Columns) -> list[float]:
    """The four numbers of a row, which may stand in one cell: `[1, 2, 3, 4]`, `1 2 3 4`."""
    cells = _box_cells(row, columns)
    if not columns.box:
        cells = re.split(r"[\s,;]+", cells[0].strip(" []()"))
    values = [number(cell) for cell in cells]
    return values if len(values) == 4 else [math.nan] * 4


def _form(
    rows: Sequence[Sequence[str]], columns: Columns, name: str, log: Log
) -> tuple[float, bool]:
    """The unit of the coordinates (1: fractions), and whether the last two are a corner."""
    values = [v for row in rows if not any(map(math.isnan, v := _values(row, columns)))]
    largest = max((max(map(abs, v)) for v in values), default=0.0)
    whole = all(side == int(side) for v in values for side in v)
    unit = 1.0 if values and largest <= 1.05 and not whole else 0.0
    if unit:
        log.notes.append(f"{name}: coordinates are fractions of width and height")
    if columns.box:
        return unit, columns.corners
    corners = all(v[2] > v[0] and v[3] > v[1] for v in values)
    what = "x1, y1, x2, y2" if corners else "x, y, width, height"
    log.notes.append(f"{name}: boxes are read as {what}")
    return unit, corners


def _box(values: Sequence[float], *, corners: bool) -> Box:
    if corners:
        return boxed(values)
    x, y, width, height = values
    return boxed([x, y, x + width, y + height])
