"""Sets known by name: from torchvision's files, from a mirror on this machine, or not at all."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import socket
import struct
import subprocess
import sys
import tarfile
import threading
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from torchvision import datasets

from onestop.data import open_data
from onestop.data.samples import ArraySamples, Samples
from onestop.data.sources.builtin import (
    NAMES,
    SETS,
    _download,
    data_root,
    known_set,
    open_named,
)
from onestop.data.statistics import combine, sums_of
from onestop.errors import DataError

PARTS = {"train": ("train", 20), "test": ("t10k", 10)}


def digits_like(split: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Noise in the shape of MNIST's images and labels."""
    count = PARTS[split][1]
    images = np.random.default_rng(count).integers(0, 256, (count, 28, 28), dtype=np.uint8)
    return images, np.arange(count, dtype=np.uint8) % 10


def idx(values: NDArray[np.uint8]) -> bytes:
    """An array in the format of the MNIST files (http://yann.lecun.com/exdb/mnist/)."""
    shape = struct.pack(f">{values.ndim}I", *values.shape)
    return bytes([0, 0, 8, values.ndim]) + shape + values.tobytes()


def mnist_files() -> dict[str, bytes]:
    files = {}
    for split, (prefix, _) in PARTS.items():
        images, labels = digits_like(split)
        files[f"{prefix}-images-idx3-ubyte"] = idx(images)
        files[f"{prefix}-labels-idx1-ubyte"] = idx(labels)
    return files


def put(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def packed(files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{name}.gz": gzip.compress(content) for name, content in files.items()}


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def values(samples: object) -> NDArray[Any]:
    assert isinstance(samples, ArraySamples)
    return samples.values


def numbers_of(samples: Samples) -> list[int]:
    """The class number of each sample."""
    numbers: list[int] = samples.targets.batch(np.arange(len(samples))).tolist()
    return numbers


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has
        pass


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A folder and the address on this machine at which its files can be fetched."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "mirror"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> str:
    """An address on this machine where nobody answers."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/"


@pytest.fixture
def mnist_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A function that makes torchvision fetch the noise above from an address."""

    def point(url: str) -> None:
        files = packed(mnist_files())
        resources = [(name, md5(content)) for name, content in files.items()]
        monkeypatch.setattr(datasets.MNIST, "mirrors", [url])
        monkeypatch.setattr(datasets.MNIST, "resources", resources)

    return point


# --- digits ---


def test_digits_are_built_in_and_always_cut_alike(tmp_path: Path) -> None:
    dataset = open_named("digits", tmp_path / "unused")
    assert dataset.classes == tuple("0123456789")
    assert {name: len(part) for name, part in dataset.splits.items()} == {
        "train": 1438,
        "test": 359,
    }
    train, test = dataset.splits["train"], dataset.splits["test"]
    names = {train.name(i) for i in range(1438)} | {test.name(i) for i in range(359)}
    assert names == {f"#{number}" for number in range(1797)}
    assert values(train).shape == (1438, 8, 8, 1)
    assert (values(train).min(), values(train).max()) == (0, 255)
    assert dataset.counts("test").min() >= 25
    # The cut is part of every published figure: it may never change.
    assert [test.name(i) for i in range(4)] == ["#4", "#9", "#16", "#17"]
    assert not (tmp_path / "unused").exists()


def test_digits_are_the_ones_of_scikit_learn(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    raw, dataset = load_digits(), open_named("digits", tmp_path)
    for samples in dataset.splits.values():
        numbers = [int(samples.name(i)[1:]) for i in range(len(samples))]
        np.testing.assert_array_equal(numbers_of(samples), raw.target[numbers])
        np.testing.assert_array_equal(
            np.rint(values(samples)[..., 0] / 255 * 16), raw.images[numbers]
        )


def test_digits_do_not_wait_for_scikit_learn() -> None:
    code = (
        "import sys; from pathlib import Path; from onestop.data.sources.builtin import open_named; "
        "open_named('digits', Path()); assert 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_digits_are_found_too_where_scikit_learn_keeps_them_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = open_named("digits", tmp_path).fingerprint()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert open_named("digits", tmp_path).fingerprint() == usual


# --- torchvision's files ---


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "kmnist"])
def test_files_in_place_are_opened_without_a_network(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONESTOP_OFFLINE", "1")
    put(tmp_path / SETS[name].folder, mnist_files())
    dataset = open_named(name, tmp_path)
    assert (dataset.name, len(dataset.classes)) == (name, 10)
    for split, samples in dataset.splits.items():
        images, labels = digits_like(split)
        np.testing.assert_array_equal(values(samples)[..., 0], images)
        np.testing.assert_array_equal(numbers_of(samples), labels)


def cifar_archive(monkeypatch: pytest.MonkeyPatch, url: str) -> tuple[bytes, NDArray[np.uint8]]:
    """An archive in the form of CIFAR-10's that torchvision believes in, and its training images."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20, 3, 32, 32), dtype=np.uint8)
    contents: dict[str, Any] = {"batches.meta": {"label_names": [f"kind {i}" for i in range(10)]}}
    for number, part in enumerate(images.reshape(5, 4, 3072), start=1):
        contents[f"data_batch_{number}"] = {"data": part, "labels": [0, 1, 2, number]}
    contents["test_batch"] = {"data": images[:2].reshape(2, 3072), "labels": [9, 8]}
    files, archive = {name: pickle.dumps(entry) for name, entry in contents.items()}, io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    sums = [[name, md5(files[name])] for name in files if name.startswith("data_batch")]
    meta = {"filename": "batches.meta", "key": "label_names", "md5": md5(files["batches.meta"])}
    monkeypatch.setattr(datasets.CIFAR10, "url", f"{url}cifar-10-python.tar.gz")
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", md5(archive.getvalue()))
    monkeypatch.setattr(datasets.CIFAR10, "train_list", sums)
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", md5(files["test_batch"])]])
    monkeypatch.setattr(datasets.CIFAR10, "meta", meta)
    return archive.getvalue(), images.transpose(0, 2, 3, 1)


def test_an_archive_put_in_place_by_hand_is_unpacked_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mnist_at: Callable[[str], None], nowhere: str
) -> None:
    monkeypatch.setenv("ONESTOP_OFFLINE", "1")
    mnist_at(nowhere)
    put(tmp_path / SETS["mnist"].folder, packed(mnist_files()))
    np.testing.assert_array_equal(
        values(open_named("mnist", tmp_path).splits["train"])[..., 0], digits_like("train")[0]
    )
    archive, images = cifar_archive(monkeypatch, nowhere)
    put(tmp_path / SETS["cifar10"].folder, {"cifar-10-python.tar.gz": archive})
    dataset = open_named("cifar10", tmp_path)
    assert dataset.classes[9] == "kind 9"
    assert numbers_of(dataset.splits["train"])[:8] == [0, 1, 2, 1, 0, 1, 2, 2]
    assert numbers_of(dataset.splits["test"]) == [9, 8]
    np.testing.assert_array_equal(values(dataset.splits["train"]), images)


def test_real_mnist_has_the_published_mean_and_deviation(real_data: Path) -> None:
    dataset = open_named("mnist", real_data / "mnist")
    train = values(dataset.splits["train"])
    assert train.shape == (60000, 28, 28, 1)
    assert len(dataset.splits["test"]) == 10000
    assert dataset.counts("test").tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    import torch

    images = torch.from_numpy(train).permute(0, 3, 1, 2)
    found = combine([sums_of(chunk) for chunk in images.split(1024)])
    assert found.mean == pytest.approx((0.1307,), abs=5e-5)
    assert found.std == pytest.approx((0.3081,), abs=5e-5)


# --- downloading ---


def test_what_is_missing_is_downloaded_once(
    tmp_path: Path,
    mirror: tuple[Path, str],
    mnist_at: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, url = mirror
    put(folder, packed(mnist_files()))
    mnist_at(url)
    root = tmp_path / "new" / "root"
    first = open_named("mnist", root)
    np.testing.assert_array_equal(values(first.splits["test"])[..., 0], digits_like("test")[0])
    monkeypatch.setenv("ONESTOP_OFFLINE", "1")
    assert open_named("mnist", root).fingerprint() == first.fingerprint()


def test_an_archive_is_downloaded_and_unpacked(
    tmp_path: Path, mirror: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, url = mirror
    archive, images = cifar_archive(monkeypatch, url)
    put(folder, {"cifar-10-python.tar.gz": archive})
    dataset = open_data("CIFAR-10", root=str(tmp_path / "root"), val_fraction=0)
    np.testing.assert_array_equal(values(dataset.splits["train"]), images)


def test_what_a_download_prints_is_no_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _download("mnist", tmp_path, lambda: print("fetching")) is None  # noqa: T201
    assert capsys.readouterr() == ("", "fetching\n")


def check_refusal(error: pytest.ExceptionInfo[DataError], name: str, root: Path) -> None:
    message, entry = str(error.value), SETS[name]
    assert message.startswith(f"{name}: ")
    assert "\n" not in message
    assert all(url in message for url in entry.urls)
    assert str(root / entry.folder) in message
    assert "--data-root" in message


@pytest.mark.parametrize("name", SETS)
def test_offline_the_files_to_fetch_and_their_folder_are_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONESTOP_OFFLINE", "1")
    before = urllib.request.urlopen
    with pytest.raises(DataError, match="ONESTOP_OFFLINE is set") as error:
        open_named(name, tmp_path / "data")
    check_refusal(error, name, tmp_path / "data")
    assert urllib.request.urlopen is before


@pytest.mark.parametrize("name", ["mnist", "cifar10", "flowers102", "gtsrb"])
def test_a_failed_download_leaves_no_folders(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONESTOP_OFFLINE", "1")
    with pytest.raises(DataError, match="ONESTOP_OFFLINE is set"):
        open_named(name, tmp_path / "no" / "such" / "place")
    assert list(tmp_path.iterdir()) == []


def test_folders_that_were_there_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONESTOP_OFFLINE", "1")
    (tmp_path / "data" / "MNIST").mkdir(parents=True)
    (tmp_path / "data" / "empty").mkdir()
    with pytest.raises(DataError):
        open_named("mnist", tmp_path / "data")
    there = sorted(path.name for path in tmp_path.rglob("*"))
    assert there == ["MNIST", "data", "empty"]


def test_an_interrupted_download_keeps_what_came_and_no_empty_folders(tmp_path: Path) -> None:
    def stopped() -> None:
        (tmp_path / "new" / "empty").mkdir(parents=True)
        (tmp_path / "new" / "half").mkdir()
        (tmp_path / "new" / "half" / "file.gz").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _download("mnist", tmp_path / "new", stopped)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file.gz", "half", "new"]


def test_a_server_that_does_not_answer_is_named_by_its_refusal(
    tmp_path: Path, mnist_at: Callable[[str], None], nowhere: str
) -> None:
    mnist_at(nowhere)
    assert socket.getdefaulttimeout() is None
    with pytest.raises(DataError, match="refused") as error:
        open_named("mnist", tmp_path)
    check_refusal(error, "mnist", tmp_path)
    assert socket.getdefaulttimeout() is None


def test_files_that_differ_from_the_published_ones_are_refused(
    tmp_path: Path, mirror: tuple[Path, str], mnist_at: Callable[[str], None]
) -> None:
    folder, url = mirror
    put(folder, packed(dict.fromkeys(mnist_files(), b"<html>sign in first</html>")))
    mnist_at(url)
    with pytest.raises(DataError, match="not found or corrupted") as error:
        open_named("mnist", tmp_path)
    check_refusal(error, "mnist", tmp_path)


def test_a_server_that_speaks_no_http_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mnist_at: Callable[[str], None]
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"220 mail ready\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        mnist_at(f"http://127.0.0.1:{server.getsockname()[1]}/")
        with pytest.raises(DataError) as error:
            open_named("mnist", tmp_path)
        thread.join()
    check_refusal(error, "mnist", tmp_path)


@pytest.mark.parametrize("length", [0, 3, 10, 100])
def test_a_file_cut_short_is_refused(
    length: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONESTOP_OFFLINE", "1")
    files = mnist_files()
    files["train-images-idx3-ubyte"] = files["train-images-idx3-ubyte"][:length]
    put(tmp_path / "MNIST" / "raw", files)
    with pytest.raises(DataError, match="missing or damaged") as error:
        open_named("mnist", tmp_path)
    check_refusal(error, "mnist", tmp_path)


def test_a_root_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="File exists") as error:
        open_named("mnist", tmp_path / "file")
    check_refusal(error, "mnist", tmp_path / "file")


# --- names and places ---


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        *[(name, name) for name in NAMES],
        *[(entry.cls, name) for name, entry in SETS.items()],
        ("MNIST", "mnist"), ("Digits", "digits"), ("CIFAR-10", "cifar10"), ("cifar_100", "cifar100"),
        ("fashion_mnist", "fashion-mnist"), ("FashionMNIST", "fashion-mnist"),
        ("STL-10", "stl10"), ("oxford-iiit-pet", "pets"), ("FGVC_Aircraft", "aircraft"),
    ],
)  # fmt: skip
def test_a_set_goes_by_several_spellings(spelled: str, name: str) -> None:
    assert known_set(spelled) == name


@pytest.mark.parametrize("text", ["", "mnis", "mnist/", "./mnist", "cifar", "photos", "lenet5"])
def test_other_words_name_no_set(text: str) -> None:
    assert known_set(text) is None


def test_every_set_is_one_of_torchvisions() -> None:
    for entry in SETS.values():
        assert issubclass(getattr(datasets, entry.cls), datasets.VisionDataset)
        assert "train" in entry.splits
        assert all(url.startswith(("http://", "https://")) for url in entry.urls)


def test_the_folder_as_given_comes_before_the_variable_and_the_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("USERPROFILE", "/home/someone")
    monkeypatch.setenv("ONESTOP_DATA", "~/everything")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert data_root("here") == Path("here")
    assert data_root("~/here") == Path("/home/someone/here")
    assert data_root(None) == data_root("") == Path("/home/someone/everything")
    monkeypatch.delenv("ONESTOP_DATA")
    assert data_root("here") == Path("here")
    assert data_root(None) == Path("/cache/onestop/data")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert data_root(None) == Path("/home/someone/.cache/onestop/data")
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert data_root(None) == Path("/local/onestop/data")
