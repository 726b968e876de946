"""No file of a stranger runs anything, writes anything, or ends in anything but one line."""

from __future__ import annotations

import ast
import os
import resource
import signal
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import onestop
from onestop.cli import main
from onestop.errors import OneStopError
from onestop.networks import build
from onestop.storage.model_file import read_card, read_weights
from tests.reliability.card import sampled, tried
from tests.reliability.strangers import corpus

PACKAGE = Path(onestop.__file__).parent
SECONDS, MEMORY = 20.0, 2 * 2**30  # of the processor, and bytes, for one file at most
WAITING = 180.0  # seconds of any clock, after which it hangs


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The corpus, in a folder of its own."""
    return corpus(tmp_path_factory.mktemp("strangers") / "corpus")


def ways(picture: Path) -> dict[str, Callable[[Path], object]]:
    """Everything that opens a file of weights or a model."""
    data = np.zeros((20, 8, 8), np.uint8), np.arange(20) % 2
    return {
        "load": onestop.load,
        "read_card": read_card,
        "read_weights": read_weights,
        "load_weights": lambda path: onestop.load_weights(build("cnn1", 2, 1, 8), path),
        "predict": lambda path: onestop.predict(path, picture),
        "info": onestop.info,
        "evaluate": lambda path: onestop.evaluate(path, data=data),
        "train": lambda path: onestop.train(
            data, model="cnn1", image_size=8, weights=str(path), quiet=True
        ),
    }


def listed(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*")}


@pytest.mark.no_cover  # a sweep: what it runs is covered by others
@pytest.mark.thorough
def test_nothing_of_it_is_run_or_written(files: list[Path], tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    Image.new("L", (8, 8)).save(picture)
    assert len(files) >= 150
    before, here = listed(files[0].parent), listed(Path.cwd())
    environment = dict(os.environ)
    previous = signal.signal(signal.SIGALRM, _too_slow)
    opened = 0
    try:
        for path, (name, way) in sampled(list(product(files, ways(picture).items())), 5):
            signal.setitimer(signal.ITIMER_REAL, WAITING)
            begun = time.process_time()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            try:
                way(path)
            except OneStopError as error:
                message = str(error)
                named = str(path) in message or path.name in message
                assert named or (path.stem, name) in COMPARED, (name, message)
                assert "\n" not in message, (name, path.name)
                assert len(message) < 1000, (name, path.name)
            else:
                assert (path.stem, name) in LOADS, f"{name} took {path.name} for a model"
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - peak
            assert grown < MEMORY, (name, path.name, grown)
            assert time.process_time() - begun < SECONDS
            opened += 1
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert listed(files[0].parent) == before, "something was run, or written"
    assert listed(Path.cwd()) == here
    assert "LD_PRELOAD" not in os.environ.keys() - environment.keys()
    tried(
        "files of strangers", f"{len(files)}, opened in {len(ways(picture))} ways, {opened} times"
    )


LOADS = {
    (file, way)
    for file in ("card names code", "card names no network")
    for way in ("read_card", "read_weights", "info")
}
"""What is well-formed and harmless, as long as no network is built: (file, way)."""
COMPARED = {(file, "evaluate") for file, _ in LOADS}
"""What is refused for its classes: they are compared with those of the data first."""


def _too_slow(*_: object) -> None:
    raise TimeoutError("took too long")


def test_the_command_line_says_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = corpus(tmp_path / "corpus", large=False)
    for path in files[:: len(files) // 20]:
        code = main(["info", str(path)])
        said = capsys.readouterr()
        if (path.stem, "info") in LOADS:
            assert (code, said.err) == (0, "")
            continue
        assert code in (1, 2, 3), path.name
        assert said.out == ""
        assert len(said.err.splitlines()) == 1
        assert said.err.startswith("onestop: ")


def test_shapes_are_compared_before_anything_is_allocated(tmp_path: Path) -> None:
    """A tensor of three petabytes that takes four bytes in its file."""
    path = tmp_path / "wide.pt"
    torch.save({"weight": torch.zeros(1).expand(10**9, 10**6), "bias": torch.zeros(2)}, path)
    with pytest.raises(OneStopError, match="in the file and"):
        onestop.load_weights(torch.nn.Linear(3, 2), path)


BANNED = {
    "eval", "exec", "compile", "__import__", "torch.load", "torch.jit.load", "torch.hub.load",
    "pickle.load", "pickle.loads", "pickle.Unpickler", "yaml.load",
    "yaml.unsafe_load", "yaml.full_load", "marshal.loads", "shelve.open",
    "os.system", "os.popen", "joblib.load", "numpy.load", "np.load",
}  # fmt: skip
ALLOWED = {("torch_files.py", "torch.load")}


def calls(tree: ast.AST) -> list[tuple[str, ast.Call]]:
    """Every call with the name of what is called, dots and all."""
    return [(ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def test_what_runs_code_from_files_is_used_nowhere_else() -> None:
    found = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name, call in calls(tree):
            shell = any(
                word.arg == "shell"
                and not (isinstance(word.value, ast.Constant) and not word.value.value)
                for word in call.keywords
            )
            assert not shell, f"{path.name}:{call.lineno}: shell="
            if name in BANNED:
                found.add((path.name, name))
        for node in ast.walk(tree):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            banned = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"} & set(names)
            assert not banned or path.name == "torch_files.py", f"{path.name}: imports {banned}"
    assert found == ALLOWED


def test_the_only_reader_of_pickles_asks_for_weights_alone() -> None:
    tree = ast.parse((PACKAGE / "storage" / "torch_files.py").read_text(encoding="utf-8"))
    loads = [call for name, call in calls(tree) if name == "torch.load"]
    assert len(loads) == 1
    options = {word.arg: ast.unparse(word.value) for word in loads[0].keywords}
    assert options["weights_only"] == "True"
