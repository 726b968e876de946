"""timm's networks, `timm:NAME`, if timm is installed (the extra `timm`)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Literal, cast

from torch import Tensor, nn

from onestop.errors import ArchitectureError, UsageError
from onestop.networks.catalog import Entry
from onestop.networks.imagenet import names_for
from onestop.networks.pretrained import Inputs, Release, connections
from onestop.networks.trace import run_on_shapes
from onestop.text import did_you_mean, listing

PREFIX = "timm:"


def entry(name: str) -> Entry:
    """The entry of a timm network; `name` is without the prefix.

    Raises:
        UsageError: timm is not installed, or has no such network.
    """
    timm = _timm()
    try:
        known = timm.is_model(name)
        published = timm.get_pretrained_cfg(name) if known else None
    except RuntimeError:  # no weights of this tag, the part after the dot
        known = False
    if not known:
        raise UsageError(
            f"--model {PREFIX}{name}: timm has no such network{did_you_mean(name, timm.list_models())}"
        )
    size = published.input_size[-1] if published else 224
    return Entry(
        name=f"{PREFIX}{name}",
        where="timm",
        channels=3,
        image_size=size,
        min_size=int(published.min_input_size[-1]) if published and published.min_input_size else 1,
        summary="timm's",
        weights=bool(published and (published.hf_hub_id or published.url)),
        origin="timm",
    )


def created(name: str, channels: int) -> nn.Module:
    """A timm network with random weights and its usual head; `name` has the prefix.

    Raises:
        UsageError: timm is not installed.
    """
    plain = name.removeprefix(PREFIX)
    return cast(nn.Module, _timm().create_model(plain, pretrained=False, in_chans=channels))


def build(name: str, classes: int, channels: int, image_size: int) -> nn.Module:
    """A timm network with random weights; `name` has the prefix.

    Raises:
        ArchitectureError: The network does not accept such images.
    """
    timm, plain = _timm(), name.removeprefix(PREFIX)
    options: dict[str, Any] = {"num_classes": classes, "in_chans": channels}
    published = timm.get_pretrained_cfg(plain)
    if published and published.fixed_input_size and image_size != published.input_size[-1]:
        options["img_size"] = image_size  # these networks have position tables for one size
    try:
        network = cast(nn.Module, timm.create_model(plain, pretrained=False, **options))
        run_on_shapes(network, (channels, image_size, image_size))
    except Exception as error:  # timm's networks check differently, or not at all
        usual = entry(plain).image_size
        raise ArchitectureError(
            f"{name}: does not work with {channels}x{image_size}x{image_size} images "
            f"({_first_line(error)}); the usual size is 3x{usual}x{usual}"
        ) from error
    return network


def release(name: str, which: str = "default") -> Release:
    """A set of published weights of a network: timm's default, or a tag such as `a1_in1k`.

    Raises:
        UsageError: There are no such weights.
    """
    timm, plain = _timm(), name.removeprefix(PREFIX)
    if which != "default":
        plain = f"{plain.partition('.')[0]}.{which}"
    tagged = timm.list_pretrained(f"{plain.partition('.')[0]}.*")
    published = timm.get_pretrained_cfg(plain) if which == "default" or plain in tagged else None
    if published is None or not (published.hf_hub_id or published.url):
        tags = listing(full.partition(".")[2] for full in tagged)
        options = f"it has {tags}" if tagged else "name a file"
        raise UsageError(
            f"--weights {which}: no such file, and timm has no such weights for "
            f"{plain.partition('.')[0]}; {options}"
        )
    height, width = published.input_size[-2:]
    interpolation: Literal["bilinear", "bicubic"] = (
        "bicubic" if published.interpolation == "bicubic" else "bilinear"
    )
    inputs = Inputs(
        (height, width), published.crop_pct or 0.875, interpolation,
        tuple(published.mean), tuple(published.std),
    )  # fmt: skip
    tag = published.tag or plain.partition(".")[2]
    return Release(
        name, tag, published.url or "", inputs,
        lambda: names_for(published.num_classes) if published.num_classes else (),
        published.hf_hub_id or "",
    )  # fmt: skip


def tensors(release: Release, which: str, *, download: bool = True) -> dict[str, Tensor]:
    """The tensors of a set, as timm loads them.

    Read from the Hugging Face cache (HF_HOME) or, if `download`, downloaded.

    Raises:
        UsageError: They are not cached and could not be downloaded.
    """
    plain = release.network.removeprefix(PREFIX)
    if which != "default":
        plain = f"{plain.partition('.')[0]}.{which}"
    try:
        with connections(allowed=download), _offline(not download):
            network = _timm().create_model(plain, pretrained=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise unavailable(release, which, _first_line(error)) from None
    return dict(network.state_dict())


def unavailable(release: Release, which: str, reason: str) -> UsageError:
    """The error for weights that are not cached and could not be downloaded."""
    return UsageError(
        f"--weights {which}: the weights of {release.network} are not cached and could not be "
        f"downloaded ({reason}); download model.safetensors from the Hugging Face repository "
        f"{release.hub or release.url} and use --weights FILE"
    )


@contextlib.contextmanager
def _offline(offline: bool) -> Iterator[None]:
    """Have Hugging Face's library look only into its cache, not try for minutes to connect."""
    try:
        from huggingface_hub import constants
    except ImportError:  # then nothing of it is downloaded either
        yield
        return
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = offline or before
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _timm() -> Any:
    try:
        import timm
    except ImportError:
        raise UsageError(
            "--model timm:...: timm is not installed: pip install 'onestop-vision[timm]'"
        ) from None
    return timm
