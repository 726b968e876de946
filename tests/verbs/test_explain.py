"""Showing why: the picture, what is said beside it, and what is refused."""

from __future__ import annotations

import json
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
from onestop.errors import DataError, UsageError
from tests.verbs.conftest import Trained

Capture = pytest.CaptureFixture[str]


def refused(words: list[str], capsys: Capture) -> str:
    """What one line a command line is refused with."""
    code = main(["explain", *words])
    said = capsys.readouterr()
    assert code in (2, 3)
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err.removeprefix("onestop: ").rstrip()


class TestCommand:
    def test_a_line_an_image_then_the_picture(
        self, trained: Trained, tmp_path: Path, capsys: Capture
    ) -> None:
        images = [str(trained.photo("red")), str(trained.photo("blue"))]
        assert main(["explain", trained.model, *images, "--device", "cpu"]) == 0
        said = capsys.readouterr()
        first, second, last = said.out.splitlines()
        assert first.startswith(f"{images[0]}: predicted red ")
        assert first.endswith("% (Grad-CAM at layer conv2)")
        assert second.startswith(f"{images[1]}: predicted blue ")
        assert last == "why.png"
        assert said.err == ""
        with Image.open(tmp_path / "why.png") as picture:
            assert picture.format == "PNG"
            assert min(picture.size) > 300

    @pytest.mark.parametrize(
        ("name", "begin"),
        [("a.svg", b"<?xml"), ("a.PDF", b"%PDF"), ("a.jpg", b"\xff\xd8"), ("b.jpeg", b"\xff\xd8")],
    )
    def test_other_kinds_of_pictures(
        self, trained: Trained, tmp_path: Path, name: str, begin: bytes, capsys: Capture
    ) -> None:
        words = ["explain", trained.model, str(trained.photo("red")), "--out", name]
        assert main(words) == 0
        assert capsys.readouterr().out.splitlines()[-1] == name
        assert (tmp_path / name).read_bytes().startswith(begin)

    def test_another_class_is_explained_by_another_method(
        self, trained: Trained, capsys: Capture
    ) -> None:
        words = [
            trained.model,
            str(trained.photo("red")),
            "--target",
            "green",
            "--method",
            "occlusion",
        ]
        assert main(["explain", *words]) == 0
        line = capsys.readouterr().out.splitlines()[0]
        assert ": predicted red " in line
        assert ", explained: green " in line
        assert line.endswith("(occlusion)")

    def test_json_says_it_to_machines(self, trained: Trained, capsys: Capture) -> None:
        words = ["explain", trained.model, str(trained.photo("red")), "--json", "--layer", "conv1"]
        assert main(words) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["picture"] == "why.png"
        (image,) = found["images"]
        assert (image["label"], image["layer"]) == ("red", "conv1")
        assert image["score"] == image["predicted"]["score"]

    @pytest.mark.thorough
    def test_a_picture_that_is_there_is_left_alone_unless_asked(
        self, trained: Trained, tmp_path: Path, capsys: Capture
    ) -> None:
        (tmp_path / "why.png").write_text("mine")
        words = [trained.model, str(trained.photo("red"))]
        assert refused(words, capsys) == (
            "--out why.png: already exists; name another file, or add --overwrite"
        )
        assert (tmp_path / "why.png").read_text() == "mine"
        assert main(["explain", *words, "--overwrite"]) == 0
        assert (tmp_path / "why.png").read_bytes().startswith(b"\x89PNG")

    def test_unreadable_images_are_named_and_the_others_go_on(
        self, trained: Trained, tmp_path: Path, capsys: Capture
    ) -> None:
        (tmp_path / "bad.jpg").write_bytes(b"")
        words = ["explain", trained.model, str(tmp_path / "bad.jpg"), str(trained.photo("red"))]
        assert main(words) == 0
        said = capsys.readouterr()
        assert len(said.out.splitlines()) == 2
        assert said.err.startswith(f"{tmp_path}/bad.jpg: skipped: ")


class TestRefused:
    @pytest.mark.parametrize(
        ("words", "why"),
        [
            (
                ["--target", "gren"],
                "--target gren: the model has no such class; did you mean 'green'",
            ),
            (
                ["--target", "dog"],
                "--target dog: the model has no such class; it has blue, green",
            ),
            (["--method", "gradcan"], "--method gradcan"),
            (["--layer", "conv3"], "--layer conv3: no such layer; did you mean 'conv"),
            (["--layer", "fc1"], "--layer fc1: has no feature map"),
            (
                ["--layer", "conv2", "--method", "occlusion"],
                "--layer conv2: occlusion does not use a layer",
            ),
            (["--out", "why.gif"], "--out why.gif: unsupported format; use one of .png, .svg"),
            (
                ["--out", "no/why.png"],
                "--out no/why.png: folder no does not exist; create it first",
            ),
            (["--out", "folder.png"], "--out folder.png: is a folder; name a file in it"),
        ],
    )
    def test_what_is_wrong_is_one_line(
        self, trained: Trained, tmp_path: Path, words: list[str], why: str, capsys: Capture
    ) -> None:
        (tmp_path / "folder.png").mkdir()
        assert refused([trained.model, str(trained.photo("red")), *words], capsys).startswith(why)
        assert not (tmp_path / "why.png").exists()

    def test_a_missing_image_stops_before_any_work(self, capsys: Capture) -> None:
        assert refused(["no-model", "no.png"], capsys) == "no.png: no such image or folder"

    def test_more_images_than_a_sheet_holds(
        self, trained: Trained, photos: Callable[..., Path], capsys: Capture
    ) -> None:
        folder = photos({".": 65}, suffix=".png")
        assert refused([trained.model, str(folder)], capsys) == (
            "65 images: more than the 64 that fit on a sheet; name fewer"
        )

    def test_none_that_can_be_read_is_a_data_error(
        self, trained: Trained, tmp_path: Path, capsys: Capture
    ) -> None:
        (tmp_path / "bad.jpg").write_text("<html>not found</html>")
        why = refused([trained.model, str(tmp_path / "bad.jpg")], capsys)
        assert why.startswith(f"none of the images can be explained: {tmp_path}/bad.jpg (")
        assert not (tmp_path / "why.png").exists()


class TestPython:
    def test_nothing_is_written_unless_asked(self, trained: Trained, tmp_path: Path) -> None:
        found = onestop.explain(trained.run.folder, trained.source / "test")
        assert found.picture is None
        assert [*tmp_path.iterdir()] == []
        assert [one.label for one in found] == ["blue"] * 3 + ["green"] * 3 + ["red"] * 3

    def test_it_agrees_with_what_is_predicted(self, trained: Trained) -> None:
        photo = trained.photo("red")
        (said,) = onestop.predict(trained.model, photo, device="cpu", precision="fp32")
        (why,) = onestop.explain(trained.model, photo, device="cpu")
        assert why.prediction.label == said.label
        assert (why.label, why.score) == (why.prediction.label, why.prediction.score)
        assert why.score == pytest.approx(said.score, rel=1e-4)
        (other,) = onestop.explain(trained.model, photo, target="green", device="cpu")
        scores = {label.name: label.score for label in said.labels}
        assert other.score == pytest.approx(scores["green"], rel=1e-3)

    def test_images_from_memory_and_a_loaded_model(self, trained: Trained) -> None:
        model = onestop.load(trained.run.folder)
        with Image.open(trained.photo("green")) as image:
            pixels = np.asarray(image)
        (found,) = onestop.explain(model, pixels, method="integrated-gradients")
        assert (found.image, found.label, found.layer) == ("#0", "green", "")
        assert found.pixels.shape == (32, 32, 3)
        prepared = model.prepare(pixels).permute(1, 2, 0).numpy()
        assert np.array_equal(found.pixels, prepared)
        assert found.heat.shape == (32, 32)
        assert found.heat.dtype == np.float32
        assert found.heat.max() == 1

    def test_what_could_not_be_read_is_told(self, trained: Trained, tmp_path: Path) -> None:
        (tmp_path / "bad.png").write_bytes(b"")
        (tmp_path / "notes.txt").write_text("no image")
        Image.open(trained.photo("red")).save(tmp_path / "good.png")
        found = onestop.explain(trained.model, tmp_path)
        assert [one.image for one in found] == [str(tmp_path / "good.png")]
        assert [Path(s["path"]).name for s in found.skipped] == ["bad.png", "notes.txt"]
        assert all(s["reason"] for s in found.skipped)

    def test_overwriting_nothing_is_a_mistake(self, trained: Trained) -> None:
        with pytest.raises(UsageError, match="--overwrite: no picture is written without --out"):
            onestop.explain(trained.model, trained.photo("red"), overwrite=True)

    def test_chance_is_left_as_it_was(self, trained: Trained) -> None:
        state = torch.get_rng_state()
        onestop.explain(trained.run.folder, trained.photo("red"))
        assert torch.equal(torch.get_rng_state(), state)


def test_a_network_of_ones_own_that_predicts_a_number(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (24, 16, 16, 3), dtype=np.uint8)
    targets = images.mean((1, 2, 3)).astype(np.float32)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 1),
    )
    run = onestop.train((images, targets), model=network, epochs=1, quiet=True, threads=1)
    words: dict[str, Any] = {"network": network, "device": "cpu"}
    (found,) = onestop.explain(run.folder, images[0], **words)
    assert found.layer == "1"
    assert found.said == f"predicted {found.label}"
    with pytest.raises(UsageError, match="has no such class; it has none, it predicts numbers"):
        onestop.explain(run.folder, images[0], target="cat", **words)


def test_a_model_of_vectors_is_refused() -> None:
    x = np.linspace(0, 1, 20, dtype=np.float32)
    run = onestop.train((x[:, None], 2 * x), model="linear", epochs=1, quiet=True, threads=1)
    with pytest.raises(UsageError, match="takes vectors"):
        onestop.explain(run.folder, x[:1])


def test_a_folder_without_images_is_named(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no images in this folder"):
        onestop.explain(trained.model, tmp_path)
