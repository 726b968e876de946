"""Saying what is in images: every form an image can come in, and every way to print the answer."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from PIL import Image

import onestop
from onestop.cli import main
from onestop.errors import DataError, UsageError
from onestop.figures.style import BAD, GOOD
from tests.verbs.conftest import COLOURS, Trained, paint

Capture = pytest.CaptureFixture[str]


def labels(predictions: Any) -> list[str]:
    return [prediction.label for prediction in predictions]


def pixels(file: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    with Image.open(file) as image:
        return np.asarray(image)


class TestForms:
    @pytest.mark.parametrize("colour", COLOURS)
    def test_a_file(self, trained: Trained, colour: str) -> None:
        (prediction,) = onestop.predict(trained.run.folder, trained.photo(colour))
        assert (prediction.image, prediction.label) == (str(trained.photo(colour)), colour)
        assert prediction.score is not None
        assert prediction.score > 0.5

    def test_a_folder_is_searched_in_order(self, trained: Trained) -> None:
        found = onestop.predict(trained.run.folder, trained.source / "test")
        assert labels(found) == [colour for colour in COLOURS for _ in range(3)]
        assert [p.image for p in found] == sorted(p.image for p in found)

    def test_files_and_folders_together(self, trained: Trained) -> None:
        images = [trained.photo("red"), str(trained.source / "test" / "blue")]
        assert labels(onestop.predict(trained.model, images)) == ["red", "blue", "blue", "blue"]

    @pytest.mark.parametrize(
        "form",
        [
            str,
            Path,
            lambda file: file.read_bytes(),
            Image.open,
            pixels,
            lambda file: pixels(file) / 255,
            lambda file: torch.from_numpy(pixels(file).copy()).permute(2, 0, 1),
            lambda file: torch.from_numpy(pixels(file) / 255).permute(2, 0, 1).float(),
        ],
        ids=["text", "path", "bytes", "pillow", "array", "fractions", "tensor", "float tensor"],
    )
    def test_the_form_changes_nothing(self, trained: Trained, form: Callable[[Path], Any]) -> None:
        file = trained.photo("green", 1)
        (wanted,) = onestop.predict(trained.run.folder, file)
        for images in (form(file), [form(file)]):
            (found,) = onestop.predict(trained.run.folder, images)
            assert found.labels == wanted.labels

    def test_images_from_memory_are_numbered(self, trained: Trained) -> None:
        images = [pixels(trained.photo(colour)) for colour in COLOURS]
        found = onestop.predict(trained.run.folder, images)
        assert [p.image for p in found] == ["#0", "#1", "#2"]
        assert labels(found) == list(COLOURS)

    def test_a_loaded_model_does_as_well_as_its_file(self, trained: Trained) -> None:
        model = onestop.load(trained.run.folder)
        for known in (model, trained.model, trained.run.folder, str(trained.run.folder)):
            assert labels(onestop.predict(known, trained.photo("red"))) == ["red"]

    def test_a_grey_or_see_through_image_is_taken(self, trained: Trained, tmp_path: Path) -> None:
        with Image.open(trained.photo("red")) as image:
            for mode, suffix in (("L", ".png"), ("RGBA", ".png"), ("P", ".png"), ("CMYK", ".jpg")):
                image.convert(mode).save(tmp_path / f"{mode}{suffix}")
        found = onestop.predict(trained.run.folder, tmp_path)
        assert [p.error for p in found] == [""] * 4


class TestGuesses:
    @pytest.mark.parametrize(("top", "count"), [(1, 1), (2, 2), (3, 3), (99, 3)])
    def test_the_best_come_first_as_many_as_asked_for(
        self, trained: Trained, top: int, count: int
    ) -> None:
        (found,) = onestop.predict(trained.run.folder, trained.photo("red"), top=top)
        scores = [label.score for label in found.labels]
        assert len(scores) == count
        assert scores == sorted(scores, reverse=True)

    def test_the_scores_of_all_classes_add_up_to_one(self, trained: Trained) -> None:
        (found,) = onestop.predict(trained.run.folder, trained.photo("red"))
        assert sum(label.score for label in found.labels) == pytest.approx(1)

    def test_predictions_are_a_sequence_computed_as_one_goes(self, trained: Trained) -> None:
        found = onestop.predict(trained.run.folder, trained.source / "test")
        assert len(found) == 9
        assert found[-1].label == "red"
        assert found[0].label == "blue"
        assert labels(found[1:4]) == ["blue", "blue", "green"]
        assert labels(found) == labels(found)
        assert repr(found).startswith("<9 predictions: ")
        with pytest.raises(IndexError):
            found[9]

    def test_predicting_agrees_with_what_training_wrote(self, trained: Trained) -> None:
        with (trained.run.folder / "predictions.csv").open(newline="") as file:
            written = list(csv.DictReader(file))
        images = [trained.source / row["image"] for row in written]
        found = onestop.predict(trained.run.folder, images, device="cpu")
        assert labels(found) == [row["predicted"] for row in written]
        scores = [float(row["score"]) for row in written]
        assert [p.score for p in found] == pytest.approx(scores, rel=1e-4)

    def test_chance_is_left_as_it_was(self, trained: Trained) -> None:
        state = torch.get_rng_state()
        list(onestop.predict(trained.run.folder, trained.photo("red")))
        assert torch.equal(torch.get_rng_state(), state)


class TestPrinting:
    def test_a_line_an_image(self, trained: Trained, capsys: Capture) -> None:
        images = [str(trained.photo(colour)) for colour in COLOURS]
        assert main(["predict", str(trained.run.folder), *images, "--top", "2"]) == 0
        said = capsys.readouterr()
        lines = said.out.splitlines()
        assert [line.split(": ")[0] for line in lines] == images
        assert [line.split(": ")[1].split()[0] for line in lines] == list(COLOURS)
        assert all(line.count("%") == 2 for line in lines)
        assert said.err == ""

    def test_json_is_an_object_a_line(self, trained: Trained, capsys: Capture) -> None:
        words = ["predict", str(trained.run.folder), str(trained.source / "test"), "--json"]
        assert main(words) == 0
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert len(rows) == 9
        assert [*rows[0]] == ["image", "label", "score", "top", "doubts"]
        assert rows[0]["label"] == "blue"
        assert rows[0]["top"][0] == {"label": "blue", "score": rows[0]["score"]}
        assert len(rows[0]["top"]) == 3

    def test_csv_has_a_head_and_a_row_an_image(self, trained: Trained, capsys: Capture) -> None:
        words = ["predict", str(trained.run.folder), str(trained.source / "test"), "--csv"]
        assert main(words) == 0
        rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
        assert [*rows[0]] == ["image", "label", "score", "error", "doubts"]
        assert [row["label"] for row in rows] == [c for c in COLOURS for _ in range(3)]
        assert all(0 < float(row["score"]) <= 1 for row in rows)

    def test_a_name_that_holds_anything_stays_on_one_line(
        self, trained: Trained, tmp_path: Path, capsys: Capture
    ) -> None:
        file = tmp_path / "a\n\x1b[31mb.png"
        shutil.copy(trained.photo("red"), file)
        assert main(["predict", str(trained.run.folder), str(file)]) == 0
        assert capsys.readouterr().out.startswith(f"{tmp_path}/a\\n\\x1b[31mb.png: red ")
        main(["predict", str(trained.run.folder), str(file), "--json"])
        assert json.loads(capsys.readouterr().out)["image"] == str(file)


class TestUnreadable:
    @pytest.fixture
    def folder(self, trained: Trained, tmp_path: Path) -> Path:
        """Two good photographs with two damaged ones before and between them."""
        folder = tmp_path / "mixed"
        folder.mkdir()
        (folder / "0.png").write_bytes(b"")
        shutil.copy(trained.photo("red"), folder / "1.png")
        (folder / "2.png").write_bytes(trained.photo("red").read_bytes()[:500])
        shutil.copy(trained.photo("blue"), folder / "3.png")
        return folder

    def test_they_are_told_with_a_reason_and_the_others_go_on(
        self, trained: Trained, folder: Path
    ) -> None:
        found = onestop.predict(trained.run.folder, folder)
        assert labels(found) == ["", "red", "", "blue"]
        assert [bool(p.error) for p in found] == [True, False, True, False]
        assert (found[0].score, found[0].labels) == (None, ())

    def test_they_go_to_the_error_output(
        self, trained: Trained, folder: Path, capsys: Capture
    ) -> None:
        assert main(["predict", str(trained.run.folder), str(folder)]) == 0
        said = capsys.readouterr()
        assert [line.split(": ")[0] for line in said.out.splitlines()] == [
            str(folder / "1.png"), str(folder / "3.png"),
        ]  # fmt: skip
        assert [line.split(": ")[:2] for line in said.err.splitlines()] == [
            [str(folder / "0.png"), "skipped"], [str(folder / "2.png"), "skipped"],
        ]  # fmt: skip

    def test_machines_get_the_reason_in_its_row(
        self, trained: Trained, folder: Path, capsys: Capture
    ) -> None:
        main(["predict", str(trained.run.folder), str(folder), "--json"])
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [[*row] for row in rows][:2] == [
            ["image", "error"], ["image", "label", "score", "top", "doubts"],
        ]  # fmt: skip
        main(["predict", str(trained.run.folder), str(folder), "--csv"])
        table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
        assert [row["label"] for row in table] == ["", "red", "", "blue"]
        assert [bool(row["error"]) for row in table] == [True, False, True, False]
        assert table[0]["score"] == ""

    @pytest.mark.parametrize("form", [[], ["--json"], ["--csv"]])
    def test_none_that_can_be_read_is_a_data_error(
        self, trained: Trained, tmp_path: Path, capsys: Capture, form: list[str]
    ) -> None:
        (tmp_path / "bad.jpg").write_text("<html>not found</html>")
        assert main(["predict", str(trained.run.folder), str(tmp_path / "bad.jpg"), *form]) == 3
        assert "Traceback" not in capsys.readouterr().err

    def test_an_array_that_is_no_image_is_told(self, trained: Trained) -> None:
        (found,) = onestop.predict(trained.run.folder, [np.zeros((9, 9, 7), np.uint8)])
        assert "channels" in found.error


class TestPaths:
    def test_a_missing_image_stops_before_any_work(self, trained: Trained) -> None:
        images = [trained.photo("red"), "nowhere/no.png"]
        with pytest.raises(DataError, match=r"^nowhere/no.png: no such image or folder$"):
            onestop.predict("not even a model", images)

    def test_a_folder_without_images_is_named(self, trained: Trained, tmp_path: Path) -> None:
        (tmp_path / "notes").mkdir()
        (tmp_path / "notes" / "a.txt").touch()
        with pytest.raises(DataError, match="notes: no images in this folder"):
            onestop.predict(trained.run.folder, tmp_path / "notes")

    def test_a_missing_model_is_named(self, trained: Trained) -> None:
        with pytest.raises(UsageError, match=r"^runs/none: no such run or model file$"):
            onestop.predict("runs/none", trained.photo("red"))

    def test_hidden_files_and_folders_are_passed_over(
        self, trained: Trained, tmp_path: Path
    ) -> None:
        for name in ("a.png", ".hidden.png", ".cache/b.png", "deep/er/c.png"):
            paint(tmp_path / "box" / name, "red", 0)
        found = onestop.predict(trained.run.folder, tmp_path / "box")
        assert [Path(p.image).name for p in found] == ["a.png", "c.png"]

    def test_a_model_file_needs_nothing_but_itself(
        self, trained: Trained, tmp_path: Path, photos: Callable[..., Path]
    ) -> None:
        source = photos({"red": 12, "blue": 12})
        run = onestop.train(source, epochs=1, quiet=True, threads=1, out=tmp_path / "runs")
        images = [pixels(trained.photo(colour)) for colour in ("red", "blue")]
        before = [p.labels for p in onestop.predict(run.folder, images)]
        file = tmp_path / "elsewhere" / "my.safetensors"
        file.parent.mkdir()
        shutil.move(run.folder / "model.safetensors", file)
        shutil.rmtree(run.folder)
        shutil.rmtree(source)
        assert [p.labels for p in onestop.predict(file, images)] == before
        with pytest.raises(DataError, match="are not there any more; name images with --data"):
            onestop.evaluate(file)


def test_a_network_of_ones_own_is_only_run_where_it_is_named(
    trained: Trained, tmp_path: Path, capsys: Capture
) -> None:
    code = (
        "import torch\n"
        "class Net(torch.nn.Sequential):\n"
        "    def __init__(self, classes):\n"
        "        super().__init__(torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(),\n"
        "                         torch.nn.Linear(48, classes))\n"
    )
    (tmp_path / "net.py").write_text(code)
    run = onestop.train(
        trained.source, model="net.py:Net", epochs=1, image_size=16, quiet=True, threads=1
    )
    words = ["predict", str(run.folder), str(trained.photo("red"))]
    assert main(words) == 2
    assert "was trained with your own network net.py:Net" in capsys.readouterr().err
    assert main([*words, "--network", "net.py:Net"]) == 0
    assert capsys.readouterr().out.count("%") == 3
    assert main(["evaluate", str(run.folder), "--network", "net.py:Net"]) == 0


class TestCsv:
    def test_top_has_columns_of_its_own(self, trained: Trained, capsys: Capture) -> None:
        words = ["predict", str(trained.run.folder), str(trained.photo("red")), "--csv"]
        assert main(words) == 0
        assert capsys.readouterr().out.splitlines()[0] == "image,label,score,error,doubts"
        for top, columns in (("2", "label2,score2"), ("9", "label2,score2,label3,score3")):
            assert main([*words, "--top", top]) == 0
            header, row = capsys.readouterr().out.splitlines()
            assert header == f"image,label,score,{columns},error,doubts"
            cells = row.split(",")
            assert cells[1] == "red"
            assert float(cells[2]) >= float(cells[4])
            assert {cells[1], cells[3]} <= {"red", "green", "blue"}
        assert main([*words, "--top", "1"]) == 0
        assert capsys.readouterr().out.splitlines()[0] == "image,label,score,error,doubts"


class TestDoubts:
    def words(self, trained: Trained, *more: str) -> list[str]:
        return ["predict", str(trained.run.folder), str(trained.photo("red")), *more]

    def test_what_cannot_be_guaranteed_is_unsure_and_one_line_says_why(
        self, trained: Trained, capsys: Capture
    ) -> None:
        assert main(self.words(trained, "--max-error", "5%")) == 0
        out, err = capsys.readouterr()
        assert out.rstrip().endswith("% (unsure)")
        (line,) = err.splitlines()
        assert line.startswith("note: --max-error 5% cannot be guaranteed with ")
        assert line.endswith("that takes at least 45")
        assert main(self.words(trained, "--max-error", "0.05", "--json")) == 0
        assert json.loads(capsys.readouterr().out)["doubts"] == ["unsure"]
        assert main(self.words(trained, "--max-error", "5 %", "--csv")) == 0
        assert capsys.readouterr().out.rstrip().endswith(",unsure")
        (prediction,) = onestop.predict(trained.run.folder, trained.photo("red"), max_error=0.05)
        assert prediction.unsure
        assert not prediction.unlike_training

    def test_nothing_is_unsure_unless_a_rate_is_asked_for(
        self, trained: Trained, capsys: Capture
    ) -> None:
        assert main(self.words(trained)) == 0
        assert "unsure" not in capsys.readouterr().out
        assert main(self.words(trained, "--max-error", "0.9")) == 0
        out, err = capsys.readouterr()
        assert "unsure" not in out
        assert "of the answered images at most 90% are wrong, with 90% certainty" in err

    @pytest.mark.parametrize("rate", ["0", "1", "7%%", "100%", "-1%", "few"])
    def test_other_rates_are_refused_in_one_line(
        self, trained: Trained, capsys: Capture, rate: str
    ) -> None:
        assert main(self.words(trained, f"--max-error={rate}")) == 2
        assert capsys.readouterr().err.startswith("onestop: --max-error ")

    def test_published_weights_know_no_errors(self, trained: Trained) -> None:
        from onestop.inference.confidence import Confidence

        model = onestop.load(trained.run.folder)
        model.confidence = Confidence(why_not="published weights know no held-out images")
        with pytest.raises(onestop.UsageError, match=r"--max-error 10%: published weights know no"):
            onestop.predict(model, trained.photo("red"), max_error=0.1)


class TestGrids:
    def test_the_truth_is_known_from_the_folders_name(
        self, trained: Trained, photos: Callable[..., Path], capsys: Capture
    ) -> None:
        folder = photos({"red": 2, "elsewhere": 1}, root="seen")
        (folder / "red" / "bad.jpg").write_bytes(b"\xff\xd8\xff no image")
        words = ["predict", str(trained.run.folder), str(folder), "--save-grid", "grid.png"]
        assert main(words) == 0
        with Image.open("grid.png") as picture:
            assert picture.format == "PNG"
        found = onestop.predict(trained.run.folder, folder)
        titles = {p.image: axes for p, axes in zip(found, found.figure().axes, strict=True)}
        for image, axes in titles.items():
            color, said = to_hex(axes.title.get_color()), axes.get_title()
            if image.endswith("bad.jpg"):
                assert said == ""
            elif "elsewhere" in image:
                assert color == "#000000"
            else:
                assert color == (BAD if "is red" in said else GOOD)
        capsys.readouterr()
        assert main(words) == 2
        assert "--save-grid grid.png: already exists; name another file" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("grid.txt", "unsupported format; use one of .png, .svg, .pdf, .jpg, .jpeg"),
            ("no/grid.png", "folder no does not exist; create it first"),
        ],
    )
    def test_a_file_that_cannot_be_is_refused_before_any_work(
        self, name: str, said: str, capsys: Capture
    ) -> None:
        Path("image.jpg").write_bytes(b"")
        assert main(["predict", "no-model", "image.jpg", "--save-grid", name]) == 2
        assert said in capsys.readouterr().err

    def test_predictions_show_themselves(self, trained: Trained, tmp_path: Path) -> None:
        Image.new("RGB", (80, 80), "red").save(tmp_path / "<b>.png")
        found = onestop.predict(trained.run.folder, tmp_path / "<b>.png")
        html = found[0]._repr_html_()
        assert 'src="data:image/' in html
        assert "&lt;b&gt;.png" in html
        assert "<b>" not in html
        assert "<svg" in found._repr_html_()
        unread = onestop.predict(trained.run.folder, [b"no image"])
        assert "<img" not in unread[0]._repr_html_()
