"""The command line: help, one-line errors, other tools' names, and no work before it is asked for."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import onestop
from onestop.cli import entry_point, main
from onestop.flags import options_of
from onestop.recipe.groups import GROUP_OF
from onestop.recipe.schema import FIELDS, group_title
from onestop.verbs import VERBS
from tests.conftest import REPOSITORY

SNAPSHOTS = Path(__file__).parent / "snapshots"
Capture = pytest.CaptureFixture[str]


def python(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


class TestHelp:
    @pytest.mark.parametrize("verb", [None, *VERBS])
    def test_it_reads_as_it_did(
        self, verb: str | None, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """ONESTOP_UPDATE_SNAPSHOTS=1 writes the pages anew."""
        pins = (REPOSITORY / "constraints.txt").read_text()
        if f"tyro=={version('tyro')}\n" not in pins:
            pytest.skip(f"tyro {version('tyro')} draws its own way; constraints.txt names another")
        monkeypatch.setenv("COLUMNS", "80")  # the width where there is no terminal
        assert main([verb, "--help"] if verb else ["--help"]) == 0
        page = capsys.readouterr().out
        file = SNAPSHOTS / f"help_{verb or 'onestop'}.txt"
        if os.environ.get("ONESTOP_UPDATE_SNAPSHOTS"):
            file.write_text(page, encoding="utf-8")
        assert page == file.read_text(encoding="utf-8")

    @pytest.mark.parametrize("verb", VERBS)
    def test_every_argument_has_a_text_and_stands_on_the_page(
        self, verb: str, capsys: Capture
    ) -> None:
        options = options_of(getattr(onestop, verb))
        main([verb, "--help"])
        page = capsys.readouterr().out
        assert all(option.text for option in options)
        assert [o.name for o in options if o.place not in page] == []

    def test_the_page_of_train_has_every_setting(self, capsys: Capture) -> None:
        main(["train", "--help"])
        page = capsys.readouterr().out
        flags = {f"--{name.replace('_', '-')}" for name in FIELDS} - {"--source"}
        assert {flag for flag in flags if flag not in page} == set()

    def test_settings_stand_under_the_heading_of_their_group(self, capsys: Capture) -> None:
        main(["train", "--help"])
        page = capsys.readouterr().out
        blocks = {block.partition(" ─")[0].strip(): block for block in page.split("╭─")}
        for name in set(FIELDS) - {"source"}:
            block = blocks[f"{group_title(GROUP_OF[name])} options"]
            assert f" --{name.replace('_', '-')}" in block
        assert "(with --schedule step; default: derived)" in " ".join(page.replace("│", "").split())

    @pytest.mark.parametrize("words", [[], ["-h"], ["help"], ["--help"]])
    def test_all_ways_to_ask_give_the_overview(self, words: list[str], capsys: Capture) -> None:
        assert main(words) == 0
        page = capsys.readouterr().out
        assert all(verb in page for verb in VERBS)

    @pytest.mark.parametrize("words", ["help train", "train -h", "train --epochs 3 --help"])
    def test_all_ways_to_ask_for_a_verb_give_its_page(self, words: str, capsys: Capture) -> None:
        assert main(words.split()) == 0
        assert capsys.readouterr().out.startswith("usage: onestop train")

    def test_no_line_is_wider_than_the_terminal(
        self, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "60")
        for verb in VERBS:
            main([verb, "--help"])
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 60

    def test_a_terminal_without_such_signs_gets_plain_ones(self) -> None:
        environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
        page = python("-m", "onestop", "models", "--help", env=environment)
        assert (page.returncode, page.stderr) == (0, "")
        assert page.stdout.isascii()

    def test_it_says_its_version(self, capsys: Capture) -> None:
        for word in ("--version", "-V"):
            assert main([word]) == 0
            assert capsys.readouterr().out == f"onestop {onestop.__version__}\n"


class TestQuickness:
    def test_help_and_usage_errors_do_not_wait_for_torch(self) -> None:
        lines = [
            *(f"{verb} --help" for verb in VERBS), "--help", "--version", "trian", "train --epoch 3",
            "train --epochs ten", "train --optimizer sdg", "train --recipe no.yaml", "evaluate",
            "train --step-epochs 3", "predict", "predict model no.png", "explain model no.png",
            "info --classes 0 x",
        ]  # fmt: skip
        code = (
            "import shlex, sys\nfrom onestop.cli import main\n"
            f"for line in {lines!r}:\n"
            "    main(shlex.split(line))\n"
            "    heavy = {'torch', 'torchvision', 'sklearn', 'matplotlib', 'scipy'} & {*sys.modules}\n"
            "    assert not heavy, (line, heavy)\n"
        )
        assert python("-c", code).returncode == 0

    def test_importing_the_package_does_not_wait_for_torch(self) -> None:
        code = (
            "import onestop, sys; assert 'torch' not in sys.modules and 'yaml' not in sys.modules"
        )
        assert python("-c", code).returncode == 0


class TestProcess:
    def test_the_module_is_the_command(self) -> None:
        done = python("-m", "onestop", "--version")
        assert (done.returncode, done.stdout) == (0, f"onestop {onestop.__version__}\n")
        (command,) = entry_points(group="console_scripts", name="onestop")
        assert command.value == "onestop.cli:entry_point"

    def test_a_mistake_is_one_line_and_a_code(self) -> None:
        done = python("-m", "onestop", "train", "--optimizer", "sdg")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            "onestop: --optimizer sdg: not one of sgd, adam, adamw, rmsprop; did you mean 'sgd'?\n"
        )

    @pytest.mark.parametrize("words", ["--help", "train --help"])
    @pytest.mark.skipif(os.name != "posix", reason="pipes differ")
    def test_a_reader_who_leaves_is_no_trouble(self, words: str) -> None:
        read, write = os.pipe()
        os.close(read)
        command = [sys.executable, "-m", "onestop", *words.split()]
        with subprocess.Popen(command, stdout=write, stderr=subprocess.PIPE) as process:
            os.close(write)
            assert process.stderr is not None
            assert process.stderr.read() == b""
        assert process.returncode == 0

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
    def test_a_full_disk_behind_the_output_is_one_line(self) -> None:
        with Path("/dev/full").open("w") as full:
            command = [sys.executable, "-m", "onestop", "train", "--help"]
            done = subprocess.run(
                command, stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        assert (done.returncode, done.stderr) == (1, "onestop: output: No space left on device\n")


@pytest.fixture
def clutter(tmp_path: Path) -> Path:
    """A working folder with things that cannot be trained on, and a little that can."""
    for name in ("one/a", "photos/a", "photos/b", "empty"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("one/a/0.png", *(f"photos/{c}/{i}.png" for c in "ab" for i in range(4))):
        Image.fromarray(np.full((20, 20, 3), 99, np.uint8)).save(tmp_path / name)
    texts = {
        "note.txt": "hello", "bad.yaml": "lr: 0.1\nepoch: 3\n", "typo.csv": "paht,label\na,b\n",
        "bad.safetensors": "abc", "net.py": "class Net: pass\n",
    }  # fmt: skip
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return tmp_path


MISTAKES = [
    ("trian", 2, "trian: no such command; did you mean 'train'?"),
    ("--epochs 3", 2, "--epochs: no such command"),
    # words that are no flags, or flags without their value
    ("train --epoch 3", 2, "--epoch: no such option; did you mean '--epochs'"),
    ("train --batchsize 3", 2, "--batchsize: no such option; did you mean '--batch-size'"),
    ("train --learningrate 1", 2, "--learningrate: no such option; did you mean '--learning-rate'"),
    ("train -x", 2, "-x: no such option (onestop train --help)"),
    ("train --no-lr", 2, "--no-lr: no such option; did you mean '--lr'?"),
    ("train --no-json", 2, "--no-json: no such option; did you mean '--json'"),
    ("models --jsn", 2, "--jsn: no such option; did you mean '--json'? (onestop models"),
    ("evaluate m --splt test", 2, "--splt: no such option; did you mean '--split'"),
    ("train --epochs", 2, "--epochs: its value is missing"),
    ("train -b", 2, "-b: its value is missing"),
    ("train --data", 2, "--data: its value is missing"),
    ("train --data --epochs 3", 2, "--data: its value is missing"),
    ("train --name --quiet", 2, "--name: its value is missing"),
    ("train --epochs=", 2, "--epochs: its value is empty; give one"),
    ("train --model ''", 2, "--model: its value is empty"),
    ("train --out=", 2, "--out: its value is empty"),
    ("train ''", 2, "SOURCE: its value is empty"),
    ("predict bad.safetensors ''", 2, "IMAGE|FOLDER: its value is empty"),
    ("train --quiet=1", 2, "--quiet=1: is a switch and takes no value; write --quiet alone"),
    ("train --nesterov=yes", 2, "--nesterov=yes: is a switch"),
    ("train photos more", 2, "more: one argument too many"),
    ("models a b", 2, "b: one argument too many"),
    ("evaluate", 2, "evaluate: MODEL missing (onestop evaluate --help)"),
    ("predict", 2, "predict: MODEL missing"),
    ("predict bad.safetensors", 2, "predict: IMAGE|FOLDER missing"),
    ("info", 2, "info: TARGET missing"),
    ("predict bad.safetensors photos --json --csv", 2, "--json --csv: only one of them"),
    # values
    ("train --epochs ten", 2, "--epochs ten: should be a valid integer"),
    ("train --epochs 0", 2, "--epochs 0: without a probe nothing would be trained; ask for more"),
    ("train --epochs -1", 2, "--epochs -1: must be from 0 to 1,000,000"),
    ("train --lr nan", 2, "--lr nan: should be a finite number"),
    ("train --lr=-0.1", 2, "--lr -0.1: must be above 0 and at most 1,000,000,000"),
    ("train --momentum 1.5", 2, "--momentum 1.5: must be at least 0 and below 1"),
    ("train --opt sdg", 2, "--optimizer sdg: not one of sgd, adam, adamw, rmsprop; did you"),
    ("train --channels 2", 2, "--channels 2: not one of 1, 3, 4"),
    ("train --threads 100000", 2, "--threads 100000: must be from 1 to 1,024"),
    ("train --threads 2147483648", 2, "--threads 2147483648: must be from 1 to 1,024"),
    ("train --image-size 2147483648", 2, "--image-size 2147483648: must be from 1 to 16,384"),
    ("info lenet5 --depth 10000000000", 2, "--depth 10000000000: must be from 0 to 1,000,000,000"),
    ("train --seed -1", 2, "--seed -1: must be from 0 to 4,294,967,295"),
    ("train --val-fraction 1", 2, "--val-fraction 1: must be at least 0 and below 1"),
    ("train --device gpu", 2, "--device gpu: not in this machine; use cpu"),
    ("train --precision tf32 --device cpu", 2, "--precision tf32: needs an NVIDIA GPU"),
    ("train --precision tf32 --device cpu --dry-run", 2, "--precision tf32: needs an"),
    ("train --model lenet6", 2, "--model lenet6: no such network; did you mean 'lenet5'"),
    ("train --model no.py:Net", 2, "--model no.py:Net: no file no.py"),
    ("train --model net.py", 2, "--model net.py: name the class too: net.py:ClassName"),
    ("predict bad.safetensors photos --top 0", 2, "--top 0: must be from 1 to 1,000,000,000"),
    ("info lenet5 --classes 0", 2, "--classes 0: must be from 1 to 1,000,000"),
    ("info lenet5 --image-size 4", 2, "lenet5: images of 4 pixels are too small; it needs 16"),
    # values that do not go together
    ("train --step-epochs 3", 2, "--step-epochs 3: changes nothing with --schedule cosine"),
    ("train --opt adam --momentum 0.9", 2, "--momentum 0.9: changes nothing with --optimizer"),
    ("train --nesterov --momentum 0", 2, "--nesterov: needs a momentum above 0"),
    ("train -e 2 --warmup-epochs 5", 2, "--warmup-epochs 5: longer than the run of 2 epochs"),
    ("train -b 32 --accumulate 64", 2, "--accumulate 64: more parts than the batch has images"),
    ("train --val-fraction 0 --patience 3", 2, "--patience 3: there is no validation split"),
    ("train --monitor mae", 2, "--monitor mae: this task has accuracy"),
    # files and folders
    ("train --recipe no.yaml", 2, "--recipe no.yaml: No such file or directory"),
    ("train --recipe bad.yaml", 2, "bad.yaml:2 'epoch': no such setting; did you mean 'epochs'"),
    ("train --recipe photos", 2, "--recipe photos: Is a directory"),
    ("train --resume photos", 2, "photos: is not a run folder"),
    ("train photos --out note.txt", 2, "--out note.txt: "),
    ("train photos --name a/b", 2, "--name 'a/b': must be a plain folder name"),
    ("evaluate nowhere", 2, "nowhere: no such run or model file"),
    ("evaluate photos", 2, "photos: no model.safetensors in this folder"),
    ("evaluate bad.safetensors", 2, "bad.safetensors: damaged, or not a safetensors file"),
    ("predict nowhere photos", 2, "nowhere: no such run or model file"),
    ("info lenet6", 2, "lenet6: no such path, data set or network; did you mean 'lenet5'"),
    ("info digts", 2, "digts: no such path, data set or network; did you mean 'digits'"),
    ("info net.py", 2, "net.py: name the class too: net.py:ClassName"),
    ("models nothing-like-it", 2, "nothing-like-it: no network has such a name"),
    # data
    ("train digts", 3, "digts: no such folder, table or data set; did you mean"),
    ("train nowhere/at/all", 3, "nowhere/at/all: no such folder, table or data set"),
    ("train -- --epochs", 3, "--epochs: no such folder, table or data set"),
    ("train note.txt", 3, "note.txt: neither a folder nor a table"),
    ("train typo.csv", 3, "typo.csv:1: no column for the path"),
    ("train empty", 3, "empty: no images found"),
    ("train one", 3, "one: has only the class 'a'"),
    ("predict bad.safetensors no.png", 3, "no.png: no such image or folder"),
    ("predict bad.safetensors empty", 3, "empty: no images in this folder"),
    ("info empty", 3, "empty: no images found"),
]


@pytest.mark.parametrize(("line", "code", "expected"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_one_line_and_leaves_nothing_behind(
    line: str, code: int, expected: str, clutter: Path, capsys: Capture
) -> None:
    before = sorted(clutter.rglob("*"))
    assert main(shlex.split(line)) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"onestop: {expected}")
    assert said.err.count("\n") == 1
    assert sorted(clutter.rglob("*")) == before


class TestPrintRecipe:
    def test_each_value_stands_with_its_origin_and_reason(
        self, clutter: Path, capsys: Capture
    ) -> None:
        (clutter / "r.yaml").write_text("lr: 0.25\nepochs: 9\n")
        before = sorted(clutter.rglob("*"))
        assert main(shlex.split("train photos --recipe r.yaml -e 3 --print-recipe")) == 0
        said = capsys.readouterr()
        rows = {line.split()[0]: line.split() for line in said.out.splitlines() if line.strip()}
        assert rows["epochs"][1:] == ["3", "flag"]
        assert rows["lr"][1:] == ["0.25", "file"]
        assert rows["source"][1:] == ["photos", "flag"]
        assert rows["schedule"][1:] == ["cosine", "default"]
        assert rows["batch-size"][1:] == ["6", "derived", "for", "6", "training", "images"]
        assert {name.replace("_", "-") for name in FIELDS} <= rows.keys()
        assert said.err == ""
        assert sorted(clutter.rglob("*")) == before

    def test_machines_get_json(self, clutter: Path, capsys: Capture) -> None:
        assert main(shlex.split("train photos -e 3 --print-recipe --json")) == 0
        values = json.loads(capsys.readouterr().out)
        assert list(values) == list(FIELDS)
        assert values["epochs"] == {"value": 3, "layer": "flag", "why": ""}
        assert values["model"]["layer"] == "derived"

    @pytest.mark.thorough
    def test_the_recipe_of_a_run_is_a_recipe(self, clutter: Path, capsys: Capture) -> None:
        words = ["train", "photos", "-e", "1", "--quiet"]
        assert main([*words, "--name", "first"]) == 0
        recipe = ["--recipe", "runs/first/recipe.yaml"]
        assert main(["train", *recipe, "--quiet", "--name", "second"]) == 0
        capsys.readouterr()
        first, second = (Path("runs") / name / "recipe.yaml" for name in ("first", "second"))
        assert first.read_text() == second.read_text()
        assert main(["train", *recipe, "--schedule", "constant", "--print-recipe"]) == 0


def test_an_interrupted_command_ends_with_130(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("onestop.cli._run", interrupt)
    assert main(["models"]) == 130
    assert capsys.readouterr().err == "onestop: interrupted\n"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 9 bytes"),
        RuntimeError("CUDA out of memory. Tried to allocate 9 GiB"),
    ],
)
def test_too_little_memory_is_one_line_with_the_way_out(
    error: Exception, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("onestop.cli._run", fail)
    assert main(["train"]) == 1
    assert capsys.readouterr().err.startswith("onestop: out of memory; lower --batch-size")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            RuntimeError("can't start new thread"),
            "no further thread can be started; raise the limit (ulimit -u), or end a program",
        ),
        (
            ImportError("libtorch_cpu.so: failed to map segment from shared object"),
            "libtorch_cpu.so: failed to map segment from shared object: out of memory; raise the limit "
            "of address space (ulimit -v)",
        ),
        (
            ModuleNotFoundError("No module named 'torch'", name="torch"),
            "torch cannot be loaded (No module named 'torch'); install it again",
        ),
    ],
)
def test_what_the_machine_lacks_is_one_line(
    error: Exception, line: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("onestop.cli._run", fail)
    assert main(["train"]) == 1
    assert capsys.readouterr().err == f"onestop: {line}\n"


def test_a_module_of_ours_that_is_missing_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ModuleNotFoundError(
            "No module named 'onestop.data.nothing'", name="onestop.data.nothing"
        )

    monkeypatch.setattr("onestop.cli._run", fail)
    with pytest.raises(ModuleNotFoundError):
        main(["train"])


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of address space")
@pytest.mark.parametrize("kilobytes", [800_000, 1_600_000])
def test_too_little_address_space_for_torch_is_one_line(kilobytes: int) -> None:
    limited = f"ulimit -v {kilobytes}; exec {shlex.quote(sys.executable)} -m onestop train digits"
    done = subprocess.run(
        ["bash", "-c", limited], capture_output=True, text=True, check=False, cwd=REPOSITORY
    )
    assert done.returncode == 1
    assert done.stderr.startswith("onestop: ")
    assert done.stderr.count("\n") == 1
    assert "out of memory" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows removes no folder in use")
def test_a_current_folder_that_was_removed_is_one_line(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    code = (
        "import os, sys; os.rmdir(os.getcwd()); from onestop.cli import entry_point; entry_point()"
    )
    done = python(
        "-c", code, "train", "digits", cwd=gone, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}
    )
    assert done.returncode == 2
    assert done.stderr == (
        "onestop: the current folder: No such file or directory; change to one that exists (cd)\n"
    )


def test_the_end_waits_for_no_thread_that_is_left_behind(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: list[int] = []
    handler = signal.getsignal(signal.SIGINT)

    def finish() -> int:
        sys.stdout.write("last words\n")
        return 7

    monkeypatch.setattr("onestop.cli.keep_freed_memory", lambda: True)
    monkeypatch.setattr("onestop.cli.main", finish)
    monkeypatch.setattr("onestop.cli.left_behind", lambda: ["slow.jpg"])
    monkeypatch.setattr("os._exit", codes.append)
    try:
        with pytest.raises(SystemExit):
            entry_point()
        assert codes == [7]
        monkeypatch.setattr("onestop.cli.left_behind", list)
        with pytest.raises(SystemExit) as caught:
            entry_point()
    finally:
        signal.signal(signal.SIGINT, handler)
    assert (codes, caught.value.code) == ([7], 7)
    assert capsys.readouterr().out == "last words\n" * 2


def test_ctrl_c_while_ctrl_c_is_answered_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    handler = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr("onestop.cli.keep_freed_memory", lambda: True)
    monkeypatch.setattr("onestop.cli.main", interrupted)
    try:
        with pytest.raises(SystemExit) as caught:
            entry_point()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN, "a third changes nothing"
    finally:
        signal.signal(signal.SIGINT, handler)
    assert caught.value.code == 130


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("onestop.cli._run", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        main(["train"])
