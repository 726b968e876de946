"""Data sets by name: the built-in `digits` and torchvision's, downloaded on first use."""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from onestop.data.cache_file import user_cache
from onestop.data.dataset import Dataset
from onestop.data.samples import ArraySamples
from onestop.data.sources.python import from_torch
from onestop.data.targets import Classes
from onestop.errors import DataError
from onestop.images.forms import expanded
from onestop.runtime.lazy_torchvision import without_compiler
from onestop.runtime.offline import is_offline
from onestop.runtime.rng import key_for, permutation

_TRAIN_TEST = {"train": {"split": "train"}, "test": {"split": "test"}}
_FLAGGED = {"train": {"train": True}, "test": {"train": False}}
_TRAIN_VAL_TEST = {**_TRAIN_TEST, "val": {"split": "val"}}


@dataclass(frozen=True)
class NamedSet:
    """How torchvision opens a data set, and the files to download by hand without a network."""

    cls: str
    splits: Mapping[str, Mapping[str, object]]
    urls: tuple[str, ...]
    folder: str = ""
    options: Mapping[str, object] = field(default_factory=dict)


def _mnist(cls: str, mirror: str) -> NamedSet:
    files = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return NamedSet(cls, _FLAGGED, tuple(f"{mirror}{f}-ubyte.gz" for f in files), f"{cls}/raw")


_VGG = "https://www.robots.ox.ac.uk/~vgg/data"
_GTSRB = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/GTSRB"
SETS: dict[str, NamedSet] = {
    "mnist": _mnist("MNIST", "https://ossci-datasets.s3.amazonaws.com/mnist/"),
    "fashion-mnist": _mnist(
        "FashionMNIST", "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
    ),
    "kmnist": _mnist("KMNIST", "http://codh.rois.ac.jp/kmnist/dataset/kmnist/"),
    "emnist": NamedSet(
        "EMNIST", _FLAGGED, ("https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",),
        "EMNIST/raw", {"split": "balanced"},
    ),
    "cifar10": NamedSet(
        "CIFAR10", _FLAGGED, ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",)
    ),
    "cifar100": NamedSet(
        "CIFAR100", _FLAGGED, ("https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",)
    ),
    "svhn": NamedSet(
        "SVHN", _TRAIN_TEST,
        ("http://ufldl.stanford.edu/housenumbers/train_32x32.mat",
         "http://ufldl.stanford.edu/housenumbers/test_32x32.mat"),
    ),
    "stl10": NamedSet(
        "STL10", _TRAIN_TEST, ("http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",)
    ),
    "usps": NamedSet(
        "USPS", _FLAGGED,
        ("https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/usps.bz2",
         "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/usps.t.bz2"),
    ),
    "imagenette": NamedSet(
        "Imagenette", {"train": {"split": "train"}, "val": {"split": "val"}},
        ("https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-160.tgz",),
        "", {"size": "160px"},
    ),
    "flowers102": NamedSet(
        "Flowers102", _TRAIN_VAL_TEST,
        (f"{_VGG}/flowers/102/102flowers.tgz", f"{_VGG}/flowers/102/imagelabels.mat",
         f"{_VGG}/flowers/102/setid.mat"),
        "flowers-102",
    ),
    "food101": NamedSet(
        "Food101", _TRAIN_TEST, ("http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz",)
    ),
    "pets": NamedSet(
        "OxfordIIITPet", {"train": {"split": "trainval"}, "test": {"split": "test"}},
        (f"{_VGG}/pets/data/images.tar.gz", f"{_VGG}/pets/data/annotations.tar.gz"),
        "oxford-iiit-pet",
    ),
    "dtd": NamedSet(
        "DTD", _TRAIN_VAL_TEST, (f"{_VGG}/dtd/download/dtd-r1.0.1.tar.gz",), "dtd"
    ),
    "aircraft": NamedSet(
        "FGVCAircraft", _TRAIN_VAL_TEST,
        (f"{_VGG}/fgvc-aircraft/archives/fgvc-aircraft-2013b.tar.gz",),
    ),
    "gtsrb": NamedSet(
        "GTSRB", _TRAIN_TEST,
        (f"{_GTSRB}-Training_fixed.zip", f"{_GTSRB}_Final_Test_Images.zip",
         f"{_GTSRB}_Final_Test_GT.zip"),
        "gtsrb",
    ),
}  # fmt: skip
NAMES = ("digits", *SETS)
# What torchvision raises if files are missing, damaged or cannot be downloaded.
_FAILURES = (OSError, RuntimeError, ValueError, AssertionError, EOFError, HTTPException)


def known_set(name: str) -> str | None:
    """The canonical name, ignoring case, dashes and underscores; None if it is unknown."""
    canonical = {known.replace("-", ""): known for known in NAMES}
    canonical |= {entry.cls.lower(): known for known, entry in SETS.items()}
    return canonical.get(name.lower().replace("-", "").replace("_", ""))


def data_root(root: str | None) -> Path:
    """The folder of data sets known by name: `root`, or ONESTOP_DATA, or the user's cache."""
    if root or os.environ.get("ONESTOP_DATA"):
        return expanded(root or os.environ["ONESTOP_DATA"])
    return user_cache() / "data"


def open_named(name: str, root: Path, *, download: bool = True) -> Dataset:
    """Open a set by its name in `NAMES`.

    Args:
        name: Of the set.
        root: Folder that has it, or gets it.
        download: Whether it may be downloaded, and the folder made.

    Raises:
        DataError: It is not in `root` and could not, or may not, be downloaded; names the files and the
            folder.
    """
    return _digits() if name == "digits" else _torchvision(name, root, download=download)


def _digits() -> Dataset:
    """1,797 handwritten digits of 8x8 pixels, four fifths for training and the rest for testing.

    E. Alpaydin and C. Kaynak, 1998, https://archive.ics.uci.edu/dataset/80; greys in 0..16.
    """
    raw = _digits_table()
    images = np.rint(raw[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
    targets = raw[:, -1].astype(np.int64)
    order = permutation(key_for("digits"), len(images))
    cut = len(images) // 5
    samples = ArraySamples(images, Classes(targets, [str(digit) for digit in range(10)]))
    return Dataset(
        name="digits",
        splits={
            "train": samples.take(np.sort(order[cut:])),
            "test": samples.take(np.sort(order[:cut])),
        },
    )


def _digits_table() -> NDArray[np.float64]:
    """Greys in 0..16 and the digit, [1797, 8*8 + 1], read directly from scikit-learn's data file.

    Importing scikit-learn takes longer than training on them.
    """
    spec = importlib.util.find_spec("sklearn")
    for folder in (spec and spec.submodule_search_locations) or ():
        file = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        if file.exists():
            return np.loadtxt(file, delimiter=",")  # decompresses by suffix
    from sklearn.datasets import load_digits

    raw = load_digits()
    return np.column_stack([raw.data, raw.target])


def _torchvision(name: str, root: Path, *, download: bool) -> Dataset:
    with without_compiler():
        from torchvision import datasets

    entry = SETS[name]
    cls = getattr(datasets, entry.cls)

    def open_split(split: str, download: bool) -> Any:
        return cls(str(root), **entry.options, **entry.splits[split], download=download)

    opened = {}
    for split in entry.splits:
        try:
            opened[split] = open_split(split, download=False)
        except _FAILURES:  # not downloaded yet
            if not download:
                raise DataError(
                    f"{name}: missing or damaged in {root}, and a download never begins because a run "
                    "or a model names the data; name the folder that has them, or may get them, with "
                    "--data-root"
                ) from None
            opened[split] = _download(name, root, partial(open_split, split, download=True))
    return from_torch(opened, name)


def _download(name: str, root: Path, fetch: Callable[[], Any]) -> Any:
    """Download and unpack; archives already in place are unpacked without a network."""
    entry = SETS[name]
    try:
        with _no_empty_folders(root):
            root.mkdir(parents=True, exist_ok=True)
            allowed = not is_offline()
            with redirect_stdout(sys.stderr), _network(allowed=allowed):
                return fetch()
    except _FAILURES as error:
        # Torchvision lists all mirrors it tried; the last line is the error of the last one.
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise DataError(
            f"{name}: missing or damaged in {root} and the download failed ({reason}); "
            f"download {' '.join(entry.urls)} to {root / entry.folder}, replacing any files there, "
            "or set --data-root to the folder that has them"
        ) from None


@contextmanager
def _no_empty_folders(root: Path) -> Iterator[None]:
    """If what is done fails, remove the empty folders that it made at `root` and below, and `root`."""
    above = [root, *root.parents]
    before = {folder for folder in above if folder.exists()} | set(_folders_of(root))
    try:
        yield
    except BaseException:
        made = [folder for folder in (*_folders_of(root), *above) if folder not in before]
        for folder in sorted(made, key=lambda folder: -len(folder.parts)):
            with suppress(OSError):  # not empty
                folder.rmdir()
        raise


def _folders_of(root: Path) -> Iterator[Path]:
    """The folders in a folder and in those: where torchvision makes some before it downloads."""
    for folder in (root, *_inner(root)):
        yield from _inner(folder)


def _inner(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    except OSError:
        return []


@contextmanager
def _network(*, allowed: bool) -> Iterator[None]:
    """Limit the wait for a silent server to half a minute, or block the network."""
    timeout, urlopen = socket.getdefaulttimeout(), urllib.request.urlopen

    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError("ONESTOP_OFFLINE is set")

    socket.setdefaulttimeout(30)
    if not allowed:
        urllib.request.urlopen = refuse
    try:
        yield
    finally:
        urllib.request.urlopen = urlopen
        socket.setdefaulttimeout(timeout)
