"""Which network is trained if nobody says, and from which weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from onestop.data.dataset import DatasetInfo
from onestop.errors import UsageError
from onestop.networks.pretrained import Release
from onestop.training import default_network
from onestop.training.default_network import CANDIDATES, LACKING, network_rules
from onestop.weights.downloads import DownloadError

PHOTOS = DatasetInfo(
    images=244, classes=2, channels=3, height=375, width=500, splits=("train", "val")
)
CIFAR = dataclasses.replace(PHOTOS, images=45_000, height=32, width=32)
VECTORS = dataclasses.replace(PHOTOS, height=0, width=0, vectors=True, task="regression")
LITE = "tf_efficientnet_lite"


class Hub:
    """A machine with some weights, and a server with others.

    Attributes:
        here: Networks whose weights are on the machine.
        there: Networks whose weights can be downloaded; None is all.
        asked: Networks whose weights the server was asked for.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.here: set[str] = set()
        self.there: set[str] | None = None
        self.asked: list[str] = []
        monkeypatch.setattr(default_network, "at_hand", self._at_hand)
        monkeypatch.setattr(default_network, "fetch", self._fetch)

    def _at_hand(self, release: Release) -> Path | None:
        return Path(release.file) if release.network in self.here else None

    def _fetch(self, release: Release, *, allowed: bool = True) -> Path:
        if not allowed:
            raise DownloadError("not allowed")
        self.asked.append(release.network)
        if self.there is not None and release.network not in self.there:
            raise DownloadError("no answer within 10 seconds")
        return Path(release.file)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    return Hub(monkeypatch)


def chosen(info: DatasetInfo = PHOTOS, *, download: bool = True, **known: Any) -> tuple[Any, ...]:
    """The values of model and weights, None where no rule is needed."""
    rules = network_rules({"device": "cpu", **known}, info, download=download)
    return tuple(rules[name][0] if name in rules else None for name in ("model", "weights"))


def why(name: str, info: DatasetInfo = PHOTOS, **known: Any) -> str:
    return network_rules({"device": "cpu", **known}, info)[name][1]


@pytest.mark.parametrize(
    ("info", "model"),
    [
        (VECTORS, "linear"),
        (CIFAR, "resnet9"),
        (dataclasses.replace(CIFAR, channels=1), "lenet5"),
        (dataclasses.replace(CIFAR, height=64, width=64), "resnet9"),
    ],
)
def test_vectors_and_small_images_start_from_random_weights_and_no_server_is_asked(
    info: DatasetInfo, model: str, hub: Hub
) -> None:
    hub.here = set(CANDIDATES)
    assert chosen(info) == (model, "none")
    assert chosen(info, model="resnet18")[1] == "none"
    assert hub.asked == []
    assert not why("weights", info).startswith(LACKING)


@pytest.mark.parametrize(
    ("images", "device", "number"),
    [(20, "cpu", 2), (290, "cpu", 2), (400, "cpu", 1), (600, "cpu", 0), (1_000_000, "cpu", 0)],
)
def test_the_more_images_the_smaller_the_network_on_a_cpu(
    images: int, device: str, number: int, hub: Hub
) -> None:
    info = dataclasses.replace(PHOTOS, images=images)
    assert chosen(info, device=device) == (f"{LITE}{number}", "in1k")


@pytest.mark.parametrize(
    ("images", "expected"),
    [(244, ("convnext_tiny", "IMAGENET1K_V1")), (240_000, ("resnet50", "IMAGENET1K_V2")),
     (2_000_000, (f"{LITE}0", "in1k"))],
)  # fmt: skip
def test_a_gpu_gets_a_larger_one(
    images: int, expected: tuple[str, str], hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(default_network, "choose_device", lambda _: torch.device("cuda"))
    info = dataclasses.replace(PHOTOS, images=images)
    assert chosen(info, device="cuda") == expected
    assert "on a GPU" in why("model", info)


def test_the_reason_names_accuracy_cost_images_and_device(hub: Hub) -> None:
    assert why("model") == (
        "77.6 % on ImageNet with 0.86 G multiply-adds, for 244 images on the CPU"
    )
    assert why("weights").endswith("; downloaded")
    hub.here = {f"{LITE}2"}
    assert why("weights").endswith("; on this machine")


@pytest.mark.parametrize(
    ("here", "expected"),
    [
        ({f"{LITE}0"}, f"{LITE}0"),  # 2.8 points below the best are not worth a download
        ({f"{LITE}0", f"{LITE}2"}, f"{LITE}2"),
        ({"resnet18"}, f"{LITE}2"),  # not a candidate, and the best can be had
        ({"resnet50"}, f"{LITE}2"),  # too costly
    ],
)
def test_weights_on_this_machine_come_first_if_they_are_nearly_as_good(
    here: set[str], expected: str, hub: Hub
) -> None:
    hub.here = here
    assert chosen()[0] == expected
    assert hub.asked == ([] if expected in here else [expected])


@pytest.mark.parametrize(
    ("here", "expected"),
    [
        ({"resnet50", "resnet18"}, ("resnet18", "IMAGENET1K_V1")),
        ({"squeezenet1_1", "vgg16"}, ("squeezenet1_1", "IMAGENET1K_V1")),
    ],
)
def test_where_the_best_cannot_be_had_any_published_weights_are_better_than_none(
    here: set[str], expected: tuple[str, str], hub: Hub
) -> None:
    hub.here, hub.there = here, set()
    assert chosen() == expected
    assert hub.asked == [f"{LITE}2"], "once"


@pytest.mark.parametrize("download", [True, False])
def test_without_any_the_run_is_as_before_and_the_reason_names_the_way_out(
    download: bool, hub: Hub
) -> None:
    hub.there = set()
    rules = network_rules({"device": "cpu"}, PHOTOS, download=download)
    values = {name: value for name, (value, _) in rules.items()}
    assert values == {"model": "resnet18", "weights": "none", "image_size": 128}
    reason = rules["weights"][1]
    assert reason.startswith(f"{LACKING} ({LITE}2: ")
    assert "pip install 'onestop-vision[weights]', or download https://" in reason
    assert hub.asked == ([f"{LITE}2"] if download else [])


def test_random_weights_on_request_give_no_reason_to_complain(hub: Hub) -> None:
    assert chosen(weights="none") == ("resnet18", None)
    assert "image_size" in network_rules({"weights": "none"}, PHOTOS)
    assert hub.asked == []


def test_a_network_by_name_starts_from_its_own_weights(hub: Hub) -> None:
    assert chosen(model="resnet50") == (None, "IMAGENET1K_V2")
    assert chosen(model=f"{LITE}0") == (None, "in1k")
    hub.there = set()
    assert chosen(model="resnet34") == (None, "none")
    assert why("weights", model="resnet34").startswith(f"{LACKING} (resnet34: no answer")


@pytest.mark.parametrize("model", ["resnet9", "capsnet"])
def test_a_network_without_published_weights_starts_from_random_ones(model: str, hub: Hub) -> None:
    assert chosen(model=model) == (None, "none")
    assert why("weights", model=model) == f"no published weights of {model} are known"


@pytest.mark.parametrize("size", [16, 64])
def test_photographs_made_small_are_small_images(size: int, hub: Hub) -> None:
    assert chosen(image_size=size) == ("resnet18", "none")
    assert chosen(image_size=size, model="resnet50")[1] == "none"
    assert hub.asked == []


def test_default_weights_by_name_leave_the_network_to_the_rule(hub: Hub) -> None:
    assert chosen(weights="default") == (f"{LITE}2", None)
    assert chosen(weights="file.pth") == ("resnet18", None)
    assert hub.asked == []


def test_a_device_that_there_is_not_is_refused(hub: Hub) -> None:
    with pytest.raises(UsageError, match="device"):
        chosen(device="cuda:99")


@pytest.mark.parametrize("name", CANDIDATES)
def test_the_candidates_have_weights_and_known_costs(name: str) -> None:
    from onestop.networks import find

    entry = find(name)
    assert entry.weights
    assert entry.accuracy > 70
    assert entry.multiply_adds > 1e8
    assert (entry.multiply_adds > 4e9) == (not name.startswith("tf_")), "see `_names`"
