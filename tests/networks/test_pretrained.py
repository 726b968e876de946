"""How long a server of weights is waited for, and what stays as it was published."""

from __future__ import annotations

import dataclasses
import socket
import threading

import pytest
import torch

from onestop.networks.pretrained import Inputs, Published, Release, connections

HALF = Inputs((260, 260), 0.89, "bicubic", (0.5,) * 3, (0.5,) * 3)


def test_a_server_is_not_waited_for_forever_and_the_default_is_put_back() -> None:
    before = socket.getdefaulttimeout()
    with connections():
        assert socket.getdefaulttimeout() == 30.0
    with pytest.raises(OSError, match="gone"), connections():
        raise OSError("gone")
    assert socket.getdefaulttimeout() == before


def test_where_nothing_may_be_downloaded_this_thread_connects_to_nothing() -> None:
    genuine = socket.getaddrinfo, socket.socket.connect
    with connections(allowed=False):
        with pytest.raises(OSError, match="downloads are not allowed here"):
            socket.create_connection(("192.0.2.1", 80), timeout=1)
        with pytest.raises(OSError, match="downloads are not allowed here"):
            socket.getaddrinfo("localhost", 80)
        with socket.socket() as one, pytest.raises(OSError, match="not allowed"):
            one.connect(("127.0.0.1", 9))
        others: list[object] = []  # those of the user's program go on
        thread = threading.Thread(target=lambda: others.append(socket.getaddrinfo("127.0.0.1", 80)))
        thread.start()
        thread.join()
        assert len(others) == 1
    assert (socket.getaddrinfo, socket.socket.connect) == genuine


def test_published_weights_are_not_changed() -> None:
    published = Published({"a": torch.zeros(1)}, ("cat",), HALF)
    with pytest.raises(dataclasses.FrozenInstanceError):
        published.classes = ()  # type: ignore[misc]


def test_how_images_are_prepared_is_one_line() -> None:
    assert str(HALF) == "260 of 292 pixels, bicubic, mean 0.5, deviation 0.5"
    imagenet = Inputs((224, 224), 0.875, "bilinear", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert str(imagenet) == (
        "224 of 256 pixels, bilinear, mean 0.485 0.456 0.406, deviation 0.229 0.224 0.225"
    )


def test_the_file_of_a_release_is_named_as_in_its_address() -> None:
    release = Release("a", "b", "https://example.org/x/y-0123abcd.pth?download=1", HALF, tuple)
    assert release.file == "y-0123abcd.pth"
