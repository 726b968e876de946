"""Pascal VOC: XML per image, pixels counted from 1 with both ends included, as the standard has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from xml.sax.saxutils import escape

from onestop.data.writers.pictures import Picture, Scheme, short
from onestop.text import plural


def written(
    splits: Mapping[str, Sequence[Picture]], scheme: Scheme
) -> tuple[dict[str, str], list[str]]:
    """The files `Annotations/<stem>.xml` and `ImageSets/Main/<split>.txt`, and what is lost."""
    files = {}
    for split, pictures in splits.items():
        stems = [PurePath(picture.name).stem for picture in pictures]
        files[f"ImageSets/Main/{split}.txt"] = "".join(f"{stem}\n" for stem in stems)
        for stem, picture in zip(stems, pictures, strict=True):
            files[f"Annotations/{stem}.xml"] = _xml(picture, scheme)
    every = [p for pictures in splits.values() for p in pictures]
    outlines = sum(p.shape(i) is not None for p in every for i in range(len(p.objects)))
    notes = [f"{plural(outlines, 'mask')} left out: VOC has boxes"] if outlines else []
    if scheme.point_names:
        notes.append("key points left out: VOC has none")
    return files, notes


def _xml(picture: Picture, scheme: Scheme) -> str:
    height, width = picture.objects.size
    objects = "".join(_object(picture, i, scheme) for i in range(len(picture.objects)))
    return (
        f"<annotation>\n  <filename>{escape(picture.name)}</filename>\n"
        f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>\n"
        f"{objects}</annotation>\n"
    )


def _object(picture: Picture, i: int, scheme: Scheme) -> str:
    objects = picture.objects
    x1, y1, x2, y2 = objects.boxes[i].astype(float).tolist()
    sides = zip(("xmin", "ymin", "xmax", "ymax"), (x1 + 1, y1 + 1, x2, y2), strict=True)
    box = "".join(f"<{side}>{short(value)}</{side}>" for side, value in sides)
    return (
        f"  <object><name>{escape(scheme.names[int(objects.classes[i])])}</name>"
        f"<difficult>{int(objects.crowds[i])}</difficult><bndbox>{box}</bndbox></object>\n"
    )
