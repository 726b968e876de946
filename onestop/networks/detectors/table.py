"""torchvision's detectors: what their published weights reach, and what they take.

Numbers of parameters are those with COCO's 91 rows, multiply-adds and average precision those that
torchvision states (its `meta`), for images of its usual sizes.
"""

from __future__ import annotations

from dataclasses import dataclass

from onestop.metrics.objects import Kind
from onestop.networks.catalog import Entry

_FASTER = "Ren et al. 2015, https://arxiv.org/abs/1506.01497"
_BETTER = "Li et al. 2021, https://arxiv.org/abs/2111.11429"
_MASK = "He et al. 2017, https://arxiv.org/abs/1703.06870"
_RETINA = "Lin et al. 2017, https://arxiv.org/abs/1708.02002"
_ATSS = "Zhang et al. 2020, https://arxiv.org/abs/1912.02424"
_FCOS = "Tian et al. 2019, https://arxiv.org/abs/1904.01355"
_SSD = "Liu et al. 2016, https://arxiv.org/abs/1512.02325"
_LITE = "Howard et al. 2019, https://arxiv.org/abs/1905.02244"


LOSSES = {
    "loss_classifier": "loss_class",
    "loss_box_reg": "loss_box",
    "loss_mask": "loss_mask",
    "loss_keypoint": "loss_points",
    "loss_objectness": "loss_object",
    "loss_rpn_box_reg": "loss_region",
    "classification": "loss_class",
    "bbox_regression": "loss_box",
    "bbox_ctrness": "loss_centre",
}
"""torchvision's names of the parts of the loss, and ours, which are the same for all detectors."""


PERSON_POINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee",
    "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
"""COCO's key points of people."""
PERSON_SIGMAS = (
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087,
    0.087, 0.089, 0.089,
)  # fmt: skip
"""How far people who mark them disagree, relative to the size of a person."""


@dataclass(frozen=True)
class Row:
    """A detector of torchvision.

    Attributes:
        entry: In the catalogue.
        parts: What it learns.
        legacy_eps: Whether its published weights expect an epsilon of 0 in frozen BatchNorm.
        divisor: Inputs are padded to a multiple of this many pixels.
        strides: Of its feature maps, where regions are proposed; empty if none are.
        fixed: Whether it takes one size only.
    """

    entry: Entry
    parts: tuple[Kind, ...] = ("boxes",)
    legacy_eps: bool = False
    divisor: int = 32
    strides: tuple[int, ...] = ()
    fixed: bool = False


def _row(
    name: str, summary: str, paper: str, size: int, parameters: int, giga: float, ap: float, *,
    min_size: int = 64, parts: tuple[Kind, ...] = ("boxes",), legacy_eps: bool = False,
    divisor: int = 32, strides: tuple[int, ...] = (), fixed: bool = False, depthwise: bool = False,
) -> tuple[str, Row]:  # fmt: skip
    entry = Entry(
        name=name, where="onestop.networks.detectors", channels=3, image_size=size,
        min_size=min_size, summary=summary, paper=paper, parameters=parameters,
        multiply_adds=round(giga * 1e9), weights=True, origin="torchvision", depthwise=depthwise,
        whole=False, ap=ap,
    )  # fmt: skip
    return name, Row(entry, parts, legacy_eps, divisor, strides, fixed)


_FPN = (4, 8, 16, 32, 64)
_MOBILE = (32, 32, 64)

# fmt: off
TABLE: dict[str, Row] = dict((
    _row("fasterrcnn_resnet50_fpn", "Faster R-CNN: boxes; COCO AP 37.0", _FASTER, 800,
         41_755_286, 134.38, 37.0, legacy_eps=True, strides=_FPN),
    _row("fasterrcnn_resnet50_fpn_v2", "Faster R-CNN, better trained; COCO AP 46.7", _BETTER, 800,
         43_712_278, 280.371, 46.7, strides=_FPN),
    _row("fasterrcnn_mobilenet_v3_large_fpn", "Faster R-CNN, smaller; COCO AP 32.8", _FASTER, 800,
         19_386_354, 4.494, 32.8, strides=_MOBILE, depthwise=True),
    _row("fasterrcnn_mobilenet_v3_large_320_fpn", "the same for small images; COCO AP 22.8", _FASTER,
         320, 19_386_354, 0.719, 22.8, strides=_MOBILE, depthwise=True),
    _row("maskrcnn_resnet50_fpn", "Mask R-CNN: boxes, masks; COCO AP 37.9, of masks 34.6", _MASK, 800,
         44_401_393, 134.38, 37.9, legacy_eps=True, strides=_FPN, parts=("boxes", "masks")),
    _row("maskrcnn_resnet50_fpn_v2", "Mask R-CNN, better trained; COCO AP 47.4, of masks 41.8",
         _BETTER, 800, 46_359_409, 333.577, 47.4, strides=_FPN, parts=("boxes", "masks")),
    _row("keypointrcnn_resnet50_fpn", "Keypoint R-CNN: boxes, key points; COCO AP 54.6, 65.0", _MASK,
         800, 59_137_258, 137.42, 54.6, legacy_eps=True, strides=_FPN, parts=("boxes", "keypoints")),
    _row("retinanet_resnet50_fpn", "RetinaNet: boxes in one stage; COCO AP 36.4", _RETINA, 800,
         34_014_999, 151.54, 36.4, legacy_eps=True),
    _row("retinanet_resnet50_fpn_v2", "RetinaNet, better trained; COCO AP 41.5", _ATSS, 800,
         38_198_935, 152.238, 41.5),
    _row("fcos_resnet50_fpn", "FCOS: boxes without anchors; COCO AP 39.2", _FCOS, 800,
         32_269_600, 128.207, 39.2),
    _row("ssd300_vgg16", "SSD: boxes in one stage, 300 pixels; COCO AP 25.1", _SSD, 300,
         35_641_826, 34.858, 25.1, min_size=300, divisor=1, fixed=True),
    _row("ssdlite320_mobilenet_v3_large", "SSDlite: small and fast; COCO AP 21.3", _LITE, 320,
         3_440_060, 0.583, 21.3, min_size=64, divisor=1, depthwise=True),
))
# fmt: on
"""By name."""
