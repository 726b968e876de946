"""Every own network learns for a few steps from the command line: grey ones on MNIST's files, colour
ones on a folder as CIFAR-10 is often kept. Real images are used where they are at hand."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from onestop.cli import main
from onestop.networks.catalog import OWN
from tests.conftest import REPOSITORY
from tests.networks.contract_lists import DEEPER

pytestmark = pytest.mark.thorough

SHARED = REPOSITORY.parent / "shared" / "data"
GREY = [entry.name for entry in OWN.values() if entry.channels == 1 and not entry.vectors]
LARGE = 10_000_000  # parameters from which a step takes seconds here
COLOUR = [
    pytest.param(e.name, marks=[pytest.mark.slow] * (e.parameters > LARGE or e.name in DEEPER))
    for e in OWN.values()
    if e.channels == 3
]
FLAGS = [
    "--epochs",
    "1",
    "--batch-size",
    "4",
    "--threads",
    "1",
    "--workers",
    "0",
    "--val-fraction",
    "0",
    "--quiet",
    "--json",
]
SPLITS = {"train": 8, "t10k": 4}


def write_idx(path: Path, values: np.ndarray) -> None:
    """MNIST's own format: two zeros, a code for bytes, the number of axes, their lengths, bytes."""
    head = bytes([0, 0, 8, values.ndim])
    path.write_bytes(head + np.array(values.shape, ">i4").tobytes() + values.tobytes())


def first_digits(split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images [N, 28, 28] and labels of real MNIST, else scikit-learn's small digits enlarged."""
    raw = SHARED / "mnist" / "MNIST" / "raw"
    if raw.is_dir():
        images = np.fromfile(raw / f"{split}-images-idx3-ubyte", np.uint8, 16 + count * 784)[16:]
        labels = np.fromfile(raw / f"{split}-labels-idx1-ubyte", np.uint8, 8 + count)[8:]
        return images.reshape(count, 28, 28), labels
    digits = load_digits()
    images = np.kron(digits.images[:count] * 15, np.ones((3, 3))).astype(np.uint8)
    return np.pad(images, ((0, 0), (2, 2), (2, 2))), digits.target[:count].astype(np.uint8)


@pytest.fixture(scope="session")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mnist")
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for split, count in SPLITS.items():
        images, labels = first_digits(split, count)
        write_idx(raw / f"{split}-images-idx3-ubyte", images)
        write_idx(raw / f"{split}-labels-idx1-ubyte", labels)
    return root


@pytest.fixture(scope="session")
def cifar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train/ and test/ with a few images of two classes."""
    folder, archive = tmp_path_factory.mktemp("cifar"), SHARED / "cifar10-jpg.tar"
    wanted = {"train/cat": 4, "train/ship": 4, "test/cat": 2, "test/ship": 2}
    if not archive.is_file():
        rng = np.random.default_rng(0)
        for place, count in wanted.items():
            (folder / place).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / place / f"{number}.png")
        return folder
    with tarfile.open(archive) as tar:
        for member in tar:
            place = str(Path(member.name).parent).removeprefix("./")
            if member.isfile() and wanted.get(place):
                tar.extract(member, folder, filter="data")
                wanted[place] -= 1
            if not any(wanted.values()):
                break
    return folder


def learned(capsys: pytest.CaptureFixture[str], *words: str) -> None:
    assert main(["train", *words, *FLAGS]) == 0
    out = capsys.readouterr()
    figures = json.loads(out.out)
    assert figures["split"] == "test"
    assert figures["images"] == 4
    assert np.isfinite(figures["loss"])
    assert list(Path("runs").glob("*/model.safetensors"))


@pytest.mark.parametrize("name", GREY)
def test_on_mnist(name: str, mnist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    learned(capsys, "mnist", "--data-root", str(mnist), "--model", name)


@pytest.mark.parametrize("name", COLOUR)
def test_on_a_folder_of_colour_images(
    name: str, cifar: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learned(capsys, str(cifar), "--model", name)
