"""torchvision's detectors: weights under its names, compared with its own constructor."""

from __future__ import annotations

import pytest
import torch
from torchvision import models
from torchvision.models.detection._utils import overwrite_eps

from onestop.networks import build
from onestop.networks.detectors.heads import coco_names
from onestop.networks.detectors.table import PERSON_POINTS, PERSON_SIGMAS
from onestop.networks.detectors.zoo import release
from onestop.networks.partial_load import start

LITE = "fasterrcnn_mobilenet_v3_large_320_fpn"


def test_how_inputs_are_prepared() -> None:
    lite = release("ssdlite320_mobilenet_v3_large").inputs
    assert (lite.mean, lite.std, lite.fit) == ((0.5,) * 3, (0.5,) * 3, "stretch")
    coco = release("maskrcnn_resnet50_fpn")
    assert coco.inputs.fit == "pad"
    assert len(coco.names()) == 80, "no background, no N/A"
    assert coco.inputs.task_options == {"parts": ["boxes", "masks"]}
    person = release("keypointrcnn_resnet50_fpn")
    assert person.names() == ("person",)
    assert len(PERSON_POINTS) == len(PERSON_SIGMAS) == 17


@pytest.mark.slow
@pytest.mark.parametrize("name", [LITE, "fasterrcnn_resnet50_fpn", "retinanet_resnet50_fpn"])
def test_a_file_of_weights_gives_what_torchvision_gives(name: str) -> None:
    """Random values under the published names; frozen BatchNorm with an epsilon of 0 where it had."""
    torch.manual_seed(1)
    theirs = models.get_model(name, weights=None, weights_backbone=None)
    from torchvision.ops.misc import FrozenBatchNorm2d

    state = {
        n: torch.rand_like(t) + 0.5 if "running_var" in n else t + 0.01 * torch.randn_like(t)
        for n, t in theirs.state_dict().items()
        if not n.endswith("num_batches_tracked")
    }
    for module in list(theirs.modules()):
        for child_name, child in list(module.named_children()):
            if isinstance(child, torch.nn.BatchNorm2d):
                frozen = FrozenBatchNorm2d(child.num_features, eps=child.eps)
                setattr(module, child_name, frozen)
    theirs.load_state_dict(state)
    if name != LITE:
        overwrite_eps(theirs, 0.0)
    theirs.eval()
    ours = build(name, 90, 3, 320)
    start(ours, state, "file", coco_names(), coco_names())
    ours.eval()
    image = torch.rand(1, 3, 320, 320)
    with torch.inference_mode():
        body: torch.nn.Module = theirs.get_submodule("backbone")
        for one, other in zip(
            body(image).values(), ours.get_submodule("backbone")(image).values(), strict=True
        ):
            assert torch.allclose(one, other, rtol=1e-3, atol=1e-3 * float(one.abs().max()))
