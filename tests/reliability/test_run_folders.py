"""A run folder that somebody else made: nothing hangs, nothing ends in a traceback, nothing is touched.

Each file of a run is damaged in each way and given to the verbs that read runs. A damaged file costs
its part; a run that could not finish is refused before its first step.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import onestop
from onestop.errors import OneStopError, UsageError
from onestop.storage.model_file import read_model, write_model
from tests.reliability.card import sampled, tried

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")

OPTIONS: dict[str, Any] = {
    "model": "cnn1", "image_size": 8, "batch_size": 512, "threads": 1, "quiet": True,
}  # fmt: skip
SECONDS = 60  # for one verb; most take less than one
FILES = (
    "recipe.yaml", "run.json", "metrics.json", "metrics.csv", "predictions.csv", "skipped.csv",
    "log.txt", "model.safetensors", "tracking.json", ".lock", "state",
    "state/step-000000003.safetensors",
)  # fmt: skip
REPORTED = FILES[:6]  # what a report reads, besides the network
SLOWLY = ("missing", "empty", "other types", "pipe")  # damages that are tried with reports too


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    return onestop.train("digits", out=out, name="run", epochs=1, **OPTIONS).folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "runs" / "run"))


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def with_bytes(content: bytes) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        remove(path)
        path.write_bytes(content)

    return write


def linked(target: str) -> Callable[[Path], object]:
    def link(path: Path) -> None:
        remove(path)
        path.symlink_to(target)

    return link


def pipe(path: Path) -> None:
    remove(path)
    os.mkfifo(path)


def folder(path: Path) -> None:
    remove(path)
    path.mkdir()


def sparse(path: Path) -> None:
    remove(path)
    with path.open("wb") as file:
        file.truncate(2**33)


def other_types(path: Path) -> None:
    """Every value that of another type, every cell a word; other files become a number in JSON."""
    if path.suffix == ".json" and path.exists():
        kinds = {str: 3, bool: "x", int: "x", float: "x", list: {"a": 1}, dict: [1]}
        values = json.loads(path.read_text())
        path.write_text(json.dumps({k: kinds.get(type(v), "x") for k, v in values.items()}))
    elif path.suffix == ".csv":
        head, *rows = path.read_text().splitlines()
        cells = ",".join(["x"] * len(head.split(",")))
        path.write_text("\n".join([head, *([cells] * max(1, len(rows)))]) + "\n")
    elif path.suffix == ".yaml":
        path.write_text(re.sub(r": .*", ": [1]", path.read_text()))
    else:
        with_bytes(b"3")(path)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": remove,
    "empty": with_bytes(b""),
    "bytes": with_bytes(b"\xff\xfe\0\x80"),
    "nested": with_bytes(b"[" * 200_000),
    "other types": other_types,
    "8 GiB": sparse,
    "pipe": pipe,
    "folder": folder,
    "link to a file": linked("../../mine.txt"),
    "link to a device": linked("/dev/zero"),
    "link to itself": linked("log.txt"),
}


@contextlib.contextmanager
def in_time() -> Iterator[None]:
    def late(*_: object) -> None:
        raise TimeoutError("took too long")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def outcome(verb: Callable[[], object]) -> str:
    """The line of an error; empty if there was none. Anything but a line is an error of the test."""
    line = ""
    with in_time():
        try:
            verb()
        except OneStopError as error:
            line = str(error)
    assert "\n" not in line
    assert len(line) < 1000
    return line


def everything(run: onestop.Run) -> None:
    for read in (
        lambda: run.info, lambda: run.metrics, lambda: run.epochs, lambda: run.recipe,
        lambda: run.predictions, lambda: run.figure("curves"),
    ):  # fmt: skip
        outcome(read)


@pytest.mark.no_cover  # a sweep: what it runs is covered by others
@pytest.mark.thorough
@pytest.mark.parametrize("name", FILES)
def test_no_file_of_a_run_hangs_a_verb_or_ends_it_in_a_traceback(
    trained: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    runs, trials = tmp_path / "runs", 0
    shutil.copytree(trained, runs / "good")
    damages = [*DAMAGES.items()]
    begin = FILES.index(name) % 3  # of a sample: for the next file it is another third
    for damage, do in sampled(damages[begin:] + damages[:begin], 3):
        run = runs / "run"
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(trained, run)
        do(run / name)
        rows = {row.name: row for row in onestop.runs(runs)}
        assert (rows["good"].state, rows["good"].epochs) == ("done", 1), (
            "others are shown all the same"
        )
        verbs: dict[str, Callable[[], object]] = {
            "python": lambda: everything(onestop.Run(run)),  # noqa: B023
            "report": lambda: onestop.report(run, out="page.html"),  # noqa: B023
            "train": lambda: onestop.train(run, epochs=2, quiet=True),  # noqa: B023
        }
        for verb, act in verbs.items():
            if verb == "report" and (name not in REPORTED or damage not in SLOWLY):
                continue
            line = outcome(act)
            trials += 1
            if verb == "train" and (damage.startswith(("link", "pipe", "folder"))):
                assert line or name == "state", f"{name} as {damage} was trained into"
        for path in ("page.html", "page-confusion.csv"):
            Path(path).unlink(missing_ok=True)
        assert (tmp_path / "mine.txt").read_text() == "mine"
        made = {path.name for path in tmp_path.iterdir()} - {"mine.txt", "runs", "cache"}
        assert made == set(), f"{name} as {damage} made {made}"
    tried(f"run folders with a damaged {name}", f"{trials}")


class TestWriting:
    def test_a_log_that_leads_elsewhere_is_refused_before_a_line_is_written(
        self, run: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "mine").write_text("mine")
        linked(str(tmp_path / "mine"))(run / "log.txt")
        with pytest.raises(
            UsageError, match=r"log\.txt: is a link, and a run writes only to files"
        ):
            onestop.train(run, epochs=2, quiet=True)
        assert (tmp_path / "mine").read_text() == "mine"

    def test_a_folder_of_states_that_leads_elsewhere_is_refused(
        self, run: Path, tmp_path: Path
    ) -> None:
        elsewhere = Path(shutil.copytree(run / "state", tmp_path / "elsewhere"))
        (elsewhere / "mine").write_text("mine")
        linked(str(elsewhere))(run / "state")
        before = sorted(elsewhere.iterdir())
        with pytest.raises(UsageError, match="state: is a link, and a run writes only to files"):
            onestop.train(run, epochs=2, quiet=True)
        assert sorted(elsewhere.iterdir()) == before

    def test_files_of_ones_own_stay(self, run: Path) -> None:
        mine = [run / "state" / "good.safetensors", run / "notes.txt", run / "state" / ".x.tmp"]
        for path in mine:
            path.write_text("mine")
        (run / "state" / "folder").mkdir()
        onestop.train(run, epochs=2, quiet=True)
        assert [path.read_text() for path in mine] == ["mine"] * 3
        assert (run / "state" / "folder").is_dir()

    def test_the_folder_itself_may_be_named_by_a_link(self, run: Path, tmp_path: Path) -> None:
        (tmp_path / "latest").symlink_to(run)
        assert len(onestop.train(tmp_path / "latest", epochs=2, quiet=True).epochs) == 2

    @pytest.mark.parametrize("name", ["report.html", "confusion.csv"])
    def test_a_report_is_not_written_through_a_link(
        self, run: Path, tmp_path: Path, name: str
    ) -> None:
        (tmp_path / "mine").write_text("mine")
        linked(str(tmp_path / "mine"))(run / name)
        with pytest.raises(UsageError, match=f"{name}: is a link, and a run writes only to files"):
            onestop.report(run)
        assert (tmp_path / "mine").read_text() == "mine"

    def test_events_of_tensorboard_are_not_written_behind_a_link(
        self, run: Path, tmp_path: Path
    ) -> None:
        pytest.importorskip("tensorboard")
        (tmp_path / "mine").mkdir()
        (run / "tensorboard").symlink_to(tmp_path / "mine")
        with pytest.raises(UsageError, match="tensorboard: is a link"):
            onestop.train(run, epochs=2, track="tensorboard", quiet=True)
        assert list((tmp_path / "mine").iterdir()) == []


class TestDamage:
    """A damaged file costs its part, and the rest is as it was."""

    @pytest.mark.parametrize(
        "rows",
        ["1,x,x,x,x,x,x,x,x,x,x,x,x\n", "1,2\n", "", "x\n", "1,3,nan,inf,1,1,1,1,1,1,1,1,1\n"],
    )
    def test_rows_that_cannot_be_read_do_not_end_a_run_at_its_end(
        self, run: Path, trained: Path, tmp_path: Path, rows: str
    ) -> None:
        other = Path(shutil.copytree(trained, tmp_path / "other"))
        whole = onestop.train(other, epochs=2, quiet=True)
        head = (run / "metrics.csv").read_text().splitlines()[0]
        (run / "metrics.csv").write_text(f"{head}\n{rows}")
        again = onestop.train(run, epochs=2, quiet=True)
        ours, theirs = (load_file(r.folder / "model.safetensors") for r in (again, whole))
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
        assert again.metrics["accuracy"] == whole.metrics["accuracy"]
        assert [row["epoch"] for row in again.epochs][-1] == 2
        if len(again.epochs) == 1:
            notes = again.info.notes or ()
            assert any("metrics.csv: 1 epoch could not be read; left out" in n for n in notes)

    def test_a_best_network_that_is_lost_is_told_before_the_first_step(self, run: Path) -> None:
        (run / "model.safetensors").write_bytes(b"damaged")
        log = (run / "log.txt").read_text()
        with pytest.raises(UsageError, match="best network of this run; put a copy of it back"):
            onestop.train(run, epochs=2, quiet=True)
        assert "epoch 2/2" not in (run / "log.txt").read_text().removeprefix(log)
        (run / "model.safetensors").unlink()
        with pytest.raises(UsageError, match="best network of this run; put a copy of it back"):
            onestop.train(run, epochs=2, quiet=True)

    def test_a_report_says_which_metrics_are_damaged(self, run: Path) -> None:
        metrics = json.loads((run / "metrics.json").read_text())
        (run / "metrics.json").write_text(json.dumps({**metrics, "accuracy": "x"}))
        said = onestop.report(run).said
        assert any("metrics.json: damaged in accuracy, which is left out" in line for line in said)
        assert onestop.Run(run).metrics == {k: v for k, v in metrics.items() if k != "accuracy"}
        (run / "metrics.json").write_text("[")
        with pytest.raises(UsageError, match=r"metrics\.json: is not valid JSON"):
            _ = onestop.Run(run).metrics
        with pytest.raises(UsageError, match="not done yet"):
            onestop.Run(run).figure("confusion")

    @pytest.mark.parametrize("data", [{"name": 3}, {"name": "digits", "fingerprint": 3}])
    def test_a_card_with_a_value_of_another_type_is_damaged(
        self, run: Path, data: dict[str, Any]
    ) -> None:
        change_card(run, data=data)
        with pytest.raises(OneStopError, match=r"model\.safetensors: its card is damaged"):
            onestop.predict(run, b"none")

    @pytest.mark.parametrize("lost", ["data_root", "val_fraction", "seed"])
    def test_a_sealed_card_without_what_splits_the_data_is_one_line(
        self, run: Path, lost: str
    ) -> None:
        card = read_model(run / "model.safetensors")[0]
        change_card(run, recipe={k: v for k, v in card.recipe.items() if k != lost})
        with pytest.raises(
            UsageError, match=f"lacks {lost}, so its held-out images are not known; name images"
        ):
            onestop.evaluate(run)
        assert onestop.evaluate(run, data="digits").metrics["split"] == "test"

    @pytest.mark.parametrize("source", ["~nobodyatall/x", "a" * 300, "a\0b", "/etc/passwd"])
    def test_a_source_that_cannot_be_is_one_line(self, run: Path, source: str) -> None:
        card = read_model(run / "model.safetensors")[0]
        change_card(run, recipe={**card.recipe, "source": source})
        path = run / "recipe.yaml"
        path.write_text(path.read_text().replace("source: digits", f"source: {json.dumps(source)}"))
        assert outcome(lambda: onestop.evaluate(run))
        assert outcome(lambda: onestop.train(run, epochs=2, quiet=True))
        assert outcome(lambda: onestop.report(run)) == ""

    def test_metrics_of_a_card_that_are_none_cost_themselves(self, run: Path) -> None:
        change_card(run, metrics={"accuracy": "x", "loss": float("nan"), "images": 7})
        info = onestop.info(run)
        assert info.facts["metrics"] == {"images": 7}


class TestBeginning:
    def test_a_run_killed_before_its_recipe_is_not_taken_for_a_source(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("onestop.verbs.train.write_atomic", killed)
            with pytest.raises(KeyboardInterrupt):
                onestop.train("digits", out=tmp_path, name="run", epochs=1, **OPTIONS)
        left = tmp_path / "run"
        assert sorted(path.name for path in left.iterdir()) == [".lock", "run.json"]
        with pytest.raises(
            UsageError, match="beginning of a run that was killed before its recipe"
        ):
            onestop.train(left, quiet=True)
        with pytest.raises(OneStopError, match="run"):
            onestop.train(resume=left, quiet=True)
        again = onestop.train("digits", out=tmp_path, name="run", epochs=1, **OPTIONS)
        assert again.folder.name == "run-2"


def change_card(run: Path, **changes: Any) -> None:
    """Another card in the model file, with a checksum that is right."""
    card, tensors = read_model(run / "model.safetensors")
    write_model(run / "model.safetensors", tensors, dataclasses.replace(card, **changes))
