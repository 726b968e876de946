"""What is written: pictures with their objects, and what classes and key points are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from onestop.data.shapes import Shape
from onestop.metrics.objects import ImageObjects


@dataclass(frozen=True, eq=False)
class Picture:
    """An image and its objects.

    Attributes:
        name: Of its file, below the folder of images.
        objects: In pixels of the upright image.
        shapes: The outline of each object as it was annotated; masks of `objects` are used if None.
    """

    name: str
    objects: ImageObjects
    shapes: Sequence[Shape | None] | None = None

    def shape(self, i: int) -> Shape | None:
        """The outline of an object; None if it has only a box."""
        if self.shapes is not None:
            return self.shapes[i]
        return None if self.objects.masks is None else self.objects.masks[i]


@dataclass(frozen=True)
class Scheme:
    """Names of classes and key points.

    Attributes:
        names: Of the classes.
        point_names: Of the key points.
        flip_pairs: Those that change places in a mirror; None if that is not known.
        skeleton: Those that are joined by a line.
    """

    names: Sequence[str]
    point_names: Sequence[str] = field(default=())
    flip_pairs: Sequence[tuple[int, int]] | None = None
    skeleton: Sequence[tuple[int, int]] = field(default=())


def short(value: float, digits: int = 3) -> float | int:
    """A number without needless digits.

    >>> short(2.0), short(1 / 3)
    (2, 0.333)
    """
    rounded = round(float(value), digits)
    return int(rounded) if rounded == int(rounded) else rounded
