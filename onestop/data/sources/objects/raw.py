"""What a reader of annotations hands over: objects as the files have them, not yet checked or clipped.

A reader knows one format. Everything that is the same for all of them (clipping, dropping, EXIF, units,
classes, notes) happens once, in `onestop.data.sources.objects.repair`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from onestop.data.shapes import Shape
from onestop.errors import DataError
from onestop.images.header import Stored
from onestop.text import listing, plural

Box: TypeAlias = tuple[float, float, float, float]
"""x1, y1, x2, y2."""
_SHOWN = 3  # examples in a note


@dataclass
class RawObject:
    """One object of an annotation file.

    Attributes:
        name: Its class.
        box: In pixels, or in the unit of its image; None if it follows from the outline.
        place: Where it stands, for messages: "object 3", "annotation 17".
        crowd: Whether it is not to be trained on or counted.
        shape: Its outline, in the same unit as the box (run lengths always in pixels).
        points: x, y and visibility of each key point, [P, 3], in the same unit.
        area: In square pixels, if the file says.
    """

    name: str
    box: Box | None
    place: str
    crowd: bool = False
    shape: Shape | None = None
    points: NDArray[np.float64] | None = None
    area: float = 0.0


@dataclass
class RawImage:
    """One image and what is annotated in it.

    Attributes:
        path: Below the source's folder, or absolute.
        objects: Its objects, in the order of the file.
        size: Width and height of the picture that was annotated, if the file says.
        unit: Of the coordinates: 1 if they are fractions of width and height; 0: pixels.
        group: Of images that belong together (a patient, a video), if the source has any.
        of: The annotation file.
        file: Size of the picture where it is no file.
    """

    path: str
    objects: list[RawObject] = field(default_factory=list)
    size: tuple[float, float] | None = None
    unit: float = 0
    group: str = ""
    of: str = ""
    file: Stored | None = None


@dataclass
class Log:
    """What was noticed while reading: each thing counted, and named with its first few places.

    Attributes:
        skipped: What is not used, file by file and object by object: place, reason, split.
        notes: Sentences of their own.
        split: The split that is being read.
    """

    skipped: list[tuple[str, str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    split: str = ""
    _counted: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)

    def changed(self, thing: str, what: str, place: str, things: str = "") -> None:
        """Something that is used all the same."""
        self._counted.setdefault((thing, things or f"{thing}s", what), []).append(place)

    def dropped(self, thing: str, why: str, place: str, things: str = "") -> None:
        """Something that is not used: a file, an image or an object."""
        self.skipped.append((place, f"{thing} {why}", self.split))
        self.changed(thing, f"{why}: not used", place, things)

    def sentences(self) -> list[str]:
        """Everything as notes."""
        counted = [
            f"{plural(len(where), thing, things)} {what} ({listing(where, _SHOWN)})"
            for (thing, things, what), where in self._counted.items()
        ]
        return [*self.notes, *counted]

    def count(self, thing: str, what: str) -> int:
        """How often something was noticed."""
        return sum(len(v) for (t, _, w), v in self._counted.items() if (t, w) == (thing, what))


@dataclass
class RawSet:
    """All that a reader found.

    Attributes:
        kind: The format, as people call it.
        root: The folder that paths start from.
        splits: The images of each split.
        names: Classes in the order of the source; those of the objects, sorted, if it has no list.
        point_names: Names of the key points.
        flip_pairs: Those that change places in a mirror; None if the source does not say.
        skeleton: Pairs that are joined by a line.
        log: What was noticed.
        inputs: The data sets that hold the images, by split, where these are no files.
    """

    kind: str
    root: Path
    splits: Mapping[str, Sequence[RawImage]]
    names: Sequence[str] = ()
    point_names: Sequence[str] = ()
    flip_pairs: Sequence[tuple[int, int]] | None = None
    skeleton: Sequence[tuple[int, int]] = ()
    log: Log = field(default_factory=Log)
    inputs: Mapping[str, Any] = field(default_factory=dict)

    def images(self) -> list[RawImage]:
        """Those of all splits."""
        return [image for images in self.splits.values() for image in images]

    def require_images(self) -> None:
        """See that there is an image.

        Raises:
            DataError: There is none.
        """
        if not self.images():
            raise self.nothing()

    def nothing(self) -> DataError:
        """That no image can be used, and why not."""
        skipped = [f"{place} ({reason})" for place, reason, _ in self.log.skipped]
        why = f": {listing(skipped, 2)}" if skipped else ""
        return DataError(f"{self.root}: read as {self.kind}, no image can be used{why}")
