"""Every example runs."""

from __future__ import annotations

import itertools
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision import models

import onestop
from onestop.networks.imagenet import imagenet_names
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.thorough

FOLDER = REPOSITORY / "examples"
FILES = sorted(FOLDER.glob("*.py"))
EXAMPLES = [path for path in FILES if "__main__" in path.read_text()]  # the others are imported
SHORT = 60  # lines


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_example_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= SHORT


def printed_by(
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *arguments: str,
) -> dict[str, str]:
    """What an example prints, by what stands before the colon of each line."""
    path = FOLDER / f"{name}.py"
    monkeypatch.setattr(sys, "argv", [str(path), *arguments])
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])  # as Python itself does
    runpy.run_path(str(path), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def percentage(text: str) -> float:
    """The first one in a line."""
    return float(text.partition("%")[0].rpartition(" ")[2])


def test_each_example_is_run_below() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    for path in EXAMPLES:
        assert f'printed_by("{path.stem}"' in tests, f"no test runs {path.name}"


def test_each_example_is_in_their_table() -> None:
    table = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = [line for line in table.splitlines() if line.startswith("| [")]
    assert [row.split("](")[1].split(")")[0] for row in rows] == [path.name for path in EXAMPLES]


def find(name: str) -> dict[str, str]:
    """What the examples find of a data set."""
    found: dict[str, str] = runpy.run_path(str(FOLDER / "at_hand.py"))["find"](name)
    return found


def test_data_sets_are_looked_for_in_the_folder_of_sets_and_never_downloaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert find("mnist") == find("hymenoptera") == {}
    monkeypatch.setenv("ONESTOP_DATA", str(tmp_path / "sets"))
    (tmp_path / "sets/mnist/MNIST/raw").mkdir(parents=True)
    (tmp_path / "sets/cifar10/train").mkdir(parents=True)
    assert find("mnist") == {"source": "mnist", "data_root": str(tmp_path / "sets/mnist")}
    assert find("cifar10") == {"source": str(tmp_path / "sets/cifar10")}
    (tmp_path / "sets/cifar-10-batches-py").mkdir()
    assert find("cifar10") == {"source": "cifar10", "data_root": str(tmp_path / "sets")}


def test_real_data_sets_are_found(monkeypatch: pytest.MonkeyPatch, real_data: Path) -> None:
    monkeypatch.setenv("ONESTOP_DATA", str(real_data))
    for name, images in (("mnist", 60_000), ("hymenoptera", 244)):
        found = find(name)
        data = onestop.open_data(found["source"], root=found.get("data_root"), val_fraction=0)
        assert len(data.splits["train"]) == images


def test_nested_modules(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = printed_by("nested_modules", monkeypatch, capsys)
    assert printed["entry.second.weight"] == "[4, 3, 2, 2]"
    assert printed["blocks"] == "2", "the one that is used twice counts once"
    assert printed["parameters"] == "255"
    assert printed["outputs"] == "[8, 2]"


def test_lenet_by_hand(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    printed = printed_by("lenet_by_hand", monkeypatch, capsys)
    assert printed["fc1.weight"] == "[120, 576]"
    assert printed["before"] == "None"
    assert any(float(value) for value in printed["after"].strip("[]").split(", "))
    assert printed["backward"].startswith("MseLossBackward0 -> AddmmBackward0")
    assert float(printed["loss after one step"]) < float(printed["loss"])


def test_convolution_and_pooling(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = printed_by("convolution_and_pooling", monkeypatch, capsys)
    assert printed["stride 1, padding 0"] == "[[10, 12, 12], [18, 16, 16], [13, 9, 3]]"
    assert printed["largest of 3 x 3, ceil_mode True"] == "[[2, 3], [5, 1]]"


def test_a_loop_of_ones_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = printed_by("own_loop", monkeypatch, capsys)
    assert float(printed["test accuracy"].rstrip("%")) > 90


def test_linear_regression_ends_near_the_tutorials_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = printed_by("linear_regression", monkeypatch, capsys)
    assert float(printed["weight"]) == pytest.approx(2.0071, abs=0.05)
    assert float(printed["bias"]) == pytest.approx(3.1690, abs=0.5)
    assert Path("runs/linear/line.png").stat().st_size > 5000


def test_mnist_or_the_digits_in_its_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = printed_by("mnist", monkeypatch, capsys)
    assert printed["data"].startswith("digits, built in (")
    assert percentage(printed["epoch 5"]) > max(80, percentage(printed["epoch 1"]))
    assert int(printed["correct"].split()[0]) >= 12
    run = Path("runs/mnist")
    for name in ("samples.png", "predictions.png"):
        with Image.open(run / name) as picture:
            assert picture.width > 1000
    kept = onestop.load(run).network.state_dict()
    alone = onestop.load_weights(onestop.build("lenet5", 10), run / "weights.safetensors")
    assert all(torch.equal(kept[name], value) for name, value in alone.state_dict().items())


def test_several_labels_per_image(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = printed_by("four_digits", monkeypatch, capsys)
    assert percentage(printed["mAP"]) > 97, "34 would be chance"
    assert percentage(printed["all labels right"]) > 60
    assert set(map(str, range(10))) <= printed.keys()
    for number in range(16):
        predicted, _, labels = printed[f"image #{number}"].rstrip(")").partition(" (has ")
        assert 1 <= len(labels.split(", ")) <= 4
        assert "%" in predicted
    with Image.open("runs/four-digits/predictions.png") as picture:
        assert picture.width > 1000


@pytest.mark.slow
def test_mnist_itself_is_learned_better_than_in_the_tutorial(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], real_data: Path
) -> None:
    monkeypatch.setenv("ONESTOP_DATA", str(real_data))
    printed = printed_by("mnist", monkeypatch, capsys)
    assert printed["images"] == "60,000 for training, 10,000 for testing"
    assert percentage(printed["epoch 2"]) > 93.2


def test_the_steps_that_improve_cifar10(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = printed_by("cifar10", monkeypatch, capsys)
    steps = [value for value in printed.values() if " % (" in value]
    figures = [float(value.split()[0]) for value in steps]
    assert len(steps) == 4
    assert min(figures) > 70, "one in ten would be chance"
    for (before, after), value in zip(itertools.pairwise(figures), steps[1:], strict=True):
        gain = float(value.partition("), ")[2].split()[0])
        assert gain == pytest.approx(after - before, abs=0.11)
    means = printed["mean"].partition("), ")[0].strip("()").split(", ")
    assert all(0.2 < float(mean) < 0.4 for mean in means), "those of the digits, not none"


def test_fine_tuning_in_both_ways(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    printed = printed_by("alexnet_finetuning", monkeypatch, capsys)
    assert printed["data"].startswith("digits, built in (needed: hymenoptera/")
    assert f"{tmp_path}/hub/checkpoints/alexnet-" in printed["data"]
    assert percentage(printed["everything"]) > 60, "one in five would be chance"
    assert percentage(printed["output layer alone"]) > 40


def test_where_vggs_weights_are_missing_it_says_where_they_belong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    printed = printed_by("vgg_names_photographs", monkeypatch, capsys)
    assert printed["classes"] == "1,000, such as Pembroke (number 263)"
    assert printed["missing"].startswith(f"{tmp_path}/hub/checkpoints/vgg13-")
    assert printed["with internet"] == "onestop predict vgg13 PHOTOGRAPH"
    assert printed["without"].startswith(
        "save https://download.pytorch.org/models/vgg13-19584684.pth"
    )
    assert printed["instead"].startswith("LeNet-5")
    images = {name: value for name, value in printed.items() if name.startswith("image ")}
    right = [name.endswith(f"(a {value.split()[0]})") for name, value in images.items()]
    assert len(images) == 8
    assert sum(right) >= 6, "one in ten would be chance"
    assert Path("runs/named.png").stat().st_size > 5000


def test_photographs_are_named_with_weights_that_are_at_hand(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    photos: Callable[..., Path],
) -> None:
    # Random ones, so the names are wrong; they belong to the network's 1,000 all the same.
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub/checkpoints").mkdir(parents=True)
    weights = onestop.build("squeezenet1_1", classes=1000).state_dict()
    torch.save(weights, tmp_path / "hub/checkpoints/squeezenet1_1-b8a52dc0.pth")
    names = models.SqueezeNet1_1_Weights.DEFAULT.meta["categories"]
    files = [str(path) for path in sorted(photos({"red": 2}).glob("*/*"))]
    printed = printed_by("vgg_names_photographs", monkeypatch, capsys, "squeezenet1_1", *files)
    assert "missing" not in printed
    for name in ("000.jpg", "001.jpg"):
        assert printed[name].rpartition(", ")[2].rpartition(" ")[0] in names
    assert Path("runs/named.png").stat().st_size > 5000


def stand_in(network: str, folder: Path) -> Path:
    """A small file with random values under a network's published name: rows are stored once."""
    with torch.device("meta"):
        shapes = {name: t.shape for name, t in onestop.build(network, 1000).state_dict().items()}
    torch.manual_seed(0)
    weights = {
        name: (torch.randn(row := shape[len(shape) > 1 :]) / row.numel() ** 0.5).expand(shape)
        for name, shape in shapes.items()
    }
    file = folder / Path(models.get_model_weights(network).DEFAULT.url).name
    torch.save(weights, file)
    return file


@pytest.mark.parametrize("network", ["alexnet", pytest.param("vgg13", marks=pytest.mark.slow)])
def test_a_file_at_hand_is_enough_wherever_it_lies(
    network: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    photos: Callable[..., Path],
) -> None:
    file = stand_in(network, tmp_path)
    assert file.stat().st_size < 1e6
    images = [str(path) for path in sorted(photos({"red": 2}).glob("*/*"))]
    printed = printed_by("vgg_names_photographs", monkeypatch, capsys, str(file), *images)
    assert printed["network"] == network
    assert printed["weights"] == str(file)
    assert "missing" not in printed
    by_name = onestop.predict(network, images, weights=file)
    for image, prediction in zip(("000.jpg", "001.jpg"), by_name, strict=True):
        assert printed[image].startswith(f"{prediction.label} {prediction.score:.0%}")
        assert prediction.label in imagenet_names()


def test_the_inception_module(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = printed_by("inception_module", monkeypatch, capsys)
    assert printed["branch5"] == "[2, 32, 28, 28], receptive field 5 x 5"
    assert printed["branch_pool"] == "[2, 32, 28, 28], receptive field 3 x 3"
    assert printed["together"] == "[2, 256, 28, 28]"
    assert printed["parameters of a plain 5x5 convolution"] == f"{192 * 256 * 25:,}"
    assert float(printed["ratio"]) > 7


def test_gradients_in_deep_networks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = printed_by("gradients_in_deep_networks", monkeypatch, capsys)
    ratios = {
        name: float(value.rpartition(" ")[2]) for name, value in printed.items() if "=" in value
    }
    assert ratios["plain"] < 1e-9
    assert ratios["plain + BatchNorm"] > 50
    assert 1 < ratios["residual"] < ratios["plain + BatchNorm"] / 5
    assert 0.1 < ratios["dense (1x1 and 3x3)"] < 10
    assert Path("runs/gradients.png").stat().st_size > 20_000


def test_the_judge_of_recipes_prints_a_line_a_seed_and_the_median(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "digits --images 100 --seeds 2 epochs=1 threads=1 device=cpu"
    monkeypatch.setattr(sys, "argv", ["judge.py", *words.split()])
    runpy.run_path(str(REPOSITORY / "benchmarks" / "judge.py"), run_name="__main__")
    first, *seeds, last = capsys.readouterr().out.splitlines()
    assert first.startswith("digits, 100 images, {'epochs': '1'")
    assert [line.partition(":")[0] for line in seeds] == ["  seed 0", "  seed 1"]
    assert last.startswith("median ")
    assert last.endswith("2 seeds)")


def test_objects_are_learned_and_drawn(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("timm")
    printed = printed_by("objects", monkeypatch, capsys)
    assert float(printed["AP50"].split()[0]) > 0.3
    assert len(list(Path(printed["drawn"]).glob("*.png"))) == 4
