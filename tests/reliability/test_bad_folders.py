"""Folders and tables as people have them: refused in one line, or handled with a word about it.

The numbers are those of the list in `docs/reliability.md`; the first part of it, single files, is in
`test_bad_inputs.py`, and the last, runs and models, in the places named at the end of this file.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import onestop
from onestop.data.samples import FileSamples
from tests.conftest import REPOSITORY
from tests.reliability.bad_inputs import bad_files, picture
from tests.reliability.test_bad_inputs import QUICK, contents, good_images, run, train

CLASSES = ("train/ants", "train/bees", "val/ants", "val/bees")


@dataclass(frozen=True)
class BadFolder:
    """A source that something is wrong with.

    Attributes:
        number: In the list.
        make: Changes a good source, `root`, and may name another.
        code: Exit code of training: 0 where it is handled, else 3.
        said: What the last line of an error holds, or a line on standard error.
        code_of_others: Exit code of evaluation and prediction.
    """

    number: int
    make: Callable[[Path], Path | None]
    code: int
    said: str
    code_of_others: int = 0


def missing(root: Path) -> Path:
    return root / "nowhere"


def is_a_file(root: Path) -> Path:
    path = root / "notes.txt"
    path.write_text("words")
    return path


def is_empty(root: Path) -> Path:
    (root / "void").mkdir()
    return root / "void"


def an_empty_class(root: Path) -> None:
    (root / "train" / "wasps").mkdir()


def one_class(root: Path) -> Path:
    shutil.rmtree(root / "train" / "bees")
    return root / "train"


def one_image_in_a_class(root: Path) -> Path:
    good_images(root, "train/wasps", count=1)
    return root / "train"


def an_unknown_class_in_val(root: Path) -> None:
    good_images(root, "val/wasps", count=2)


def a_class_missing_in_val(root: Path) -> None:
    good_images(root, "train/wasps", count=3)


def litter(root: Path) -> None:
    for folder in (".ipynb_checkpoints", "__MACOSX"):
        good_images(root, f"train/{folder}", f"train/ants/{folder}", count=1)
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._00.png"):
        (root / "train" / "ants" / name).write_bytes(b"\0\1litter")


def long_paths(root: Path) -> Path:
    deep = root / "train" / "ants"
    for _ in range(14):
        deep = deep / ("d" * 250)
        deep.mkdir()
    here = os.open(deep, os.O_RDONLY)
    try:
        shutil.copy(root / "train/ants/00.png", f"/proc/self/fd/{here}/deep.png")
    finally:
        os.close(here)
    return root / "train"


def classes_alike(root: Path) -> Path:
    good_images(root, "train/Ants", "train/caf\u00e9", "train/cafe\u0301", count=3)
    return root / "train"


def a_loop_of_links(root: Path) -> None:
    (root / "train" / "ants" / "again").symlink_to(".", target_is_directory=True)


def a_link_outside(root: Path) -> None:
    good_images(root.parent / "elsewhere", "x", count=1)
    (root / "train/ants/out.png").symlink_to(root.parent / "elsewhere/x/00.png")


def in_train_and_val(root: Path) -> None:
    shutil.copy(root / "train/ants/00.png", root / "val/ants/again.png")


def under_two_classes(root: Path) -> None:
    shutil.copy(root / "train/ants/00.png", root / "train/bees/again.png")


def uneven(root: Path) -> None:
    good_images(root, "train/ants", count=100)
    for path in sorted((root / "train/bees").iterdir())[1:]:
        path.unlink()


FOLDERS = [
    BadFolder(38, missing, 3, "no such folder, table or data set", 3),
    BadFolder(39, is_a_file, 3, "neither a folder nor a table", 3),
    BadFolder(40, is_empty, 3, "no images found", 3),
    BadFolder(41, an_empty_class, 0, "wasps contains no images"),
    BadFolder(42, one_class, 3, "only the class 'ants'"),
    BadFolder(43, one_image_in_a_class, 0, "2 of 13 training images are held out", 3),
    BadFolder(44, an_unknown_class_in_val, 3, "'val' has a class that 'train' lacks: wasps", 3),
    BadFolder(45, a_class_missing_in_val, 0, "'val' has no images of wasps"),
    BadFolder(47, litter, 0, "2 classes, 12 train, 12 val;"),
    BadFolder(50, long_paths, 0, "2 of 13 training images are held out"),
    BadFolder(51, classes_alike, 0, "differ only in", 3),
    BadFolder(52, a_loop_of_links, 0, "2 classes, 12 train, 12 val;"),
    BadFolder(54, a_link_outside, 0, "a link points outside"),
    BadFolder(58, in_train_and_val, 0, "exact copies of each other, are in several splits"),
    BadFolder(59, under_two_classes, 0, "exact copies of each other, have different labels"),
    BadFolder(60, uneven, 0, "class 'ants' has 100 images and 'bees' 1"),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows ants and bees."""
    top = tmp_path_factory.mktemp("model")
    good_images(top / "data", "ants", "bees", count=4)
    assert train(top / "data", top / "runs")[0] == 0
    return top / "runs" / "data-cnn1"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    good_images(tmp_path / "data", *CLASSES)
    return tmp_path / "data"


@pytest.mark.parametrize("case", FOLDERS, ids=lambda case: f"{case.number}-{case.make.__name__}")
def test_a_bad_folder_is_refused_or_handled(case: BadFolder, root: Path, model: Path) -> None:
    try:
        source = case.make(root) or root
    except OSError as error:
        pytest.skip(f"the system cannot have it: {error}")
    before = contents(root)
    code, out, said = train(source, root.parent / "runs")
    assert code == case.code, said
    assert case.said in said
    assert "Traceback" not in said
    if code:
        assert said.count("\n") == 1
        assert out == ""
    else:
        assert (root.parent / "runs").is_dir()
    code, _, said = run("evaluate", model, "--data", source)
    assert code == (3 if case.number in (44, 45) else case.code_of_others), said
    assert "Traceback" not in said
    code, _, said = run("predict", model, source)
    assert code == (3 if case.number in (38, 39, 40) else 0), said
    assert "Traceback" not in said
    assert contents(root) == before


# --- 56 and 63: what may not be read or written ---


def without_privileges(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """A command as a user who is bound to the permissions of files; root is bound to none."""
    command = [sys.executable, "-m", "onestop", *map(str, words)]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root may read all, and there is no setpriv to give that up")
        rights = "-dac_override,-dac_read_search"
        command = ["setpriv", "--bounding-set", rights, "--inh-caps", rights, *command]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.mark.thorough
@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_files_and_folders_without_permission_are_skipped(root: Path) -> None:
    closed = (root / "train/ants/00.png", root / "train/bees/closed")
    good_images(root, "train/bees/closed", count=2)
    for path in closed:
        path.chmod(0)
    try:
        done = without_privileges("train", root, *QUICK, "--out", root.parent / "runs")
    finally:
        for path in closed:
            path.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert "trained on 11 of 12 images; 2 files skipped" in done.stderr
    assert "train/ants/00.png (Permission denied)" in done.stderr
    assert "train/bees/closed (Permission denied)" in done.stderr


@pytest.mark.thorough
@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_a_folder_that_may_not_be_written_is_refused_at_the_start(root: Path) -> None:
    out = root.parent / "runs"
    out.mkdir(mode=0o500)
    done = without_privileges("train", root, *QUICK, "--out", out)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"onestop: --out {out}: Permission denied; name a folder you may write\n"
    )


# --- 57: files that change between the scan and the reading ---


def test_files_that_vanish_or_change_before_they_are_read(root: Path, tmp_path: Path) -> None:
    dataset = onestop.open_data(root)
    (root / "train/ants/00.png").unlink()
    (root / "train/bees/01.png").write_bytes(b"no longer an image")
    Image.fromarray(picture(77)).save(root / "train/bees/02.png")  # another image: it is used
    done = onestop.train(
        dataset, model="cnn1", image_size=8, epochs=1, out=tmp_path / "runs", quiet=True
    )
    with (done.folder / "skipped.csv").open(newline="") as file:
        rows = {row["path"]: row["reason"] for row in csv.DictReader(file)}
    assert rows == {
        "train/ants/00.png": "No such file or directory",
        "train/bees/01.png": "not an image but text",
    }


def test_a_file_that_vanishes_in_mid_run_is_left_out_from_then_on(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, times = FileSamples.read, dict[str, int]()

    def read_and_remove(self: FileSamples, index: int, *how: Any) -> object:
        name = self.paths[index]
        times[name] = times.get(name, 0) + 1
        pixels = read(self, index, *how)
        if name == "train/ants/03.png":
            (self.root / name).unlink()
        return pixels

    monkeypatch.setattr(FileSamples, "read", read_and_remove)
    done = onestop.train(
        root, model="cnn1", image_size=8, epochs=3, augment="resized-crop", cache="none",
        normalize="half", out=tmp_path / "runs", quiet=True,
    )  # fmt: skip
    assert times["train/ants/04.png"] == 4  # once an epoch, and for the features that are stored
    assert times["train/ants/03.png"] == 2
    assert done.metrics["skipped"] == 1


# --- 61: tables ---

TABLES = {
    "a missing file": ("path,label\na.png,ant\nnone.png,bee\n", ":3: no file 'none.png'"),
    "a doubled row": ("path,label\na.png,ant\nb.png,bee\na.png,ant\n", ":4: 'a.png' stands in"),
    "a wrong column": ("picture,label\na.png,ant\n", ":1: no column for the path"),
    "a cell too many": ("path,label\na.png,ant,brown\n", ":2: 3 values under 2 columns"),
    "an empty cell": ("path,label\na.png,\n", ":2: no label"),
    "a split of its own": ("path,label,split\na.png,ant,holiday\n", ":2: split 'holiday'"),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_refused_with_its_line(name: str, tmp_path: Path) -> None:
    text, place = TABLES[name]
    good_images(tmp_path, ".", count=2)
    for number, letter in enumerate("ab"):
        (tmp_path / f"{number:02d}.png").rename(tmp_path / f"{letter}.png")
    table = tmp_path / "labels.csv"
    table.write_text(text)
    code, out, said = train(table, tmp_path / "runs")
    assert (code, out, said.count("\n")) == (3, "", 1)
    assert f"labels.csv{place}" in said


def test_tables_of_spreadsheets_are_read(tmp_path: Path) -> None:
    good_images(tmp_path, "x", count=8)
    names = [f"x/{seed:02d}.png,{'ant' if seed % 2 else 'bee'}" for seed in range(8)]
    table = tmp_path / "labels.csv"
    table.write_bytes("\r\n".join(["\ufeffpath,label", *names, ""]).encode())
    code, _, said = train(table, tmp_path / "runs")
    assert code == 0, said
    assert "2 classes, 6 train, 2 val" in said


# --- 62: names that other programs would take for code ---


def test_names_of_classes_are_escaped_where_they_could_be_run(tmp_path: Path) -> None:
    names = ("=cmd()", "<script>alert(1)</script>".replace("/", "_"), "@SUM(A1)", "-2+3")
    good_images(tmp_path / "data", *names, count=4)
    code, out, said = train(tmp_path / "data", tmp_path / "runs")
    assert code == 0, said
    folder = tmp_path / "runs" / "data-cnn1"
    with (folder / "predictions.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "@", "-", "+"))]
    assert {row[1].removeprefix("'") for row in rows[1:]} == set(names)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert set(metrics["per_class"]) == set(names)
    code, out, _ = run("predict", folder, tmp_path / "data" / names[0], "--csv")
    assert code == 0
    assert not [line for line in out.splitlines() if ",=" in line or ",@" in line or ",-" in line]


# --- runs and models, which have tests of their own ---

_FOLDER = "tests/storage/test_run_folder.py"
ELSEWHERE = {
    46: "tests/verbs/test_evaluate.py::test_classes_are_matched_by_name_where_their_order_differs",
    64: "tests/reliability/test_failing_disk.py",
    65: f"{_FOLDER}::test_a_free_number_between_is_used_and_nothing_is_overwritten",
    66: f"{_FOLDER}::test_another_process_is_refused",
    67: "tests/jobs/test_finite.py::test_finite_weights_whose_outputs_are_not_are_not_kept",
    68: "tests/storage/test_model_file.py::test_a_file_for_another_network_names_both_sides",
    69: "tests/reliability/test_strangers.py",
    70: "tests/data/test_loader.py::test_no_image_is_alone_in_the_last_batch",
    71: "tests/training/test_out_of_memory.py::test_the_batch_it_names_runs_under_the_same_limit",
    72: "tests/verbs/test_train.py::test_a_signal_saves_and_the_run_goes_on_bit_for_bit",
}


@pytest.mark.parametrize("number", ELSEWHERE)
def test_the_rest_of_the_list_has_its_tests(number: int) -> None:
    path, _, name = ELSEWHERE[number].partition("::")
    text = (REPOSITORY / path).read_text(encoding="utf-8")
    assert f"def {name or 'test_'}" in text


def test_every_number_of_the_list_is_tried() -> None:
    here = {case.number for case in FOLDERS} | {56, 57, 61, 62, 63}
    assert {file.number for file in bad_files()} | here | set(ELSEWHERE) == set(range(1, 73))
