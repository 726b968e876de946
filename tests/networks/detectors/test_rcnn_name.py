from __future__ import annotations

from onestop.networks.detectors.rcnn_name import is_rcnn, parsed


def test_names() -> None:
    assert is_rcnn("RCNN256:timm:x")
    assert not is_rcnn("rcnn")
    assert not is_rcnn("rcnn:")
    assert parsed("rcnn:resnet18") == (None, "resnet18")
    assert parsed("rcnn256:timm:x.y") == (256, "timm:x.y")
