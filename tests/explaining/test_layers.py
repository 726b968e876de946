"""The layer that is read is one that everything passes through, on every network that can be built."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from onestop.errors import UsageError
from onestop.explaining.attribution import heat_maps
from onestop.explaining.layers import Layer, find_layer, layer_of
from onestop.networks import build, find
from tests.explaining.conftest import model_of
from tests.networks.contract_lists import HUGE, IMAGES, SIZES, TIMM, TORCHVISION

# A member of each of our families and of torchvision's and timm's: layer, and rows of its map.
KNOWN: dict[str, tuple[str, int]] = {
    "cnn1": ("conv", 62), "nested": ("blocks", 32), "lenet5": ("conv2", 10),
    "lenet5_max": ("conv2", 10), "alexnet_small": ("conv2", 4), "resnet20": ("stage3", 8),
    "wrn_16_4": ("norm", 8), "densenet_bc_100_12": ("norm", 8), "mobilenet_v2_small": ("last", 4),
    "resnet9": ("stage3", 4), "airbench_small": ("groups.2.conv1", 7), "capsnet": ("primary", 6),
    "squeezenet1_1": ("features.7", 7), "mobilenet_v3_small": ("features.9.block.0", 4),
    "shufflenet_v2_x0_5": ("stage3", 4), "resnet18": ("layer3", 4),
    "densenet121": ("features.transition3.conv", 4), "regnet_x_400mf": ("trunk_output.block3", 4),
    "swin_t": ("features.5", 4), "timm:test_resnet": ("layer3", 4),
    "timm:test_nfnet": ("stages.3.0.act1", 4), "timm:test_convnext": ("stages.2", 4),
    "timm:test_efficientnet": ("blocks.4.0.bn1", 4), "timm:test_vit": ("blocks.4", 4),
    "timm:test_mambaout": ("stages.3.downsample.norm", 4),
}  # fmt: skip
# Where several branches go side by side to the outputs, no map lies on the way of everything.
NO_MAP = {"timm:crossvit_tiny_240"}


def built(name: str) -> tuple[nn.Module, tuple[int, int, int]]:
    if name.startswith("timm:"):
        pytest.importorskip("timm", reason="the extra `timm` is not installed")
    entry = find(name)
    usual = min(64, entry.image_size) if name in IMAGES else max(64, entry.min_size)
    size = SIZES.get(name, usual)
    torch.manual_seed(0)
    network = build(name, 3, entry.channels, size)
    for module in network.modules():  # heads of zeros, which have no gradient
        if isinstance(module, nn.Linear | nn.Conv2d) and not module.weight.any():
            nn.init.normal_(module.weight)
    return network, (entry.channels, size, size)


@pytest.mark.thorough
@pytest.mark.parametrize("name", KNOWN)
def test_the_layer_of_each_family(name: str) -> None:
    network, shape = built(name)
    layer = find_layer(network, shape)
    assert (layer.name, layer.places[0]) == KNOWN[name]
    assert check_that_it_explains(network, shape, layer).amax() == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*IMAGES, *TORCHVISION, *TIMM} - {*HUGE, *KNOWN}))
def test_every_network_has_a_layer_that_explains(name: str) -> None:
    network, shape = built(name)
    if name in NO_MAP:
        with pytest.raises(UsageError, match="occlusion or integrated-gradients"):
            find_layer(network, shape)
        return
    check_that_it_explains(network, shape, find_layer(network, shape))


def check_that_it_explains(network: nn.Module, shape: tuple[int, int, int], layer: Layer) -> Tensor:
    """More than one place, a gradient that is not zero, heat maps of the image's size."""
    assert layer.places[0] * layer.places[1] > 1
    model = model_of(network, shape[1:], shape[0])
    inputs = torch.randn(1, *shape).expand(3, -1, -1, -1)
    gradient = gradient_at(network.eval(), inputs[:1], layer)
    assert gradient.shape[2:] == layer.places
    assert gradient.any()
    heat = heat_maps(model, inputs, [0, 1, 2], layer=layer)
    assert heat.shape == (3, *shape[1:])
    assert torch.isfinite(heat).all()
    # With random weights it may be that no place speaks for any of the classes.
    assert set(heat.amax((1, 2)).tolist()) <= {0.0, 1.0}
    assert heat.amin() >= 0
    return heat


def gradient_at(network: nn.Module, inputs: Tensor, layer: Layer) -> Tensor:
    """The gradient of the outputs' sum of squares in the layer's last output, as a map."""
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        kept.append(output)
        return output.clone()  # what computes in place afterwards must not change it

    with network.get_submodule(layer.name).register_forward_hook(keep):
        outputs = network(inputs)
    (gradient,) = torch.autograd.grad(outputs.square().sum(), kept[-1])
    return layer.map_in(gradient)


# --- what counts as a map ---


@pytest.mark.parametrize(
    ("output", "image", "places", "form"),
    [
        ((1, 512, 7, 7), (3, 224, 224), (7, 7), "channels first"),
        ((1, 7, 7, 512), (3, 224, 224), (7, 7), "channels last"),
        ((1, 7, 5, 512), (3, 224, 160), (7, 5), "channels last"),
        ((1, 64, 5, 7), (3, 160, 224), (5, 7), "channels first"),
        ((1, 7, 7, 7), (3, 224, 224), (7, 7), "channels first"),
        ((1, 197, 192), (3, 224, 224), (14, 14), "tokens"),
        ((1, 196, 192), (3, 224, 224), (14, 14), "tokens"),
        ((1, 201, 192), (3, 224, 224), (14, 14), "tokens"),
        ((1, 62, 192), (3, 224, 224), None, ""),
        ((1, 33, 192), (3, 128, 256), (4, 8), "tokens"),
        ((1, 512, 1, 1), (3, 224, 224), None, ""),
        ((1, 1, 192), (3, 224, 224), None, ""),
        ((1, 10), (3, 224, 224), None, ""),
        ((64, 49, 96), (3, 224, 224), None, ""),
        ((1, 0, 7, 7), (3, 224, 224), None, ""),
    ],
)
def test_what_counts_as_a_map(
    output: tuple[int, ...], image: tuple[int, ...], places: tuple[int, int] | None, form: str
) -> None:
    layer = layer_of("some", output, image)
    if places is None:
        assert layer is None
    else:
        assert layer is not None
        assert (layer.places, layer.form) == (places, form)


@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (2, 4, 4, 3), (2, 17, 3)])
def test_a_map_is_taken_out_and_put_back(shape: tuple[int, ...]) -> None:
    layer = layer_of("some", (1, *shape[1:]), (3, 64, 64))
    assert layer is not None
    output = torch.randn(shape)
    found = layer.map_in(output)
    assert found.shape == (2, 3, 4, 4)
    assert torch.equal(layer.put_back(output, found), output)


def test_tokens_lie_row_by_row() -> None:
    layer = layer_of("some", (1, 7, 1), (3, 32, 48))
    assert layer is not None
    tokens = torch.tensor([9.0, 0, 1, 2, 3, 4, 5]).reshape(1, 7, 1)
    assert layer.map_in(tokens)[0, 0].tolist() == [[0, 1, 2], [3, 4, 5]]


# --- networks with traps ---


class Trapped(nn.Module):
    """A sequence of named modules, run as it is written."""

    def __init__(self, **modules: nn.Module) -> None:
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x: Tensor) -> Tensor:
        for module in self.children():
            x = module(x)
        return x


def head(channels: int) -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 3))


class Gate(nn.Module):
    """Squeeze and excite: what it puts out is a map, what is in it is none or a branch."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.look(x).sigmoid() * x  # type: ignore[no-any-return]


class ReadsTheFirstToken(nn.Module):
    """A transformer's tokens, of which the classifier sees the first alone."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.block1 = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
        self.block2 = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).mT
        tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], 1)
        return self.fc(self.block2(self.block1(tokens))[:, 0])  # type: ignore[no-any-return]


def chosen(network: nn.Module, side: int = 32) -> str:
    return find_layer(network, (3, side, side)).name


class TestTraps:
    def test_dropout_and_identity_are_not_the_layer(self) -> None:
        network = Trapped(
            conv=nn.Conv2d(3, 4, 3), act=nn.ReLU(inplace=True), drop=nn.Dropout(), same=nn.Identity(),
            head=head(4),
        )  # fmt: skip
        assert chosen(network) == "act"

    def test_the_outermost_of_nested_modules_is_named(self) -> None:
        inner = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True))
        assert chosen(Trapped(body=nn.Sequential(inner, nn.Identity()), head=head(4))) == "body"

    def test_pooling_does_not_count_unless_there_is_nothing_else(self) -> None:
        conv = nn.Conv2d(3, 4, 3)
        assert chosen(Trapped(conv=conv, pool=nn.AdaptiveAvgPool2d(7), head=head(4))) == "conv"
        assert chosen(Trapped(pool=nn.AdaptiveAvgPool2d(7), head=head(3))) == "pool"

    def test_a_gate_is_a_branch(self) -> None:
        network = Trapped(conv=nn.Conv2d(3, 4, 3), gate=Gate(), head=head(4))
        assert chosen(network) == "gate"

    def test_a_coarse_map_gives_way_to_a_finer_one(self) -> None:
        stages = {f"stage{i}": nn.Conv2d(3, 3, 2, 2) for i in range(1, 6)}
        assert chosen(Trapped(**stages, head=head(3)), 32) == "stage3"
        assert chosen(Trapped(**stages, head=head(3)), 128) == "stage5"
        # None has 16 places: the finest.
        assert chosen(
            Trapped(conv=nn.Conv2d(3, 3, 8, 8), last=stages["stage1"], head=head(3)), 16
        ) == ("conv")

    def test_a_module_that_is_used_twice_counts_where_it_ran_last(self) -> None:
        class Twice(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv1, self.conv2 = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, 2)
                self.act, self.head = nn.ReLU(inplace=True), head(4)

            def forward(self, x: Tensor) -> Tensor:
                return self.head(self.act(self.conv2(self.act(self.conv1(x)))))  # type: ignore[no-any-return]

        network = Twice()
        layer = find_layer(network, (3, 32, 32))
        assert (layer.name, layer.places) == ("act", (14, 14))
        check_that_it_explains(network, (3, 32, 32), layer)

    def test_a_relu_behind_the_last_of_several_calls_is_left_alone(self) -> None:
        class Shared(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv, self.head = nn.Conv2d(3, 3, 3, padding=1), head(3)

            def forward(self, x: Tensor) -> Tensor:
                return self.head(self.conv(self.conv(x)).relu())  # type: ignore[no-any-return]

        layer = find_layer(Shared(), (3, 32, 32))
        assert (layer.name, layer.relu) == ("conv", False)

    def test_the_last_tokens_do_not_count_where_only_one_of_them_is_read(self) -> None:
        torch.manual_seed(0)
        network = ReadsTheFirstToken()
        layer = find_layer(network, (3, 32, 32))
        assert (layer.name, layer.form, layer.places) == ("block1", "tokens", (4, 4))
        check_that_it_explains(network, (3, 32, 32), layer)

    def test_a_head_of_zeros_leaves_it_to_the_structure(self) -> None:
        network = Trapped(conv=nn.Conv2d(3, 4, 3), head=head(4))
        nn.init.zeros_(network.get_submodule("head.2").weight)  # type: ignore[arg-type]
        assert chosen(network) == "conv"

    def test_a_relu_that_is_no_module_is_read_behind(self) -> None:
        network = build("lenet5", 3, 1, 28)
        layer = find_layer(network, (1, 28, 28))
        assert (layer.name, layer.relu, layer.stride) == ("conv2", True, (2, 2))

    def test_without_a_map_the_way_out_is_named(self) -> None:
        with pytest.raises(UsageError, match="--method occlusion or integrated-gradients") as error:
            chosen(Trapped(flat=nn.Flatten(), fc=nn.Linear(3 * 32 * 32, 3)))
        assert str(error.value).startswith("Trapped: has no layer with a feature map")

    def test_a_network_that_gives_no_gradients_has_none(self) -> None:
        class Shut(Trapped):
            @torch.no_grad()
            def forward(self, x: Tensor) -> Tensor:
                return super().forward(x)

        with pytest.raises(UsageError, match="has no layer with a feature map"):
            chosen(Shut(conv=nn.Conv2d(3, 4, 3), head=head(4)))


class TestNamed:
    def test_any_layer_with_a_map_can_be_named(self) -> None:
        network = build("resnet20", 3, 3, 32)
        layer = find_layer(network, (3, 32, 32), "stage2.0.body.0")
        assert (layer.name, layer.places) == ("stage2.0.body.0", (16, 16))
        check_that_it_explains(network, (3, 32, 32), layer)

    def test_one_that_is_not_there_names_the_nearest(self) -> None:
        with pytest.raises(
            UsageError, match=r"^--layer stage4: no such layer; did you mean 'stage3'"
        ):
            find_layer(build("resnet20", 3, 3, 32), (3, 32, 32), "stage4")

    def test_one_without_a_map_names_those_that_have_one(self) -> None:
        with pytest.raises(
            UsageError, match=r"--layer fc3: has no feature map.* first: conv2, conv1$"
        ):
            find_layer(build("lenet5", 3, 1, 32), (1, 32, 32), "fc3")


def test_the_network_stays_as_it_was() -> None:
    network = build("resnet20", 3, 3, 32).train()
    network.get_submodule("stage1").eval()
    next(network.parameters()).requires_grad_(False)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    modes = [module.training for module in network.modules()]
    learning = [p.requires_grad for p in network.parameters()]
    with torch.inference_mode():
        find_layer(network, (3, 32, 32))
    assert modes == [module.training for module in network.modules()]
    assert learning == [p.requires_grad for p in network.parameters()]
    assert all(p.grad is None for p in network.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
