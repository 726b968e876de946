"""Annotation files of strangers: JSON, XML, YAML and text, of bounded size, and nothing in them is run.

XML is read without document types and entities, so that a small file cannot grow to gigabytes or name
other files; YAML makes plain values only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

import yaml

from onestop.errors import DataError
from onestop.reading import parse_json, read_regular

MOST_JSON = 2**30
"""Bytes of a JSON file: 1 GiB; COCO's own largest has 450 MB."""
MOST_TEXT = 2**24
"""Bytes of any other annotation file: 16 MiB."""
_DEEPEST = 30  # XML elements within elements
_MOST_PARTS = 500_000  # XML elements, or values of YAML


def read_text(path: Path, most: int = MOST_TEXT) -> str:
    """The text of a file in UTF-8, with or without a mark at its start.

    Raises:
        DataError: It cannot be read, is too large, or not UTF-8.
    """
    try:
        content = read_regular(path, most)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: not UTF-8 (byte 0x{content[error.start]:02x} at {error.start}); save it as UTF-8"
        ) from None


def read_json(path: Path) -> Any:
    """The value in a JSON file.

    Raises:
        DataError: It cannot be read, or is no JSON.
    """
    try:
        return parse_json(read_text(path, MOST_JSON))
    except ValueError as error:
        raise DataError(f"{path}: no valid JSON ({error}); export it again") from None


@dataclass
class Node:
    """An element of an XML file.

    Attributes:
        tag: Its name.
        text: Its own text, without blanks around it.
        children: The elements directly in it.
    """

    tag: str
    text: str = ""
    children: list[Node] = field(default_factory=list)

    def find(self, *tags: str) -> Node | None:
        """The first element at a path below."""
        node = self
        for tag in tags:
            inner = next(node.all(tag), None)
            if inner is None:
                return None
            node = inner
        return node

    def all(self, tag: str) -> Iterator[Node]:
        """The elements of a name directly in it: never those deeper down."""
        return (child for child in self.children if child.tag == tag)

    def value(self, *tags: str) -> str:
        """The text at a path below; empty if there is none."""
        node = self.find(*tags)
        return "" if node is None else node.text


class _Tree:
    """Builds the nodes of an XML file while it is parsed."""

    def __init__(self) -> None:
        self.root = Node("")
        self.open = [self.root]
        self.parts = 0

    def start(self, tag: str, _: object) -> None:
        self.parts += 1
        if len(self.open) > _DEEPEST or self.parts > _MOST_PARTS:
            raise ValueError("too many elements, or nested too deeply")
        node = Node(tag)
        self.open[-1].children.append(node)
        self.open.append(node)

    def end(self, _: str) -> None:
        node = self.open.pop()
        node.text = node.text.strip()

    def data(self, text: str) -> None:
        self.open[-1].text += text

    def refuse(self, *_: object) -> None:
        raise ValueError("declares a document type or entities, which are not read")


def read_xml(path: Path) -> Node:
    """The root element of an XML file.

    Raises:
        DataError: It cannot be read, is no XML, or declares entities.
    """
    try:
        content = read_regular(path, MOST_TEXT)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    parser, tree = expat.ParserCreate(), _Tree()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = tree.start, tree.end
    parser.CharacterDataHandler = tree.data
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = tree.refuse
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise DataError(f"{path}: no valid XML ({error})") from None
    return tree.root.children[0]


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; a value that is there twice by reference is refused.

    Raises:
        DataError: It cannot be read, or is something else.
    """
    try:
        text = read_text(path, 2**20)
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise DataError(f"{path}: has references (*name), which are not read; write values out")
        values = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        line = str(getattr(error, "problem", "") or error).splitlines()[0]
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise DataError(f"{place}: no valid YAML ({line})") from None
    if not isinstance(values, dict):
        raise DataError(f"{path}: not a list of settings (names: ..., train: ..., val: ...)")
    return {str(key): value for key, value in values.items()}


def number(value: Any) -> float:
    """A finite number, also as text; NaN for anything else.

    >>> number("3"), number(2), number("a"), number(True), number("inf")
    (3.0, 2.0, nan, nan, nan)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    if isinstance(value, str) and len(value) > 60:
        return math.nan
    try:
        result = float(value)
    except (ValueError, OverflowError):
        return math.nan
    return result if math.isfinite(result) else math.nan


def listed(values: Any) -> list[Any]:
    """A list; an empty one for anything else."""
    return values if isinstance(values, list) else []


def numbers(values: Any) -> list[float] | None:
    """A list of finite numbers; None if it is none, or one of them is no number."""
    if not isinstance(values, list | tuple):
        return None
    result = [number(value) for value in values]
    return None if any(map(math.isnan, result)) else result


def boxed(values: Sequence[float]) -> tuple[float, float, float, float]:
    """Four numbers as x1, y1, x2, y2."""
    x1, y1, x2, y2 = values
    return x1, y1, x2, y2
