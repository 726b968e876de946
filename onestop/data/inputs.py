"""User inputs of commands and functions: image files, folders and images in memory."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from onestop.data.dataset import Skipped
from onestop.data.sources.folder import images_below
from onestop.errors import DataError


def given_images(images: Any) -> tuple[list[Any], list[Skipped]]:
    """Expand folders into their images; all paths are checked before any work begins.

    Args:
        images: The path of an image or folder, an image in memory, or a list of these.

    Returns:
        Paths and images, and the files in the folders that are not images.

    Raises:
        DataError: There is no such image or folder, or a folder has no images.
    """
    if isinstance(images, str | Path | bytes) or not isinstance(images, list | tuple):
        images = [images]
    expanded: list[Any] = []
    skipped: list[Skipped] = []
    for image in images:
        if not isinstance(image, str | Path):
            expanded.append(image)
            continue
        path = Path(image)
        if path.is_dir():
            paths, others = images_below(path)
            if not paths:
                raise DataError(f"{path}: no images in this folder")
            expanded += paths
            skipped += [dataclasses.replace(s, path=str(path / s.path)) for s in others]
        elif path.exists():
            expanded.append(path)
        else:
            raise DataError(f"{path}: no such image or folder")
    return expanded, skipped


def names_of(images: list[Any]) -> list[str]:
    """Display names: paths, or numbers for images in memory."""
    return [name_of(image, number) for number, image in enumerate(images)]


def name_of(image: Any, number: int) -> str:
    """Display name of an image: its path, or its number if it is in memory."""
    return str(image) if isinstance(image, str | Path) else f"#{number}"
