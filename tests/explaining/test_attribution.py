"""Heat maps: where the truth is known they say it, on any network, and they change nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from onestop.data.preprocess import VectorPreprocessing
from onestop.errors import UsageError
from onestop.explaining.attribution import heat_maps, outputs_in_32_bits
from onestop.explaining.explanation import Method
from onestop.explaining.layers import find_layer
from onestop.inference.model import Model
from onestop.networks import build
from onestop.storage.model_file import Card
from tests.explaining.conftest import model_of

METHODS: tuple[Method, ...] = get_args(Method)
PLACES = [(1, 2), (14, 22), (8, 12), (2, 23)]
Patched = Callable[[int, int], NDArray[np.uint8]]


def inputs_of(model: Model, images: list[NDArray[np.uint8]]) -> Tensor:
    return model.preprocessing.normalise(torch.stack([model.prepare(image) for image in images]))


@pytest.fixture
def lenet() -> Model:
    torch.manual_seed(0)
    return model_of(build("lenet5_color", 3, 3, 32))


@pytest.mark.parametrize("method", METHODS)
class TestKnownTruth:
    """Only a bright patch, of 64 pixels among 768, makes the network say so."""

    def test_most_of_the_weight_lies_on_the_patch(
        self, method: Method, sees_patches: Model, patched: Patched
    ) -> None:
        inputs = inputs_of(sees_patches, [patched(*place) for place in PLACES])
        heats = heat_maps(sees_patches, inputs, [1] * 4, method)
        for heat, (row, column) in zip(heats, PLACES, strict=True):
            # Squares that are covered and summed up over reach a few pixels beyond it.
            near = heat[max(0, row - 2) : row + 10, max(0, column - 2) : column + 10]
            assert near.sum() > 0.75 * heat.sum()
            assert heat[row : row + 8, column : column + 8].sum() > 0.5 * heat.sum()
            assert divmod(int(heat.argmax()), 32) in {
                (r, c) for r in range(row, row + 8) for c in range(column, column + 8)
            }

    def test_where_nothing_speaks_for_the_class_all_is_zero(
        self, method: Method, sees_patches: Model
    ) -> None:
        pixels = np.full((24, 32, 1), 128, np.uint8)
        pixels[8:16, 8:16] = 250
        assert not heat_maps(sees_patches, inputs_of(sees_patches, [pixels]), [0], method).any()

    def test_images_are_explained_one_by_one(
        self, method: Method, sees_patches: Model, patched: Patched
    ) -> None:
        inputs = inputs_of(sees_patches, [patched(*place) for place in PLACES])
        together = heat_maps(sees_patches, inputs, [1, 0, 1, 1], method)
        for number, target in enumerate([1, 0, 1, 1]):
            alone = heat_maps(sees_patches, inputs[number : number + 1], [target], method)
            assert torch.allclose(together[number], alone[0], atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("name", "channels", "size"), [("lenet5", 1, 28), ("nested", 4, 12), ("resnet20", 3, 16)]
)
def test_they_have_the_size_of_the_image_and_go_from_0_to_1(
    method: Method, name: str, channels: int, size: int
) -> None:
    torch.manual_seed(0)
    model = model_of(build(name, 3, channels, size), (size, size), channels)
    heats = heat_maps(
        model, torch.randn(1, channels, size, size).expand(3, -1, -1, -1), [0, 1, 2], method
    )
    assert (heats.shape, heats.dtype) == ((3, size, size), torch.float32)
    assert heats.min() >= 0
    assert heats.max() == 1
    assert not heats.requires_grad


@pytest.mark.parametrize("method", METHODS)
def test_the_model_stays_as_it_was(method: Method, lenet: Model) -> None:
    network = lenet.network.train()
    network.get_submodule("conv1").eval()
    network.get_submodule("conv2").requires_grad_(False)
    next(network.parameters()).grad = torch.ones_like(next(network.parameters()))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    modes = [module.training for module in network.modules()]
    learning = [p.requires_grad for p in network.parameters()]
    inputs = torch.randn(2, 3, 32, 32)
    kept = inputs.clone()
    heat_maps(lenet, inputs, [0, 1], method)
    assert modes == [module.training for module in network.modules()]
    assert learning == [p.requires_grad for p in network.parameters()]
    assert [p.grad is not None for p in network.parameters()] == [True] + [False] * 9
    gradient = next(network.parameters()).grad
    assert gradient is not None
    assert (gradient == 1).all()
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert torch.equal(inputs, kept)
    assert not inputs.requires_grad


def test_they_are_computed_in_32_bits_and_anywhere(lenet: Model) -> None:
    inputs = torch.randn(2, 3, 32, 32)
    wanted = heat_maps(lenet.on("cpu", "fp32"), inputs, [0, 1])
    lenet.on("cpu", "bf16")
    with torch.inference_mode():
        assert torch.equal(heat_maps(lenet, inputs.clone(), [0, 1]), wanted)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(heat_maps(lenet, inputs, [0, 1]), wanted)
    assert lenet.engine.precision == "bf16"


def test_outputs_are_those_of_the_unfused_network(lenet: Model) -> None:
    inputs = torch.randn(2, 3, 32, 32)
    lenet.on("cpu", "bf16")
    assert torch.equal(outputs_in_32_bits(lenet, inputs), lenet.network(inputs).detach())


class Brightness(nn.Module):
    """Predicts how much of an image is bright, squared."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1)
        nn.init.ones_(self.conv.weight)
        nn.init.constant_(self.conv.bias, -0.5)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """[B, 1, h, w] -> [B, 1]."""
        bright: Tensor = self.conv(x).relu()
        return bright.square().mean((2, 3))


def test_a_network_that_predicts_a_number_is_explained(patched: Patched) -> None:
    model = model_of(Brightness(), (24, 32), 1, ())
    (heat,) = heat_maps(model, inputs_of(model, [patched(8, 8)]), [0])
    assert heat[8:16, 8:16].sum() > 0.9 * heat.sum()


def test_vectors_have_no_places() -> None:
    preprocessing = VectorPreprocessing(2, (0.0, 0.0), (1.0, 1.0))
    card = Card("linear", {"classes": 2, "channels": 2, "image_size": 0}, ("a", "b"),
                preprocessing.to_json())  # fmt: skip
    model = Model(build("linear", 2, 2), card)
    with pytest.raises(UsageError, match="vectors"):
        heat_maps(model, torch.zeros(1, 2), [0])


class TestWhereTheMapLies:
    """The places of a map lie where the strides put them."""

    @pytest.mark.parametrize(("padding", "size"), [(0, 32), (4, 32), (8, 32), (0, 33)])
    def test_a_spot_stays_where_it_is(self, padding: int, size: int) -> None:
        """With padding the map reaches to the border and beyond, without it ends before."""

        class Spots(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv = nn.Conv2d(1, 1, 9, stride=2, padding=padding)
                nn.init.constant_(self.conv.weight, 0.0)
                with torch.no_grad():
                    self.conv.weight[0, 0, 3:6, 3:6] = 1 / 9

            def forward(self, x: Tensor) -> Tensor:
                return self.conv(x).relu().square().mean((2, 3)).repeat(1, 2)  # type: ignore[no-any-return]

        model = model_of(Spots(), (size, size), 1, ("a", "b"))
        inputs = torch.zeros(3, 1, size, size)
        places = [(8, 20), (16, 16), (22, 7)]
        for number, (row, column) in enumerate(places):
            inputs[number, 0, row - 1 : row + 2, column - 1 : column + 2] = 1
        heats = heat_maps(model, inputs, [0, 0, 0])
        for heat, place in zip(heats, places, strict=True):
            found = divmod(int(heat.argmax()), size)
            assert abs(found[0] - place[0]) <= 1
            assert abs(found[1] - place[1]) <= 1

    def test_the_border_that_no_place_lies_in_fades(self) -> None:
        model = model_of(build("lenet5", 3, 1, 28), (28, 28), 1)
        layer = find_layer(model.network, (1, 28, 28))
        assert (layer.places, layer.stride) == ((8, 8), (2, 2))
        for weight in model.network.parameters():
            nn.init.constant_(weight, 0.01)
        (heat,) = heat_maps(model, torch.ones(1, 1, 28, 28), [0])
        assert (heat[6:22, 6:22] == 1).all()
        edge = heat[14, :6]
        assert (edge.diff() > 0).all()
        assert edge[0] > 0
        assert torch.allclose(heat, heat.flip(0, 1))
