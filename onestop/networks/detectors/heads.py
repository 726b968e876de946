"""Rows of a head that stay what they are where two detectors know a class of the same name.

Fine-tuning then starts from a detector that finds these classes already.

Legend: K classes of our network, L of the weights, A anchors per position.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

_LAYOUTS: tuple[tuple[str, bool, int], ...] = (
    (r"box_predictor\.cls_score\.\w+", False, 1),
    (r"box_predictor\.bbox_pred\.\w+", False, 4),
    (r"mask_predictor\.mask_fcn_logits\.\w+", False, 1),
    (r"classification_head\.cls_logits\.\w+", True, 1),
    (r"classification_head\.module_list\.\d+\.(1\.)?(weight|bias)", True, 1),
)
"""Last layers of heads: how their tensors are named, whether they have rows for each of A anchors, and
rows per class. Classes are counted with the background."""
_NO_CLASS = ("N/A", "")  # rows of COCO's that were never used


def keep_rows(
    network: nn.Module, tensors: Mapping[str, Tensor], theirs: Sequence[str], ours: Sequence[str]
) -> dict[str, Tensor]:
    """Weights of L classes as weights of K: rows of known names copied, others as the network has them.

    Args:
        network: Of K classes and the background; says which rows the others have.
        tensors: Of a network of L classes and the background.
        theirs: Names of the L classes, in the order of their rows; empty if they are not known, and
            then a last layer of another shape is left out.
        ours: Names of the K classes.
    """
    theirs = named_as(tensors, theirs)
    own, kept = network.state_dict(), dict(tensors)
    if not theirs or not ours:
        known = {n: t for n, t in kept.items() if not _layout(n) or own[n].shape == t.shape}
        return known if not ours else {n: t for n, t in known.items() if not _layout(n)}
    rows = {name: row for row, name in enumerate(theirs, 1) if name not in _NO_CLASS}
    pairs = [(0, 0), *((k, rows[name]) for k, name in enumerate(ours, 1) if name in rows)]
    for name, tensor in tensors.items():
        if (layout := _layout(name)) and name in own:
            mixed = _with_rows(own[name], tensor, len(ours) + 1, len(theirs) + 1, pairs, layout)
            kept.pop(name)
            kept |= {} if mixed is None else {name: mixed}
    return kept


def named_as(tensors: Mapping[str, Tensor], theirs: Sequence[str]) -> tuple[str, ...]:
    """The names of the classes of some weights: those given, or COCO's where there are 90 rows."""
    for name, tensor in tensors.items():
        layout = _layout(name)
        if layout and not layout[0]:
            rows = tensor.shape[0] // layout[1] - 1
            return tuple(theirs) if rows == len(theirs) else coco_names() if rows == 90 else ()
    first = next((t for n, t in tensors.items() if _layout(n)), None)
    if first is None or (theirs and first.shape[0] % (len(theirs) + 1) == 0):
        return tuple(theirs)
    return coco_names() if first.shape[0] % 91 == 0 else ()


def coco_names() -> tuple[str, ...]:
    """COCO's classes as torchvision's weights have rows for them: 90, of which ten are `N/A`."""
    from torchvision.models._meta import _COCO_CATEGORIES

    return tuple(_COCO_CATEGORIES[1:])


def _layout(name: str) -> tuple[bool, int] | None:
    """Whether there are rows for each anchor, and rows per class; None if it is no last layer."""
    for pattern, per_anchor, rows in _LAYOUTS:
        if re.search(f"{pattern}$", name):
            return per_anchor, rows
    return None


@torch.no_grad()
def _with_rows(
    own: Tensor, tensor: Tensor, ours: int, theirs: int, pairs: Sequence[tuple[int, int]],
    layout: tuple[bool, int],
) -> Tensor | None:  # fmt: skip
    """Our tensor with rows of theirs in it; None if they are not of the same kind."""
    per_anchor, rows = layout
    if own.shape[1:] != tensor.shape[1:] or own.shape[0] % ours or tensor.shape[0] % theirs:
        return None
    anchors = own.shape[0] // (ours * rows)
    if tensor.shape[0] // (theirs * rows) != anchors or (anchors > 1 and not per_anchor):
        return None
    new = own.clone().view(anchors, ours, rows, *own.shape[1:])
    old = tensor.view(anchors, theirs, rows, *own.shape[1:])
    for k, row in pairs:
        new[:, k] = old[:, row].to(new.dtype)
    return new.view(own.shape)
