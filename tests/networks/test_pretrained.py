"""How long a server of weights is waited for, and what stays as it was published."""

from __future__ import annotations

import dataclasses
import socket

import pytest
import torch

from onestop.networks.pretrained import Published, connections


def test_a_server_is_not_waited_for_forever_and_the_default_is_put_back() -> None:
    before = socket.getdefaulttimeout()
    with connections():
        assert socket.getdefaulttimeout() == 30.0
    with pytest.raises(OSError, match="gone"), connections():
        raise OSError("gone")
    assert socket.getdefaulttimeout() == before


def test_published_weights_are_not_changed() -> None:
    published = Published(
        {"a": torch.zeros(1)}, ("cat",), (224, 224), 0.875, "bilinear", (0.5,) * 3, (0.25,) * 3
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        published.size = (1, 1)  # type: ignore[misc]
