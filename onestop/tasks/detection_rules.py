"""Settings that follow from the data where objects are learned, each with the reason.

The rates are those of torchvision's references for pretrained detectors, and our own measurements for
detectors over pretrained classifiers; see docs/objects.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from onestop.networks.detectors import facts
from onestop.networks.detectors.anchors import fitted

if TYPE_CHECKING:
    from onestop.data.dataset import DatasetInfo
    from onestop.recipe import Data
    from onestop.tasks.task import Derived

MODEL = "rcnn:tf_efficientnet_lite0"
_UNIT = 32  # pixels that sides of inputs are multiples of
_SEEN = 3_000  # images in all passes, where a classifier's weights are the start
_MOST_BOXES = 20_000  # of which anchors are fitted


def derived(known: Mapping[str, Any], info: DatasetInfo) -> Derived:
    """See `onestop.tasks.task.Task.derived`."""
    rules: dict[str, tuple[object, str]] = {
        "model": (MODEL, "small and fast, on a CPU too"),
        "probe": ("none", "no head can be fitted to features of whole images"),
        "cached_augmentations": (0, "features change with the regions that are chosen"),
        "clip_grad": (5.0, "single images with many objects have large gradients"),
        "precision": ("fp32", "places of boxes need all digits"),
    }
    model = facts.plain(str(known.get("model", "")))
    if not facts.is_detector(model) or "weights" not in known:
        return rules
    new = facts.is_new(model)
    situation = "none" if known["weights"] == "none" else "backbone" if new else "detector"
    rules |= _inputs(model, info, new=new)
    rules |= _length(info, situation)
    batch = int(known.get("batch_size", rules["batch_size"][0]))
    steps = math.ceil(info.images / batch)
    if situation == "detector":
        rate = min(0.01, 0.0025 * batch)
        rules |= {
            "optimizer": ("sgd", "as in torchvision's references"),
            "lr": (rate, "torchvision's 0.0025 for each image of a batch, at most 0.01"),
            "momentum": (0.9, "usual for sgd"),
            "weight_decay": (1e-4, "as in torchvision's references"),
        }
    else:
        rules |= {
            "optimizer": ("adamw", "new heads and an old backbone need rates of their own"),
            "lr": (4e-4, "measured on cells and nuclei"),
            "weight_decay": (0.01, "usual for adamw"),
        }
    warmup = min(1.0, (500 if situation == "detector" else 50) / steps)
    rules["warmup_epochs"] = (round(warmup, 2), "early gradients are large")
    if situation != "none":
        rules |= {
            "freeze": (facts.frozen_stages(model), "first layers are the same for all images"),
            "unfreeze_after": (0, "they stay as they are"),
            "backbone_lr_scale": (
                (0.25, "pretrained weights need only small changes") if new
                else (1.0, "all of it is pretrained")
            ),
        }  # fmt: skip
    return rules


def _inputs(model: str, info: DatasetInfo, *, new: bool) -> dict[str, tuple[object, str]]:
    stretch = facts.stretches(model)
    rules: dict[str, tuple[object, str]] = {
        "fit": (
            ("stretch", f"as {model} was trained") if stretch
            else ("pad", "nothing is cut off, and shapes stay what they are")
        ),
        "augment": (
            ("flip", "most objects may be mirrored") if info.mirrors
            else ("none", "key points whose left and right are not known may not be mirrored")
        ),
    }  # fmt: skip
    largest = max(info.height, info.width)
    usual, smallest = facts.sizes_of(model)
    if new and largest < usual:
        side = max(smallest, math.ceil(largest / _UNIT) * _UNIT)
        rules["image_size"] = (side, f"as large as the images, in steps of {_UNIT}")
    return rules


def _length(info: DatasetInfo, situation: str) -> dict[str, tuple[object, str]]:
    count = info.images
    batch = min(4, count)
    if situation == "backbone":
        epochs = round(max(6, min(40, _SEEN / count)))
        why = f"about {_SEEN:,} images in all, 6 to 40 passes over {count:,}"
    elif situation == "detector":
        epochs, why = round(max(8, min(20, 6_000 / count))), "6,000 images in all, 8 to 20 passes"
    else:
        epochs, why = round(max(20, min(100, 20_000 / count))), "20,000 images, 20 to 100 passes"
    return {
        "batch_size": (batch, "memory, and time between two changes of the weights"),
        "epochs": (epochs, why),
    }


def boxes_of(targets: Any) -> NDArray[np.float32]:
    """Width, height, and the image's width and height, of training objects, [N, 4]; of some if many."""
    rows, count = [], 0
    for image in range(len(targets)):
        objects = targets[image]
        size = np.tile(np.array(objects.size[::-1], np.float32), (len(objects), 1))
        sides = objects.boxes[:, 2:] - objects.boxes[:, :2]
        rows.append(np.hstack([sides, size])[~objects.crowd])
        count += len(rows[-1])
        if count > _MOST_BOXES:
            break
    return np.concatenate([np.zeros((0, 4), np.float32), *rows]).astype(np.float32)


def anchors(data: Data, targets: Any) -> dict[str, Any]:
    """What anchors are fitted to: training objects in pixels of the input."""
    boxes = boxes_of(targets)
    by_side = data.image_size / np.maximum(boxes[:, 2:], 1)
    if data.fit != "stretch":
        both = by_side.min(1) if data.fit == "pad" else by_side.max(1)
        by_side = np.stack([both, both], 1)
    return fitted(boxes[:, :2] * by_side)


def regions(targets: Any) -> int:
    """Regions of an image to learn from: four for each object, as a quarter of them show one."""
    counts = [len(targets[image]) for image in range(len(targets))]
    many = float(np.quantile(counts, 0.95)) if counts else 1.0
    return int(min(512, max(64, 2 ** math.ceil(math.log2(max(4 * many, 1))))))
