"""timm's networks, `timm:NAME`, if timm is installed (the extra `timm`)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Literal, cast

from torch import Tensor, nn

from onestop.errors import ArchitectureError, UsageError
from onestop.networks.catalog import Entry
from onestop.networks.pretrained import Published, connections
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


def published_weights(name: str, which: str = "default", *, download: bool = True) -> Published:
    """Published weights of a network: timm's default, or a tag such as `a1_in1k`.

    Read from the Hugging Face cache (HF_HOME) or, if `download`, downloaded.

    Raises:
        UsageError: There are no such weights, or they are not cached and could not be downloaded.
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
    try:
        with connections(allowed=download), _offline(not download):
            network = timm.create_model(plain, pretrained=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"--weights {which}: the weights of {name} are not cached and could not be downloaded "
            f"({_first_line(error)}); download model.safetensors from the Hugging Face repository "
            f"{published.hf_hub_id or published.url} and use --weights FILE"
        ) from None
    return _published(published, dict(network.state_dict()), _class_names(published.num_classes))


def usual_inputs(name: str) -> Published | None:
    """How images are prepared for the network's usual weights; None if timm does not say."""
    published = _timm().get_pretrained_cfg(name.removeprefix(PREFIX))
    return _published(published, {}, ()) if published else None


def _published(published: Any, state: dict[str, Tensor], classes: tuple[str, ...]) -> Published:
    height, width = published.input_size[-2:]
    interpolation = "bicubic" if published.interpolation == "bicubic" else "bilinear"
    return Published(
        state=state,
        classes=classes,
        size=(height, width),
        crop_fraction=published.crop_pct or 0.875,
        interpolation=cast(Literal["bilinear", "bicubic"], interpolation),
        mean=tuple(published.mean),
        std=tuple(published.std),
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


def _class_names(count: int) -> tuple[str, ...]:
    from timm.data.imagenet_info import ImageNetInfo

    known: Any = ImageNetInfo()
    if count != known.num_classes():
        return ()
    return tuple(known.index_to_description(i).partition(",")[0] for i in range(count))


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
