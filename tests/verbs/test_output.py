"""What leaves OneStop: answers are finite, JSON is JSON, and nothing controls a terminal."""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import onestop
from onestop.cli import main
from onestop.data.preprocess import ImagePreprocessing
from onestop.errors import DataError
from onestop.inference.model import Model
from onestop.networks import build
from onestop.storage.model_file import Card
from tests.conftest import make_photos

PACKAGE = Path(onestop.__file__).parent
ODD = "\x1b[31m\x07\x7f\x9b\r\u202e\u2066\u200b\udcffé🐝"
"""An escape sequence, BEL, DEL, C1, CR, two turns of direction, no width, half a character, letters."""
Capture = pytest.CaptureFixture[str]


def strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def model_file(path: Path, *names: str, spoil: str = "") -> Path:
    """A model of random weights; one of its tensors may be spoilt."""
    torch.manual_seed(0)
    arguments = {"classes": len(names), "channels": 3, "image_size": 32}
    network = build("lenet5_color", **arguments)
    if spoil:
        for name, tensor in network.state_dict().items():
            if spoil in name:
                tensor.fill_(float("nan"))
    preprocessing = ImagePreprocessing(3, (32, 32), (0.5,) * 3, (0.2,) * 3).to_json()
    Model(network, Card("lenet5_color", arguments, names, preprocessing)).save(path)
    return path


# --- finite answers ---


@pytest.fixture
def diverged(tmp_path: Path) -> Path:
    return model_file(tmp_path / "diverged.safetensors", "ants", "bees", spoil="bias")


def test_an_image_without_a_finite_output_is_an_error(diverged: Path) -> None:
    (found,) = onestop.predict(diverged, np.zeros((32, 32, 3), np.uint8))
    assert (found.label, found.score, found.labels) == ("", None, ())
    assert found.error.startswith("the network's output is not finite")


class OneBad(torch.nn.Module):
    """Gives an infinite output for white images alone."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        means = x.mean((1, 2, 3))[:, None] * self.weight
        return torch.where(means > 0.999, torch.inf, means)


def test_the_others_of_a_batch_keep_their_answers() -> None:
    preprocessing = ImagePreprocessing(3, (8, 8), (0.0,) * 3, (1.0,) * 3).to_json()
    card = Card(
        "x.py:OneBad", {"classes": 2, "channels": 3, "image_size": 8}, ("a", "b"), preprocessing
    )
    model = Model(OneBad(), card)
    shades = [np.full((8, 8, 3), shade, np.uint8) for shade in (0, 255, 100)]
    found = list(onestop.predict(model, shades))
    assert [bool(p.error) for p in found] == [False, True, False]
    assert [p.score for p in found] == [0.5, None, 0.5]


def test_predict_ends_with_3_and_prints_no_nan(
    diverged: Path, photos: Callable[..., Path], capsys: Capture
) -> None:
    folder = photos({"ants": 2})
    for form in ("--json", "--csv", ""):
        assert main(["predict", str(diverged), str(folder), *filter(None, [form])]) == 3
        output = "".join(capsys.readouterr())
        assert "not finite" in output
        assert "nan" not in output.lower().replace("(nan or infinite)", "")
    assert main(["predict", str(diverged), str(folder), "--json"]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert [set(strict(line)) for line in lines] == [{"image", "error"}] * 2


def test_evaluate_and_explain_refuse_it(diverged: Path, photos: Callable[..., Path]) -> None:
    folder = photos({"ants": 2, "bees": 1})
    with pytest.raises(
        DataError, match=r"not finite .*for 3 of 3 images \(ants/000.jpg, .*lower --lr"
    ):
        onestop.evaluate(diverged, data=folder)
    with pytest.raises(DataError, match="output is not finite"):
        onestop.explain(diverged, folder)


# --- JSON and terminals ---


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images and a model whose names hold what terminals act upon."""
    folder = tmp_path_factory.mktemp("odd")
    name = ODD.replace("\udcff", "") if sys.platform == "win32" else ODD
    make_photos(folder / "photos", {f"a{name}": 12, f"b{name}": 12})
    for place in sorted((folder / "photos").iterdir()):
        first = min(place.iterdir())
        first.rename(place / f"{name}.jpg")
    (folder / "photos" / f"a{name}" / f"bad{name}.jpg").write_bytes(b"no image")
    (folder / "photos" / f"a{name}" / f"{name}.txt").touch()
    run = onestop.train(
        folder / "photos", model="lenet5_color", image_size=32, epochs=1, out=folder / "runs",
        name="run", quiet=True,
    )  # fmt: skip
    assert run.folder.name == "run"
    return folder


COMMANDS = {
    "predict": ["predict", "runs/run", "photos"],
    "predict json": ["predict", "runs/run", "photos", "--json"],
    "predict csv": ["predict", "runs/run", "photos", "--csv"],
    "evaluate": ["evaluate", "runs/run"],
    "evaluate json": ["evaluate", "runs/run", "--json"],
    "explain": ["explain", "runs/run", "photos", "--overwrite"],
    "explain json": ["explain", "runs/run", "photos", "--overwrite", "--json"],
    "info": ["info", "photos"],
    "info json": ["info", "photos", "--json"],
    "info model": ["info", "runs/run"],
    "info model json": ["info", "runs/run", "--json"],
    "lint": ["lint", "photos"],
    "lint json": ["lint", "photos", "--json"],
    "runs": ["runs"],
    "runs json": ["runs", "--json"],
    "train": ["train", "photos", "--epochs", "1", "--model", "lenet5_color", "--image-size", "32"],
    "train json": ["train", "runs/run", "--epochs", "2", "--json"],
    "recipe": ["train", "photos", "--print-recipe"],
    "recipe json": ["train", "photos", "--print-recipe", "--json"],
    "report json": ["report", "runs/run", "--json"],
    "unknown": ["predict", "runs/run", f"photos/{ODD}".replace("\udcff", "")],
    "network": ["info", "lenet5"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_that_a_terminal_acts_upon_is_printed(
    name: str,
    odd: Path,
    monkeypatch: pytest.MonkeyPatch,
    on_terminal: Callable[[Callable[[], object]], str],
    capsys: Capture,
) -> None:
    monkeypatch.chdir(odd)
    monkeypatch.setenv("TERM", "dumb")
    codes: list[int] = []
    page = on_terminal(lambda: codes.append(main(COMMANDS[name])))
    assert codes[0] in (0, 2, 3)
    text = page.replace("\r\n", "\n") + capsys.readouterr().err
    assert text.strip()
    # Spaces of other widths are not control characters.
    wrong = {c for c in text if not c.isprintable() and c != "\n"}
    assert wrong == set()
    if "json" in name:
        lines = page.splitlines() if name == "predict json" else [page]
        assert all(map(strict, lines))


def test_csv_in_a_pipe_holds_the_names_as_they_are(
    odd: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(odd)
    with (tmp_path / "out.csv").open(
        "w", encoding="utf-8", errors="surrogateescape", newline=""
    ) as file:
        monkeypatch.setattr("sys.stdout", file)
        main(COMMANDS["predict csv"])
    text = (tmp_path / "out.csv").read_bytes().decode("utf-8", "surrogateescape")
    labels = {row["label"] for row in csv.DictReader(io.StringIO(text, newline=""))}
    assert labels & {f"a{ODD}", f"b{ODD}"}


IN_EVERY_ENCODING = (
    "predict", "predict json", "predict csv", "evaluate json", "info", "info model json", "lint json",
    "runs", "recipe", "unknown", "network",
)  # fmt: skip
_C = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.thorough
@pytest.mark.parametrize(
    "surroundings",
    [
        {"PYTHONIOENCODING": "ascii"},
        pytest.param({"PYTHONIOENCODING": "cp1252"}, marks=pytest.mark.slow),
        pytest.param({"PYTHONIOENCODING": "latin-1:strict"}, marks=pytest.mark.slow),
        pytest.param(_C, marks=pytest.mark.slow),
    ],
    ids=["ascii", "cp1252", "latin-1", "C"],
)
def test_every_encoding_of_the_output_will_do(surroundings: dict[str, str], odd: Path) -> None:
    """All commands in one process, which takes seconds to start."""
    code = (
        "import sys, json\nfrom onestop import cli\n"
        "cli.prepare_output()\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    code = cli.main(words)\n"
        "    print('CODE', code, flush=True)\n"
    )
    commands = [COMMANDS[name] for name in IN_EVERY_ENCODING]
    result = subprocess.run(
        [sys.executable, "-c", code, json.dumps(commands)],
        cwd=odd, capture_output=True, check=False, timeout=120,
        env={**os.environ, **surroundings, "PYTHONPATH": str(PACKAGE.parent)},
    )  # fmt: skip
    assert b"Traceback" not in result.stderr, result.stderr.decode(errors="replace")
    pages = re.split(r"CODE \d+\n", result.stdout.decode("latin-1"))
    assert len(pages) == len(commands) + 1
    for words, page in zip(commands, pages, strict=False):
        if (
            "--json" in words and page
        ):  # none of an error, such as names that are others in this locale
            lines = page.splitlines() if words[0] == "predict" else [page]
            assert all(map(strict, lines)), words
            assert page.isascii()


def test_everything_is_printed_by_the_functions_that_escape() -> None:
    # The last one says what is downloaded, of our own catalogue, while no table can be printed yet.
    allowed = {"display/tables.py", "cli.py", "flags.py", "runtime/aside.py"}
    printing = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("print", "sys.stdout.write", "sys.stderr.write")
    }
    assert printing == allowed


def test_files_hold_no_escape_sequences(odd: Path) -> None:
    for name in ("metrics.json", "run.json", "log.txt"):
        text = (odd / "runs" / "run" / name).read_text(encoding="utf-8")
        assert all(line.isprintable() for line in text.split("\n")), name
