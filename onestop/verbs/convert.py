"""`onestop convert`: write annotations of objects in another format."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from onestop.errors import DataError
from onestop.recipe.signatures import checked
from onestop.results.converted import Converted

Format = Literal["coco", "voc", "yolo"]


@checked
def convert(source: Any, *, to: Format, out: str | Path) -> Converted:
    """Write annotations of objects in another format, with copies of their images.

    Boxes, masks and key points are written as far as the format has them; what it does not have is
    counted. Coordinates stay what they are to a hundredth of a pixel.

    Args:
        source: a folder, COCO JSON, data.yaml or table of boxes, as `train` takes it
        to: format to write: COCO JSON, Pascal VOC or YOLO
        out: new folder to write to

    Returns:
        What was written.

    Raises:
        OneStopError: No such source, one without objects, or a folder that exists already.
    """
    from onestop.data import open_data
    from onestop.data.writers import IMAGES, WRITERS
    from onestop.data.writers.dataset import pictures_of, scheme_of
    from onestop.runtime.files import new_folder, write_atomic

    folder = new_folder("--out", out)
    dataset = open_data(source, for_training=False, val_fraction=0)
    scheme = scheme_of(dataset)
    pictures, files = pictures_of(dataset)
    annotations, notes = WRITERS[to](pictures, scheme)
    if not any(len(p.objects) for those in pictures.values() for p in those):
        raise DataError(f"{dataset.name}: has no objects to write")
    for split, paths in files.items():
        place = folder / IMAGES[to].format(split=split)
        place.mkdir(parents=True, exist_ok=True)
        for name, path in paths.items():
            write_atomic(place / name, path.read_bytes())
    for name, text in annotations.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / name, text)
    counts = {s: sum(len(p.objects) for p in those) for s, those in pictures.items()}
    images = {split: len(those) for split, those in pictures.items()}
    return Converted(folder, to, images, counts, (*dataset.notes, *notes))
