"""Annotations of a stored picture, turned with it: EXIF says how a photograph is to be seen.

Legend: W and H width and height of the picture as it is stored, n places.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from onestop.data.shapes import Polygons, Shape
from onestop.data.sources.objects.raw import Box
from onestop.metrics.rle import encode

Places: TypeAlias = NDArray[np.float64]
"""x and y, [n, 2]."""

_PLACES: dict[int, Callable[[Any, Any, float, float], tuple[Any, Any]]] = {
    2: lambda x, y, w, _: (w - x, y),
    3: lambda x, y, w, h: (w - x, h - y),
    4: lambda x, y, _, h: (x, h - y),
    5: lambda x, y, _, __: (y, x),
    6: lambda x, y, _, h: (h - y, x),
    7: lambda x, y, w, h: (h - y, w - x),
    8: lambda x, y, w, _: (y, w - x),
}
"""Where a place of the stored picture lies in the upright one, by EXIF orientation."""
_PIXELS: dict[int, Callable[[Any], Any]] = {
    2: np.fliplr,
    3: lambda mask: np.rot90(mask, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda mask: np.rot90(mask, -1),
    7: lambda mask: np.rot90(mask, 2).T,
    8: np.rot90,
}


def turned_places(places: Places, orientation: int, size: tuple[int, int]) -> Places:
    """Places of the stored picture in the upright one.

    Args:
        places: In pixels.
        orientation: 1 to 8; 1 leaves them as they are.
        size: W and H.
    """
    if orientation not in _PLACES:
        return places
    x, y = _PLACES[orientation](places[:, 0], places[:, 1], *size)
    return np.stack([x, y], 1)


def turned_box(box: Box, orientation: int, size: tuple[int, int]) -> Box:
    """The same for a box, with its corners in order again."""
    corners = turned_places(np.array(box, np.float64).reshape(2, 2), orientation, size)
    (x1, y1), (x2, y2) = corners.min(0).tolist(), corners.max(0).tolist()
    return x1, y1, x2, y2


def turned_shape(shape: Shape, orientation: int, size: tuple[int, int]) -> Shape:
    """The same for an outline."""
    if orientation not in _PLACES:
        return shape
    if isinstance(shape, Polygons):
        return Polygons(tuple(turned_places(part, orientation, size) for part in shape.parts))
    return encode(np.ascontiguousarray(_PIXELS[orientation](shape.decode())))
