"""A Faster R-CNN over any backbone, with heads as narrow as a CPU needs them.

Ren et al. 2015, https://arxiv.org/abs/1506.01497, with a feature pyramid (Lin et al. 2017,
https://arxiv.org/abs/1612.03144), a mask head (He et al. 2017, https://arxiv.org/abs/1703.06870) and a
head for key points if they are needed, all from torchvision's parts. At 320 pixels and with a width of
128, a step on EfficientNet-Lite0 takes a fifth of torchvision's smallest Faster R-CNN.

Legend: B images of a batch, C channels.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from onestop.networks.detectors.parts import anchor_generator, replace_first
from onestop.networks.detectors.trunk import trunk_of
from onestop.runtime.lazy_torchvision import without_compiler

with without_compiler():
    from torchvision.models.detection import faster_rcnn, keypoint_rcnn, mask_rcnn
    from torchvision.ops import MultiScaleRoIAlign
    from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelMaxPool

WIDTH = 128
"""Channels of the feature pyramid; the box head has twice as many features."""
REGIONS = 128
"""Regions per image that the box head learns from; torchvision's 512 are most of the cost of a step."""
_PROPOSED = 1000  # regions per image that are kept before and after non-maximum suppression
_MOST = 200  # objects per image
_LEAST_SCORE = 0.02  # of an object
_MASK_LAYERS = 2
_SMALL = 0.001  # deviation of the weights that masks and key points are computed with
_POINT_LAYERS = 4


class Pyramid(nn.Module):
    """A trunk and the feature pyramid over it.

    Attributes:
        out_channels: Of each feature map.
    """

    def __init__(self, body: nn.Module, channels: list[int], width: int) -> None:
        super().__init__()
        self.body = body
        self.fpn = FeaturePyramidNetwork(channels, width, extra_blocks=LastLevelMaxPool())
        self.out_channels = width

    def forward(self, inputs: Tensor) -> OrderedDict[str, Tensor]:
        """[B, C, h, w] -> feature maps by number, finest first, and `pool`."""
        maps: OrderedDict[str, Tensor] = self.fpn(OrderedDict(self.body(inputs)))
        return maps


def build(
    backbone: str,
    width: int | None,
    classes: int,
    channels: int,
    size: int,
    needs: Mapping[str, Any],
) -> nn.Module:
    """The network with random weights; arguments as in `onestop.networks.detectors`.

    Raises:
        ArchitectureError: The backbone has no feature maps.
    """
    width = width or WIDTH
    body, widths, strides = trunk_of(backbone, channels, size)
    if channels != 3 and not backbone.startswith("timm:"):
        replace_first(body, channels)
    levels = [str(level) for level in range(len(widths))]
    network: nn.Module = faster_rcnn.FasterRCNN(
        Pyramid(body, widths, width),
        rpn_anchor_generator=anchor_generator(
            needs.get("anchors", {}), (*strides, 2 * strides[-1])
        ),
        rpn_pre_nms_top_n_train=_PROPOSED, rpn_post_nms_top_n_train=_PROPOSED,
        rpn_pre_nms_top_n_test=_PROPOSED, rpn_post_nms_top_n_test=_PROPOSED // 2,
        box_roi_pool=MultiScaleRoIAlign(levels, 7, 2),
        box_head=faster_rcnn.TwoMLPHead(width * 49, 2 * width),
        box_predictor=faster_rcnn.FastRCNNPredictor(2 * width, classes + 1),
        box_batch_size_per_image=needs.get("regions", REGIONS),
        box_score_thresh=_LEAST_SCORE, box_detections_per_img=_MOST,
    )  # fmt: skip
    heads: Any = network.roi_heads
    parts = needs.get("parts", ())
    if "masks" in parts:
        heads.mask_roi_pool = MultiScaleRoIAlign(levels, 14, 2)
        heads.mask_head = mask_rcnn.MaskRCNNHeads(width, (width,) * _MASK_LAYERS, 1)
        heads.mask_predictor = mask_rcnn.MaskRCNNPredictor(width, width, classes + 1)
        # Else the first losses are several times those of boxes; as in Detectron.
        nn.init.normal_(heads.mask_predictor.mask_fcn_logits.weight, std=_SMALL)
    if "keypoints" in parts:
        heads.keypoint_roi_pool = MultiScaleRoIAlign(levels, 14, 2)
        heads.keypoint_head = keypoint_rcnn.KeypointRCNNHeads(width, (width,) * _POINT_LAYERS)
        heads.keypoint_predictor = keypoint_rcnn.KeypointRCNNPredictor(width, needs["points"])
        nn.init.normal_(heads.keypoint_predictor.kps_score_lowres.weight, std=_SMALL)
    return network
