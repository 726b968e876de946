"""Images as a person gives them to a command or a function: files, folders, things in memory."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from onestop.data.dataset import Skipped
from onestop.data.sources.folder import images_below
from onestop.errors import DataError


def given_images(images: Any) -> tuple[list[Any], list[Skipped]]:
    """The images one by one, folders searched; paths are checked before any work.

    Args:
        images: A path of an image or folder, an image in memory, or a list of these.

    Returns:
        Paths and images, and the files of folders that are not images.

    Raises:
        DataError: No such image or folder, or a folder without images.
    """
    if isinstance(images, str | Path | bytes) or not isinstance(images, list | tuple):
        images = [images]
    found: list[Any] = []
    skipped: list[Skipped] = []
    for image in images:
        if not isinstance(image, str | Path):
            found.append(image)
            continue
        path = Path(image)
        if path.is_dir():
            below, others = images_below(path)
            if not below:
                raise DataError(f"{path}: no images in this folder")
            found += below
            skipped += [dataclasses.replace(s, path=str(path / s.path)) for s in others]
        elif path.exists():
            found.append(path)
        else:
            raise DataError(f"{path}: no such image or folder")
    return found, skipped


def names_of(images: list[Any]) -> list[str]:
    """What to call images: their paths, or their numbers if they came from memory."""
    return [name_of(image, number) for number, image in enumerate(images)]


def name_of(image: Any, number: int) -> str:
    """What to call an image: its path, or its number if it came from memory."""
    return str(image) if isinstance(image, str | Path) else f"#{number}"
