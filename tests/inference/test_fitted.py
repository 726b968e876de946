"""A network built to the tensors of a file."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from onestop.errors import ModelFileError
from onestop.inference.fitted import fitted, outputs_in
from onestop.networks import build, find

NAME = "squeezenet1_1"


def state(outputs: int, name: str = NAME) -> dict[str, Tensor]:
    torch.manual_seed(0)
    return build(name, outputs).state_dict()


@pytest.mark.parametrize("outputs", [1, 2, 7, 1000])
@pytest.mark.parametrize("prefix", ["", "module.model."])
def test_the_number_of_outputs_follows_from_the_tensors(outputs: int, prefix: str) -> None:
    tensors = state(outputs)
    before = torch.get_rng_state()
    network, found = fitted(find(NAME), {prefix + n: t for n, t in tensors.items()}, "a.pth", 224)
    assert found == outputs
    assert all(torch.equal(t, tensors[n]) for n, t in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), before)


def test_counters_that_older_files_lack_are_no_problem() -> None:
    tensors = {n: t for n, t in state(5, "resnet18").items() if "num_batches" not in n}
    network, found = fitted(find("resnet18"), tensors, "a.pth", 224)
    assert found == 5
    assert torch.equal(network.state_dict()["bn1.weight"], tensors["bn1.weight"])


def test_a_backbone_without_its_last_layer_names_nothing() -> None:
    tensors = {n: t for n, t in state(1000).items() if not n.startswith("classifier")}
    with pytest.raises(ModelFileError, match=r"^a\.pth: has no classifier \(classifier\.1\.weight"):
        fitted(find(NAME), tensors, "a.pth", 224)


def test_the_weights_of_another_network_are_refused() -> None:
    with pytest.raises(ModelFileError, match="is for another network"):
        fitted(find(NAME), state(1000, "tf_efficientnet_lite0"), "a.pth", 224)


def test_one_layer_of_another_width_is_refused() -> None:
    tensors = state(1000)
    tensors["features.0.weight"] = torch.zeros(32, 3, 3, 3)
    with pytest.raises(ModelFileError, match=r"features\.0\.weight is \[32, 3, 3, 3\] in the file"):
        fitted(find(NAME), tensors, "a.pth", 224)


def test_outputs_are_those_of_all_tensors_that_depend_on_them() -> None:
    own = {"a": (1000, 5), "b": (1000,), "c": (7, 1000)}
    assert outputs_in({"a": (3, 5), "b": (3,), "c": (7, 1000)}, own) == 3
    assert outputs_in({"a": (3, 5), "b": (4,)}, own) == 1000, "they do not agree"
    assert outputs_in({}, own) == 1000
