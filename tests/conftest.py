"""What many tests share: small data sets that are made, never downloaded, and real data if at hand."""

from __future__ import annotations

import os

# Test processes share the cores already; more threads in each would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Hundreds of runs are trained here; those whose page is looked at ask for it.
os.environ["ONESTOP_REPORT"] = "0"

import gc
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

# Modules and fixtures are many objects that live long: to look through them less often saves a twelfth.
gc.set_threshold(50_000, 20, 50)
REPOSITORY = Path(__file__).parent.parent
_FSYNC = os.fsync
THOROUGH = "\npytestmark = pytest.mark.thorough\n"
"""What stands in a test file that the quick tier leaves out as a whole."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import such a file for the quick tier: what it needs may take seconds to load."""
    quick = "not thorough" in config.getoption("markexpr")
    if quick and collection_path.suffix == ".py":
        return THOROUGH in collection_path.read_text(encoding="utf-8") or None
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Stop the first of two tracers that pytest-cov 7 starts in a worker: `no_cover` does not."""
    coverage = session.config.pluginmanager.getplugin("_cov")
    if coverage and hasattr(session.config, "workerinput"):
        coverage.cov_controller.cov.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Trace the quick tests alone, unless all are asked for: a test takes a third longer with it."""
    if os.environ.get("ONESTOP_TEST_COVERAGE") != "all":
        for item in items:
            if item.get_closest_marker("thorough"):
                item.add_marker(pytest.mark.no_cover)


@pytest.fixture
def photos(tmp_path: Path) -> Callable[..., Path]:
    """A function that makes a folder of JPEGs, `photos({"train/red": 6, "train/blue": 6})`.

    The images of a class share a colour (that of the class folder's name where it is one), so that
    a network can tell them apart; sizes differ.
    """

    def make(counts: dict[str, int], root: str = "photos", suffix: str = ".jpg") -> Path:
        return make_photos(tmp_path / root, counts, suffix)

    return make


def make_photos(folder: Path, counts: dict[str, int], suffix: str = ".jpg") -> Path:
    """A folder of noisy images; see `photos`."""
    for place, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            rng = np.random.default_rng([place, number])
            height, width = rng.integers(36, 64, 2)
            pixels = rng.integers(0, 80, (height, width, 3), dtype=np.uint8)
            channel = {"red": 0, "green": 1, "blue": 2}.get(Path(name).name, place % 3)
            pixels[..., channel] += 150
            Image.fromarray(pixels).save(folder / name / f"{number:03d}{suffix}")
    return folder


def small_weights(folder: Path) -> Path:
    """A file of random weights of a small network, by which colours can be told well enough."""
    import torch

    import onestop
    from onestop.networks import build

    torch.manual_seed(0)
    path = folder / "lenet.safetensors"
    onestop.write_weights(path, build("lenet5_color", classes=10))
    return path


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets: ONESTOP_TEST_DATA, else `shared/data` beside the checkout."""
    folder = Path(os.environ.get("ONESTOP_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}; name a folder that has it with ONESTOP_TEST_DATA")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """No write waits until it is on the disk: a run flushes some 25 times, and none is cut off here.

    Tests of the flushing itself replace `os.fsync`, or ask for the real one by `flushing`.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture
def flushing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes wait until they are on the disk, as everywhere but in tests."""
    monkeypatch.setattr(os, "fsync", _FSYNC)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test works in a folder of its own, so that `runs/` never lands in the checkout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # No weights are downloaded, or taken from a cache of the user's, unless a test is about that.
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    ours = ("ONESTOP_CACHE", "ONESTOP_CACHE_GB", "ONESTOP_DATA", "ONESTOP_OFFLINE")
    hubs = ("TORCH_HOME", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")
    for name in (*ours, *hubs, "NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], str]:
    """A function that calls another with a terminal as standard output and gives what came there.

    A thread reads along: a terminal holds few thousand characters, and one read gives only what
    has come so far.
    """
    openpty = getattr(os, "openpty", None)
    if openpty is None:
        pytest.skip("needs a terminal to play with")

    def page_of(act: Callable[[], object]) -> str:
        main_end, other_end = openpty()
        pieces: list[bytes] = []

        def read() -> None:
            try:
                while piece := os.read(main_end, 4096):
                    pieces.append(piece)
            except OSError:  # Linux's word for the end of a terminal
                pass

        reader = threading.Thread(target=read)
        reader.start()
        try:
            with (
                os.fdopen(other_end, "w", encoding="utf-8") as terminal,
                monkeypatch.context() as m,
            ):
                m.setattr("sys.stdout", terminal)
                act()
        finally:
            reader.join()
            os.close(main_end)
        return b"".join(pieces).decode()

    return page_of
