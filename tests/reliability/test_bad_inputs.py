"""What people have in their folders: each bad file is skipped or read as it should, by each verb."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from onestop.cli import main
from tests.reliability import card
from tests.reliability.bad_inputs import BadFile, bad_files, picture, write_all

GOOD = 6  # images of each class in each split
VERBS = ("train", "evaluate", "predict")
QUICK = ("--model", "cnn1", "--image-size", "8", "--epochs", "1", "--batch-size", "64")


@dataclass
class Outcome:
    """What a verb did with all the files: the reasons for those it left out, and its remarks."""

    used: set[str]
    skipped: dict[str, str]
    said: str
    count: int = 0


@dataclass
class Tried:
    """All verbs, run once over a data set that holds every bad file beside good ones."""

    root: Path
    run: Path
    files: dict[str, BadFile]
    before: dict[str, str]
    outcomes: dict[str, Outcome] = field(default_factory=dict)


def run(*words: str | Path) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    out, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        code = main([str(word) for word in words])
    return code, out.getvalue(), said.getvalue()


def good_images(root: Path, *places: str, count: int = GOOD) -> None:
    for number, place in enumerate(places):
        (root / place).mkdir(parents=True, exist_ok=True)
        for seed in range(count):
            Image.fromarray(picture(100 * number + seed)).save(root / place / f"{seed:02d}.png")


def contents(root: Path) -> dict[str, str]:
    """What each file below a folder holds, and of links where they lead."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder) / name
            if path.is_symlink():
                found[str(path)] = str(path.readlink())
            elif path.is_file():
                found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                found[str(path)] = "no file"
    return found


def train(root: Path, out: Path, *words: str) -> tuple[int, str, str]:
    return run("train", root, *QUICK, "--val-fraction", "0.2", "--out", out, *words)


@pytest.fixture(scope="session")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    top = tmp_path_factory.mktemp("bad")
    with contextlib.chdir(top):  # where a file that runs a command would leave its trace
        root = top / "data"
        good_images(root, "train/ants", "train/bees", "val/ants", "val/bees")
        files = write_all(root / "train" / "ants")
        shutil.copytree(root / "train/ants", root / "val/ants", symlinks=True, dirs_exist_ok=True,
                        ignore=lambda *_: ["pipe.jpg"])  # fmt: skip
        with contextlib.suppress(AttributeError):
            os.mkfifo(root / "val/ants/pipe.jpg")
        tried = Tried(root, top / "runs" / "data-cnn1", files, contents(root))
        tried.outcomes["train"] = trained(tried, *train(root, top / "runs"))
        code, out, said = run("evaluate", tried.run, "--data", root, "--split", "val", "--json")
        tried.outcomes["evaluate"] = evaluated(tried, code, out, said)
        code, out, said = run("predict", tried.run, root / "train" / "ants", "--json")
        tried.outcomes["predict"] = predicted(code, out, said)
        assert not (top / "executed").exists()
    return tried


def trained(tried: Tried, code: int, out: str, said: str) -> Outcome:
    assert code == 0, said
    with (tried.run / "skipped.csv").open(newline="", errors="surrogateescape") as file:
        rows = [row for row in csv.DictReader(file) if row["path"].startswith("train")]
    skipped = {shown(Path(row["path"]).name): row["reason"] for row in rows}
    with (tried.run / "predictions.csv").open(newline="", errors="surrogateescape") as file:
        used = {shown(Path(row["image"]).name) for row in csv.DictReader(file)}
    return Outcome(used, skipped, said)


def evaluated(tried: Tried, code: int, out: str, said: str) -> Outcome:
    assert code == 0, said
    found = json.loads(out)
    skipped = {shown(Path(s["path"]).name): s["reason"] for s in found["skipped_files"]}
    used = {shown(name) for name, file in tried.files.items() if file.verdict == "read"}
    return Outcome(used - set(skipped), skipped, " ".join(found["remarks"]), found["images"])


def predicted(code: int, out: str, said: str) -> Outcome:
    assert code == 0, said
    rows: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    name = {id(row): shown(Path(row["image"]).name) for row in rows}
    used = {name[id(row)] for row in rows if "label" in row}
    skipped = {name[id(row)]: row["error"] for row in rows if "error" in row}
    for line in said.splitlines():
        path, _, reason = line.partition(": skipped: ")
        skipped[shown(Path(path).name)] = reason
    remarks = "; ".join(f"{name[id(row)]}: {row['remark']}" for row in rows if "remark" in row)
    return Outcome(used, skipped, remarks)


def shown(name: str) -> str:
    """A name as files and lines hold it, whatever bytes and letters it is of."""
    escaped = name.encode("utf-8", "backslashreplace").decode()
    return escaped.replace("\n", "\\n")


@pytest.mark.thorough
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("file", bad_files(), ids=lambda file: f"{file.number}-{file.name[:24]!a}")
def test_each_bad_file_is_skipped_or_read(file: BadFile, verb: str, tried: Tried) -> None:
    if file.name not in tried.files:
        pytest.skip("the system cannot have such a file")
    outcome, name = tried.outcomes[verb], shown(file.name)
    if file.verdict == "skipped":
        assert name in outcome.skipped
        assert name not in outcome.used
        assert file.said in outcome.skipped[name]
    else:
        assert name not in outcome.skipped
        assert name in outcome.used
    if file.verdict == "read" and file.said and verb != "train":  # which names but the first
        assert f"{file.name}: {file.said}" in outcome.said or file.said in outcome.said


def of_verdict(tried: Tried, verdict: str) -> list[str]:
    return [name for name, file in tried.files.items() if file.verdict == verdict]


def test_no_file_of_the_users_is_changed(tried: Tried) -> None:
    assert len(tried.outcomes) == len(VERBS)
    assert contents(tried.root) == tried.before
    card.tried("bad files, for training, evaluation and prediction", f"{len(tried.files)} each")


def test_every_good_sample_is_used_and_the_summary_counts(tried: Tried) -> None:
    read, skipped = of_verdict(tried, "read"), of_verdict(tried, "skipped")
    by_suffix = [name for name in skipped if Path(name).suffix in (".npy", ".jxl", ".jp2")]
    used = 2 * GOOD + len(read)
    found = used + len(skipped) - len(by_suffix)
    said = tried.outcomes["train"].said
    assert (
        f"trained on {used} of {found} images; {2 * len(skipped)} files skipped, "
        f"see {tried.run / 'skipped.csv'}: "
    ) in said
    assert tried.outcomes["evaluate"].count == used
    assert len(tried.outcomes["predict"].used) == GOOD + len(read)
    assert "Traceback" not in said


def test_strict_stops_before_the_first_step(tried: Tried, tmp_path: Path) -> None:
    code, _, said = train(tried.root, tmp_path, "--strict")
    assert code == 3
    line = said.splitlines()[-1]
    assert line.startswith(f"onestop: {tried.root}: {2 * len(of_verdict(tried, 'skipped'))} files")
    assert line.endswith("fix or remove them, or omit --strict")
    assert not (tmp_path / "data-cnn1" / "metrics.csv").exists()
    code, out, said = run("evaluate", tried.run, "--data", tried.root, "--split", "val", "--strict")
    assert (code, out) == (3, "")
    assert "cannot be used" in said
    code, out, said = run("predict", tried.run, tried.root / "train/ants", "--strict")
    assert (code, out) == (3, "")
    assert "cannot be used" in said


def test_strict_lets_a_whole_source_pass(tried: Tried, tmp_path: Path) -> None:
    good_images(tmp_path / "data", "train/ants", "train/bees")
    assert train(tmp_path / "data", tmp_path / "runs", "--strict")[0] == 0
    assert run("evaluate", tried.run, "--data", tmp_path / "data/train", "--strict")[0] == 0
    assert run("predict", tried.run, tmp_path / "data/train", "--strict")[0] == 0
