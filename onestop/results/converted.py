"""Return type of `convert`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onestop.figures.notebook import heading


@dataclass(frozen=True)
class Converted:
    """Annotations that were written.

    Attributes:
        folder: Where they are.
        format: `coco`, `voc` or `yolo`.
        images: Number of images per split.
        objects: Number of objects per split.
        notes: Anything unusual, and what the format does not have.
    """

    folder: Path
    format: str
    images: Mapping[str, int]
    objects: Mapping[str, int]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Everything, as `--json` prints it."""
        return {
            "folder": str(self.folder), "format": self.format, "images": dict(self.images),
            "objects": dict(self.objects), "notes": list(self.notes),
        }  # fmt: skip

    @property
    def text(self) -> str:
        """How much was written."""
        parts = [f"{s} {n:,} images, {self.objects[s]:,} objects" for s, n in self.images.items()]
        return "; ".join(parts)

    def _repr_html_(self) -> str:
        return heading(f"{self.folder}: {self.text}")
