"""Where the libraries of the hubs keep what they have downloaded."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from onestop.networks.pretrained import Release
from onestop.reading import read_text
from onestop.runtime.files import home

_FILE = "model.safetensors"


def in_torch(release: Release) -> Path:
    """Where torch's hub keeps the file of a release, or would keep it (TORCH_HOME)."""
    if not any(os.environ.get(name) for name in ("XDG_CACHE_HOME", "TORCH_HOME")):
        home()  # which says what is missing; torch would use the current folder
    return Path(torch.hub.get_dir()) / "checkpoints" / release.file


def in_hugging_face(release: Release) -> Path | None:
    """The file of a release in the cache of Hugging Face's library (HF_HOME); None if it is not there.

    The layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
    """
    if not release.hub:
        return None
    folder = _hub_cache() / f"models--{release.hub.replace('/', '--')}"
    try:
        commit = read_text(folder / "refs" / "main", 100).strip()
    except (OSError, ValueError):
        return None
    file = folder / "snapshots" / Path(commit).name / _FILE
    return file if file.is_file() else None


def _hub_cache() -> Path:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if folder := os.environ.get(name):
            return Path(folder).expanduser()
    if folder := os.environ.get("HF_HOME"):
        return Path(folder).expanduser() / "hub"
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else home() / ".cache") / "huggingface" / "hub"
