"""What is in a data set, a model or a network."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import onestop
from onestop.cli import main
from onestop.data.cache_file import cache_folder
from onestop.errors import DataError, UsageError
from tests.verbs.conftest import COLOURS, Trained

Capture = pytest.CaptureFixture[str]

OWN = """
import torch
with open("imported.txt", "a") as file:
    file.write("once ")

class Net(torch.nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.fc = torch.nn.Linear(3, classes)

    def forward(self, x):
        if self.training:
            raise ValueError("oh no")
        return self.fc(x.mean((2, 3))) * float(x.sum() + 1)
"""


class TestData:
    def test_a_folder_tells_its_splits_classes_and_counts(self, trained: Trained) -> None:
        found = onestop.info(trained.source)
        assert (found.kind, found.name) == ("data", str(trained.source))
        assert found.facts["splits"] == {"train": 36, "test": 9}
        assert found.facts["classes"] == 3
        assert found.table == [{"class": c, "train": 12, "test": 3} for c in COLOURS]

    def test_sizes_mean_and_deviation_are_of_the_images_as_they_are(self, tmp_path: Path) -> None:
        for name, shape, grey in (("a", (10, 20), 51), ("b", (30, 40), 102)):
            (tmp_path / "grey" / name).mkdir(parents=True)
            image = np.full(shape, grey, np.uint8)
            Image.fromarray(image).save(tmp_path / "grey" / name / "0.png")
        facts = onestop.info(tmp_path / "grey").facts
        assert facts["height"] == {"least": 10, "median": 20, "most": 30}
        assert facts["width"] == {"least": 20, "median": 30, "most": 40}
        assert facts["channels"] == [1]
        share = 200 / 1400  # of all pixels that are in the smaller image
        mean = share * 0.2 + (1 - share) * 0.4
        assert facts["mean"] == pytest.approx([mean], abs=1e-4)
        deviation = (share * (0.2 - mean) ** 2 + (1 - share) * (0.4 - mean) ** 2) ** 0.5
        assert facts["std"] == pytest.approx([deviation], abs=1e-4)
        assert facts["measured"] == 2

    def test_a_set_known_by_name(self, capsys: Capture) -> None:
        assert main(["info", "digits"]) == 0
        said = capsys.readouterr()
        lines = said.out.splitlines()
        assert lines[0] == "data digits"
        assert "  splits: train 1,438, test 359" in lines
        assert "  classes: 10" in lines
        assert said.err == ""

    def test_odd_files_are_named(self, photos: Callable[..., Path], capsys: Capture) -> None:
        folder = photos({"red": 3, "blue": 3})
        (folder / "red" / "notes.txt").touch()
        (folder / "red" / "000.jpg").write_bytes(b"no image")
        facts = onestop.info(folder).facts
        assert facts["measured"] == 5
        assert [text.split(" ")[0] for text in facts["unreadable"]] == ["red/000.jpg"]
        assert [text.split(" ")[0] for text in facts["skipped"]] == ["red/notes.txt"]
        assert main(["info", str(folder)]) == 0
        assert "red/notes.txt" in capsys.readouterr().out

    @pytest.mark.parametrize("keep", [0, 300], ids=["empty", "cut in the pixels"])
    def test_nothing_that_can_be_read_is_told(
        self, keep: int, photos: Callable[..., Path], capsys: Capture
    ) -> None:
        folder = photos({"red": 2, "blue": 2}, suffix=".png")
        for file in folder.rglob("*.png"):
            file.write_bytes(file.read_bytes()[:keep])
        assert len(onestop.info(folder).facts["unreadable"]) == 4
        assert main(["info", str(folder)]) == 0
        assert "unreadable: " in capsys.readouterr().out

    def test_a_single_class_and_a_lone_test_split_can_be_looked_at(
        self, photos: Callable[..., Path]
    ) -> None:
        folder = photos({"test/red": 3})
        assert onestop.info(folder).table == [{"class": "red", "test": 3}]

    def test_arrays_from_python(self) -> None:
        images = np.zeros((6, 8, 8), np.uint8)
        found = onestop.info((images, ["cat", "dog"] * 3))
        assert found.table == [{"class": "cat", "train": 3}, {"class": "dog", "train": 3}]

    def test_vectors_have_neither_sizes_nor_classes(self) -> None:
        x = np.linspace(0, 1, 5, dtype=np.float32)
        found = onestop.info((x, x))
        assert found.facts["splits"] == {"train": 5}
        assert found.table == []

    def test_an_empty_folder_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        with pytest.raises(DataError, match="no images found"):
            onestop.info(tmp_path / "empty")


class TestGrid:
    def test_images_of_each_class_are_saved(
        self, photos: Callable[..., Path], capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ["info", str(photos({"ants": 3, "bees": 3})), "--save-grid", "grid.png"]
        assert main(words) == 0
        with Image.open("grid.png") as picture:
            assert picture.width > picture.height > 100
        assert main(words) == 2
        assert "--save-grid grid.png: already exists; name another file" in capsys.readouterr().err

    def test_what_is_no_data_set_has_no_images(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["info", "lenet5", "--save-grid", "grid.png"]) == 2
        assert "shows images of a data set; lenet5 is not one" in capsys.readouterr().err

    def test_vectors_have_no_images(self) -> None:
        data = (np.zeros((3, 2), np.float32), np.zeros(3, np.float32))
        with pytest.raises(UsageError, match="holds vectors, not images"):
            onestop.info(data, save_grid="grid.png")


class TestModel:
    def test_a_run_tells_network_classes_preprocessing_and_figures(self, trained: Trained) -> None:
        found = onestop.info(trained.run.folder)
        assert (found.kind, found.name) == ("model", trained.model)
        assert found.facts["network"] == "lenet5_color"
        assert found.facts["preprocessing"]["size"] == [32, 32]
        assert found.facts["metrics"]["accuracy"] == trained.metrics["accuracy"]
        assert found.facts["recipe"]["epochs"] == 3
        assert [row["class"] for row in found.table] == list(COLOURS)
        assert [row["images"] for row in found.table] == [3, 3, 3]

    def test_the_images_it_remembers_are_counted_not_listed(
        self, trained: Trained, capsys: Capture
    ) -> None:
        counts = onestop.info(trained.run.folder).facts["splits"]
        assert (counts["val"], counts["test"]) == (3, trained.metrics["images"])
        assert main(["info", str(trained.run.folder)]) == 0
        lines = capsys.readouterr().out.splitlines()
        (splits,) = [line for line in lines if line.startswith("  splits: ")]
        assert f"test {counts['test']}" in splits
        assert onestop.info(trained.run.folder).facts["confidence"]["held_out"] == 3
        assert max(len(word) for line in lines for word in line.split()) < 100  # no keys in base64

    def test_a_model_file_anywhere_tells_the_same(self, trained: Trained, tmp_path: Path) -> None:
        file = tmp_path / "copy.safetensors"
        shutil.copy(trained.model, file)
        assert onestop.info(file).facts == onestop.info(trained.run.folder).facts

    def test_a_person_reads_it_with_shares_in_percent(
        self, trained: Trained, capsys: Capture
    ) -> None:
        assert main(["info", str(trained.run.folder)]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == f"model {trained.model}"
        assert "  network: lenet5_color" in lines
        (row,) = [line.split() for line in lines if line.strip().startswith("red ")]
        recall = trained.metrics["per_class"]["red"]["recall"]
        assert row[:2] == ["red", "3"]
        assert row[3] == f"{recall:.1%}"

    def test_a_run_without_a_model_yet_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "recipe.yaml").touch()
        with pytest.raises(UsageError, match=r"no model.safetensors in this folder"):
            onestop.info(tmp_path)


class TestWeights:
    """A network with weights, or a file of weights from anywhere, as the model it would be."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        torch.manual_seed(0)
        torch.save(onestop.build("squeezenet1_1", 3).state_dict(), tmp_path / "three.pth")
        return tmp_path / "three.pth"

    def test_a_file_alone_tells_network_names_and_preprocessing(
        self, file: Path, capsys: Capture
    ) -> None:
        found = onestop.info(file)
        assert (found.kind, found.name) == ("model", str(file))
        assert found.facts["network"] == "squeezenet1_1"
        assert found.facts["classes"] == 3
        assert found.facts["names"] == ["class 0", "class 1", "class 2"]
        assert found.facts["preprocessing"]["crop_fraction"] == 224 / 256
        assert found.facts["weights"] == str(file)
        assert main(["info", str(file), "--classes", "names.txt"]) == 2
        assert "--classes names.txt: No such file" in capsys.readouterr().err

    def test_a_network_with_a_file_is_the_same(self, file: Path, tmp_path: Path) -> None:
        (tmp_path / "names.json").write_text('["a", "b", "c"]')
        found = onestop.info("squeezenet1_1", weights=file, classes=tmp_path / "names.json")
        assert found.facts["names"] == ["a", "b", "c"]
        wide = onestop.info("squeezenet1_1", weights=file, image_size=320)
        assert wide.facts["preprocessing"]["size"] == (320, 320)

    def test_published_weights_are_not_downloaded(
        self, monkeypatch: pytest.MonkeyPatch, capsys: Capture
    ) -> None:
        monkeypatch.setattr("onestop.inference.from_network.published_weights", None)
        assert main(["info", "vgg13", "--weights", "default"]) == 0
        said = capsys.readouterr().out
        assert "classes: 1,000" in said
        assert "names: tench; goldfish; " in said
        assert "weights: IMAGENET1K_V1, not on this machine" in said
        assert "https://download.pytorch.org/models/vgg13-19584684.pth" in said

    @pytest.mark.parametrize(
        ("words", "problem"),
        [
            ("three.pth --weights default", "--weights default: is for a network by name; "),
            ("three.pth --depth 2", "--depth: is for a network without weights; drop it"),
            ("vgg13 --weights default --backward", "--backward: is for a network without weights"),
            ("vgg13 --weights default --classes two.txt", "2 names for the 1,000 outputs of vgg13"),
            ("three.pth --classes two.txt", "2 names for the 3 outputs of three.pth"),
            ("vgg13 --classes two.txt", "--classes two.txt: names go with --weights"),
            ("vgg13 --weights default --classes 5", "--classes 5: weights have their number"),
            ("vgg13 --weights nowhere.pth", "nowhere.pth: no such run or model file"),
            ("digits --weights default", "--weights: is for a network, and this is not one"),
            ("fcn_resnet50", "fcn_resnet50: is for segmentation, not for"),
        ],
    )
    def test_what_cannot_work_is_one_line(
        self, words: str, problem: str, file: Path, capsys: Capture
    ) -> None:
        (file.parent / "two.txt").write_text("a\nb\n")
        assert main(["info", *words.split()]) in (2, 3)
        said = capsys.readouterr().err
        assert problem in said
        assert said.count("\n") == 1


class TestNetwork:
    def test_its_layers_are_a_tree(self) -> None:
        found = onestop.info("lenet5")
        assert (found.kind, found.name) == ("network", "lenet5")
        assert found.facts["input"] == [1, 32, 32]
        assert (found.facts["parameters"], found.facts["trainable"]) == (61_706, 61_706)
        assert found.facts["multiply_adds"] == 416_520
        network, *layers = found.table
        assert (network["layer"], network["parameters"]) == ("(network)", 61_706)
        assert [row["layer"] for row in layers] == ["conv1", "conv2", "fc1", "fc2", "fc3"]
        assert [row["parameters"] for row in layers] == [156, 2_416, 48_120, 10_164, 850]
        assert [row["stage"] for row in layers] == [1, 2, 3, 4, None]
        assert layers[0]["output"] == [6, 28, 28]
        assert found.facts["largest_activation"] == 6 * 28 * 28
        assert found.facts["activations"] == 6 * 28 * 28 + 16 * 10 * 10 + 120 + 84 + 10
        assert found.facts["stages"] == 4

    def test_it_is_built_as_asked_for(self) -> None:
        found = onestop.info("lenet5", classes=3, channels=3, image_size=48)
        assert found.facts["input"] == [3, 48, 48]
        assert found.table[-1]["output"] == [3]

    def test_a_network_of_vectors(self) -> None:
        found = onestop.info("linear", channels=4, backward=True)
        assert (found.facts["input"], found.facts["parameters"]) == ([4], 5)
        assert found.backward[0]["function"] == "MseLossBackward0"
        with pytest.raises(UsageError, match=r"^--classes 3: linear predicts a number"):
            onestop.info("linear", classes=3)
        with pytest.raises(UsageError, match=r"^--image-size 8: linear predicts a number"):
            onestop.info("linear", image_size=8)

    def test_a_network_of_ones_own(self, tmp_path: Path) -> None:
        code = "import torch\nclass Net(torch.nn.Flatten): pass\n"
        (tmp_path / "net.py").write_text(code)
        found = onestop.info("net.py:Net", classes=12, channels=3, image_size=2)
        assert (found.facts["parameters"], found.facts["stages"]) == (0, 0)
        with pytest.raises(
            UsageError, match=r"^--backward: no parameter of this network is trained"
        ):
            onestop.info("net.py:Net", classes=12, channels=3, image_size=2, backward=True)
        with pytest.raises(UsageError, match=r"^net.py:Nat: net.py has no 'Nat'; did you mean"):
            onestop.info("net.py:Nat")

    def test_ones_own_code_runs_once_and_may_look_at_values(self, tmp_path: Path) -> None:
        (tmp_path / "net.py").write_text(OWN)
        found = onestop.info("net.py:Net", image_size=9)
        assert (tmp_path / "imported.txt").read_text() == "once "
        assert [row["layer"] for row in found.table] == ["(network)", "fc"]
        with pytest.raises(UsageError, match=r"^--backward: the network cannot be trained: oh no"):
            onestop.info("net.py:Net", image_size=9, backward=True)

    @pytest.mark.parametrize("name", ["resnet18", "regnet_x_400mf"])
    def test_no_weights_are_made(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        made: set[str] = set()

        def note(_: nn.Parameter, data: torch.Tensor, *__: Any) -> None:
            made.add(data.device.type)

        monkeypatch.setattr(nn.Parameter, "__init__", note)
        onestop.info(name)  # a RegNet computes with values while it is built
        assert made == {"meta"}

    def test_what_looks_at_values_when_it_runs_gets_some(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Looks(nn.Flatten):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return super().forward(x) if x.sum().item() == 0 else x

        monkeypatch.setattr(
            "onestop.networks.lenet.LeNet",
            lambda *_, **__: nn.Sequential(Looks(), nn.Linear(1024, 10)),
        )
        assert onestop.info("lenet5").table[-1]["output"] == [10]

    def test_the_chain_of_backward_functions_begins_at_the_loss_of_training(
        self, capsys: Capture
    ) -> None:
        found = onestop.info("lenet5", backward=True)
        names = [row["function"] for row in found.backward]
        assert names[:3] == ["NllLossBackward0", "LogSoftmaxBackward0", "AddmmBackward0"]
        ends = [row["parameter"] for row in found.backward if row["parameter"]]
        assert (ends[0], ends[-1], len(ends)) == ("fc3.bias", "conv1.bias", 10)
        assert main(["info", "lenet5", "--backward", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["backward"] == found.backward
        capsules = onestop.info("capsnet", backward=True).backward  # which brings its own loss
        assert "decoder.0.weight" in [row["parameter"] for row in capsules]

    @pytest.mark.parametrize(("depth", "rows"), [("1", 11), ("2", 19), ("0", 68)])
    def test_people_see_as_many_levels_as_they_ask_for(
        self, depth: str, rows: int, capsys: Capture
    ) -> None:
        assert main(["info", "resnet18", "--depth", depth]) == 0
        page = capsys.readouterr().out
        assert len(re.findall(r"^(\(network\)|[│ ]*[├└]─ )", page, re.MULTILINE)) == rows
        assert ("--depth 0 shows all" in page) == (rows < 68)
        assert max(map(len, page.splitlines())) <= (100 if rows < 68 else 112)

    def test_machines_get_all_levels(self, capsys: Capture) -> None:
        assert main(["info", "resnet18", "--depth", "1", "--json"]) == 0
        printed = json.loads(capsys.readouterr().out)
        assert len(printed["table"]) == 68
        assert [*printed] == ["kind", "name", "facts", "table"]

    @pytest.mark.parametrize(
        ("flag", "given"),
        [("classes", 3), ("channels", 1), ("image_size", 9), ("depth", 0), ("backward", True)],
    )
    def test_what_only_networks_have_is_refused_elsewhere(
        self, flag: str, given: Any, tmp_path: Path
    ) -> None:
        x = np.linspace(0, 1, 5, dtype=np.float32)
        with pytest.raises(
            UsageError, match=f"^--{flag.replace('_', '-')}: .* this is not one; drop it"
        ):
            onestop.info((x, x), **{flag: given})

    @pytest.mark.parametrize(("typed", "near"), [("lenet55", "lenet5"), ("digis", "digits")])
    def test_a_word_that_is_nothing_suggests_the_nearest(self, typed: str, near: str) -> None:
        with pytest.raises(UsageError, match=f"^{typed}: no such path, .* did you mean '{near}'"):
            onestop.info(typed)


class TestCache:
    @pytest.fixture
    def kept(self, trained: Trained) -> Path:
        """The folder of images kept by a run with random parts and one without."""
        for augment in ("none", "resized-crop"):
            onestop.train(
                trained.source, model="lenet5_color", epochs=1, augment=augment, cache="disk",
                quiet=True, threads=1, workers=1, val_fraction=0,
            )  # fmt: skip
        return cache_folder()

    def test_it_lists_what_is_kept_the_last_used_first(self, kept: Path, trained: Trained) -> None:
        found = onestop.info(cache=True)
        assert (found.kind, found.name) == ("cache", str(kept))
        assert [row["prepared"] for row in found.table] == [
            "3 channels, shorter side at most 37", "3 channels, 32x32, crop",
        ]  # fmt: skip
        assert {(row["source"], row["split"], row["images"]) for row in found.table} == {
            (str(trained.source), "train", 36)
        }
        sizes = [path.stat().st_size for path in kept.iterdir()]
        assert found.facts["gigabytes"] == sum(sizes) / 1e9
        assert found.facts["limit"] > 0
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", row["used"]) for row in found.table)

    def test_a_damaged_file_is_named_as_one(self, kept: Path) -> None:
        next(kept.iterdir()).write_bytes(b"damaged")
        assert [row["source"] for row in onestop.info(cache=True).table].count("(damaged)") == 1

    def test_clearing_removes_only_what_is_ours(self, kept: Path, capsys: Capture) -> None:
        (kept / "mine.images").write_text("mine")
        assert main(["info", "--clear-cache"]) == 0
        assert "removed: 2" in capsys.readouterr().out
        assert [path.name for path in kept.iterdir()] == ["mine.images"]
        assert onestop.info(cache=True).table == []

    def test_a_folder_that_is_not_there_is_empty(self, capsys: Capture) -> None:
        assert main(["info", "--cache"]) == 0
        page = capsys.readouterr().out
        assert page.startswith(f"cache {cache_folder()}\n")
        assert "--clear-cache" not in page
        assert not cache_folder().exists()

    @pytest.mark.parametrize("flag", ["cache", "clear_cache"])
    def test_a_target_beside_it_is_refused(self, flag: str) -> None:
        with pytest.raises(
            UsageError, match=f"^--{flag.replace('_', '-')} digits: covers all stored images"
        ):
            onestop.info("digits", **{flag: True})  # type: ignore[arg-type]


@pytest.mark.parametrize("target", ["source", "run", "lenet5"])
def test_json_holds_everything(target: str, trained: Trained, capsys: Capture) -> None:
    known = {"source": trained.source, "run": trained.run.folder}
    wanted = onestop.info(known.get(target, target)).to_json()
    assert main(["info", str(known.get(target, target)), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [*printed] == ["kind", "name", "facts", "table"]
    assert printed == json.loads(json.dumps(wanted))
