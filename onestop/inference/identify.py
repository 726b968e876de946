"""Which network a file of weights is for, by the names and shapes of its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from onestop.errors import ModelFileError, OneStopError
from onestop.inference.fitted import fitted, outputs_in, without_classifier
from onestop.inference.published import published_for
from onestop.networks import find, release
from onestop.networks.releases import RELEASES
from onestop.runtime.aside import aside
from onestop.storage.model_file import is_bare, read_card, read_weights
from onestop.storage.tensor_digest import tensor_digest
from onestop.text import listing
from onestop.weights.catalogue_index import USUAL, CatalogueIndex, Shapes, shapes, shapes_of
from onestop.weights.spelling import respelled, without_prefixes

_FILE = "{file}"  # in reasons that are kept: the same tensors may lie elsewhere the next time
_MOST = 12  # networks of the same shapes that are computed with


def identify(file: Path, tensors: Mapping[str, Tensor]) -> str:
    """The one network of the catalogue that the weights in a file are for.

    Tensors of published weights are known by their hash. Others are compared by name and shape, and
    where several networks have the same ones, by what they compute: timm's ResNet-18 is torchvision's.

    Args:
        file: Where they are from, for messages and for the name that they were published under.
        tensors: By name.

    Raises:
        ModelFileError: They are for no network, or for one of several that compute different things.
    """
    digest = tensor_digest(tensors)
    for network, releases in RELEASES.items():
        if any(release.wheel and release.wheel.digest == digest for release in releases):
            return network
    index = CatalogueIndex(_say)
    if digest not in index.decided:
        index.decided[digest] = _different(tensors, _of_same_shapes(index, tensors))
        if not index.decided[digest]:
            index.reasons[digest] = _why_none(index, tensors)
        index.save()
    found = _published_as(file, index.decided[digest])
    if len(found) == 1:
        return found[0]
    if found:
        raise ModelFileError(
            f"{file}: may be for {listing(found, 6)}, which have the same tensors and differ in what "
            f"they compute or how images are prepared; say which: {found[0]} --weights {file}"
        )
    raise ModelFileError(f"{file}: {index.reasons[digest].replace(_FILE, str(file))}")


def _published_as(file: Path, networks: list[str]) -> list[str]:
    """Of several networks the one whose published weights have the file's name, if it is one."""
    if len(networks) < 2:
        return networks
    ours = [find(n) for n in networks if not n.startswith("timm:")]
    known = [e.name for e in ours if e.weights and release(e).file == file.name]
    return known if len(known) == 1 else networks


def network_of(file: Path) -> str:
    """The network in the card of a model file, or the one that a file of weights is for.

    Its last layer may be missing, if it can only be one network.

    Raises:
        ModelFileError: As of `identify`.
    """
    if not is_bare(file):
        return read_card(file).network
    tensors = read_weights(file)
    backbones = _backbones(CatalogueIndex(_say), tensors)
    return next(iter(backbones)) if len(backbones) == 1 else identify(file, tensors)


def _of_same_shapes(index: CatalogueIndex, tensors: Mapping[str, Tensor]) -> list[str]:
    """The networks with tensors of these names and shapes, whatever the number of outputs."""
    spelled = [shapes(respelled(named, ())) for named in without_prefixes(tensors)]
    for attempt in range(1 + index.is_of_others):
        if attempt:
            index.only_built()
        for found in spelled:
            if networks := [name for name in index.with_shapes(found) if _fits(name, found)]:
                return networks
    return []


def _fits(network: str, found: Shapes) -> bool:
    own = shapes_of(network)
    outputs = outputs_in(found, own)
    return found == (own if outputs == USUAL else shapes_of(network, outputs))


def _different(tensors: Mapping[str, Tensor], networks: list[str]) -> list[str]:
    """One name for each network that gives other answers with these weights."""
    if len(networks) < 2:
        return networks
    kept: list[tuple[str, Tensor, object]] = []
    for name in networks[:_MOST]:
        outputs, scale = _outputs(name, tensors), _scale(name)
        same = (o for _, o, other in kept if o.shape == outputs.shape and other == scale)
        if not any(torch.allclose(outputs, o) for o in same):
            kept.append((name, outputs, scale))
    return [name for name, _, _ in kept]


def _scale(name: str) -> object:
    """How pixels are normalised for a network; a wrong mean costs ten points without a word."""
    published = published_for(find(name))
    return published and (published.mean, published.std)


@torch.inference_mode()
def _outputs(name: str, tensors: Mapping[str, Tensor]) -> Tensor:
    """What a network answers to a fixed image of its usual size."""
    entry = find(name)
    size = entry.image_size
    network, _ = fitted(entry, tensors, name, size)
    pixels = torch.linspace(0, 50, entry.channels * size * size).sin()
    answer: Tensor = network.eval()(pixels.reshape(1, entry.channels, size, size))
    return answer


_OTHER_KINDS = {
    "a detector": ("roi_heads.", "rpn.", "bbox", "box_head", "box_predictor", "regression_head.",
                   ".dfl.", "anchor", "query_embed"),
    "a network for segmentation": ("aux_classifier.", "decode_head.", "segmentation_head"),
}  # fmt: skip
"""Parts of names by which networks are known that do not name an image: of torchvision, Ultralytics,
Detectron, DETR, OpenMMLab."""


def _why_none(index: CatalogueIndex, tensors: Mapping[str, Tensor]) -> str:
    """Why a file is for no network, or not for one that names images."""
    for kind, parts in _OTHER_KINDS.items():
        if name := next((n for n in tensors if any(part in n for part in parts)), ""):
            return f"holds {kind} ({name}), which does not name images; give a classifier"
    for network, last in _backbones(index, tensors).items():
        return without_classifier(network, last, _FILE)
    return _nearest(tensors)


def _backbones(index: CatalogueIndex, tensors: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """The networks whose tensors these are but for those of the last layer, and their names."""
    for named in without_prefixes(tensors):
        if found := index.backbones(shapes(respelled(named, ()))):
            return found
    return {}


def _nearest(tensors: Mapping[str, Tensor]) -> str:
    """The network of ours or torchvision's whose tensors are most alike, and what differs."""
    from onestop.networks import whole_entries

    found = [set(shapes(named).items()) for named in without_prefixes(respelled(tensors, ()))]
    best, most, own = "", 0.0, dict[str, tuple[int, ...]]()
    for entry in whole_entries():
        try:
            there = shapes_of(entry.name)
        except OneStopError:
            continue
        common = max(len(one & set(there.items())) for one in found)
        share = common / max(1, len(there), len(found[0]))
        if share > most:
            best, most, own = entry.name, share, there
    if most < 0.1:
        return "is for no network of the catalogue; name yours: FILE.py:Class --weights FILE"
    closest = max(found, key=lambda one: len(one & set(own.items())))
    names = dict(closest)
    lacking = [n for n in own if n not in names]
    extra = [n for n in names if n not in own]
    other = [n for n in own if n in names and names[n] != own[n]]
    parts = [
        f"lacks {listing(lacking, 2)}" if lacking else "",
        f"also has {listing(extra, 2)}" if extra else "",
        f"has another shape of {listing(other, 2)}" if other else "",
    ]
    return (
        f"is for no network of the catalogue; the nearest is {best}, of which it "
        + " and ".join(part for part in parts if part)
    )


def _say(line: str) -> None:
    aside(f"{line}\n")
