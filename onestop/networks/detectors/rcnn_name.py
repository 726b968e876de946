"""Names of the form `rcnn:BACKBONE`, or `rcnn256:BACKBONE` for another width than usual."""

from __future__ import annotations

import re

_NAME = re.compile(r"rcnn(\d{0,5}):(.+)", re.IGNORECASE)


def is_rcnn(name: str) -> bool:
    """Whether a name is of this form.

    >>> is_rcnn("rcnn:resnet18"), is_rcnn("rcnn64:timm:resnet18"), is_rcnn("resnet18")
    (True, True, False)
    """
    return _NAME.fullmatch(name) is not None


def parsed(name: str) -> tuple[int | None, str]:
    """The width, None if it is the usual one, and the backbone.

    >>> parsed("rcnn64:timm:resnet18")
    (64, 'timm:resnet18')
    """
    match = _NAME.fullmatch(name)
    assert match is not None
    return int(match[1]) if match[1] else None, match[2]
