"""Batches are those of an earlier version, bit for bit; `tests/fixtures/batches.json` has their hashes.

On another processor, or with another torch or Pillow, the last bit of a pixel may differ: then means
and deviations are compared.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
import torch
from PIL import features
from torch import Tensor

from onestop.data.augmentation import NONE, Augmentation
from onestop.data.cache_file import FORMAT, cache_folder
from onestop.data.disk_cache import DiskCache
from onestop.data.loader import Batch, Loader, epoch_plan
from onestop.data.pixels import Keep, choose_source
from onestop.data.preprocess import ImagePreprocessing, VectorPreprocessing
from onestop.data.samples import ArraySamples, FileSamples, Samples
from onestop.data.targets import Classes, Numbers
from onestop.data.torch_samples import TorchSamples
from onestop.runtime.device import Engine
from tests.fixtures import batch_cases
from tests.fixtures.batch_cases import Case, Inputs, Kind

GOLDEN = json.loads((Path(batch_cases.__file__).parent / "batches.json").read_text())
NAMES = [f"class {number}" for number in range(batch_cases.CLASSES)]
QUICK = ("memory", "array")
"""Places of the cases that `make test-quick` runs."""
KEEP: dict[str, Keep] = {"memory": "memory", "disk": "disk", "array": "small"}


@functools.cache
def same_machine() -> bool:
    """Whether bits must be the same here."""
    here = {
        "torch": torch.__version__,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "pillow": PIL.__version__,
        "numpy": np.__version__,
    }
    return all(GOLDEN["made_with"][name] == value for name, value in here.items())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return batch_cases.make_inputs(tmp_path_factory.mktemp("inputs"))


def samples_of(case: Case, made: Inputs) -> Samples:
    targets = Classes(made.targets, NAMES)
    if case["place"] in ("array", "array-each"):
        return ArraySamples(made.images, targets)
    if case["place"] == "torch":
        pairs = list(zip(made.images, made.targets.tolist(), strict=True))
        return TorchSamples(pairs, targets, np.arange(len(pairs)))
    return FileSamples(made.root, made.broken if case["broken"] else made.paths, targets)


def loader_of(case: Case, made: Inputs) -> Loader:
    channels, size = case["channels"], (batch_cases.IMAGE_SIZE, batch_cases.IMAGE_SIZE)
    samples, place = samples_of(case, made), case["place"]
    preprocessing = ImagePreprocessing(
        channels, size, batch_cases.MEAN[:channels], batch_cases.STD[:channels], case["fit"],
        case["crop_fraction"], case["interpolation"],
    )  # fmt: skip
    augmentation = Augmentation(
        case["augment"], case["padding"], case["auto_augment"], case["color_jitter"],
        case["erase"], case["mixup"], case["cutmix"], batch_cases.SEED,
    )  # fmt: skip
    pixels = choose_source(
        samples,
        preprocessing,
        parts=augmentation.cuts_parts,
        workers=batch_cases.WORKERS.get(place, 0),
        keep=KEEP.get(place, "none"),
        store=DiskCache("cases", "train"),
    )
    engine = Engine(torch.device("cpu"), memory_format=case["memory_format"])
    return Loader(samples, preprocessing, augmentation, pixels, engine)


def passes(loader: Loader, kind: Kind) -> Iterator[Batch]:
    if kind == "train":
        for epoch in batch_cases.EPOCHS:
            plan = epoch_plan(len(loader.samples), batch_cases.BATCH_SIZE, batch_cases.SEED, epoch)
            yield from loader.train(plan, epoch)
    elif kind == "in order":
        yield from loader.in_order(batch_cases.BATCH_SIZE)
    else:
        for images in loader.prepared(batch_cases.LIMIT):
            yield Batch(images, torch.zeros(0), np.zeros(0, np.int64))


def layout(inputs: Tensor) -> str:
    if inputs.dtype == torch.uint8:
        return ""
    if inputs.ndim != 4 or inputs.is_contiguous():
        return "contiguous"
    last = inputs.is_contiguous(memory_format=torch.channels_last)
    return "channels-last" if last else "other"


def result(batches: Iterable[Batch]) -> dict[str, Any]:
    """What `batches.json` says of some batches."""
    inputs, labels, numbers = hashlib.sha256(), hashlib.sha256(), []
    sizes, layouts = [], set()
    for batch in batches:
        pixels = batch.inputs.contiguous().numpy()
        inputs.update(f"{pixels.dtype} {pixels.shape}\n".encode())
        inputs.update(pixels.tobytes())
        for array in (batch.targets.contiguous().numpy(), batch.indices):
            labels.update(f"{array.dtype} {array.shape}\n".encode())
            labels.update(np.ascontiguousarray(array).tobytes())
        numbers.append(pixels.astype(np.float64).ravel())
        sizes.append(len(pixels))
        if len(pixels):
            layouts.add(layout(batch.inputs))
    every = np.concatenate(numbers)
    return {
        "inputs": inputs.hexdigest(),
        "labels": labels.hexdigest(),
        "sizes": sizes,
        "layout": ", ".join(sorted(layouts)),
        "mean": round(float(every.mean()), 6),
        "std": round(float(every.std()), 6),
    }


def compare(found: dict[str, Any], golden: dict[str, Any]) -> None:
    if same_machine():
        assert found == golden
        return
    exact = ("labels", "sizes", "layout")
    assert {name: found[name] for name in exact} == {name: golden[name] for name in exact}
    for name in ("mean", "std"):
        assert found[name] == pytest.approx(golden[name], abs=0.01)


CASES = [
    pytest.param(case, id=case["name"], marks=[pytest.mark.thorough] * (case["place"] not in QUICK))
    for case in batch_cases.cases()
]


@pytest.mark.parametrize("case", CASES)
def test_batches_are_those_of_before(case: Case, made: Inputs) -> None:
    for _ in range(2 if case["place"] == "disk" else 1):  # written, then read
        compare(
            result(passes(loader_of(case, made), case["kind"])), GOLDEN["batches"][case["name"]]
        )


@pytest.mark.parametrize("kind", ["train", "in order"])
@pytest.mark.parametrize("place", ["array", "array-each"])
def test_vectors_are_those_of_before(kind: Kind, place: str, made: Inputs) -> None:
    samples = ArraySamples(made.vectors, Numbers(made.numbers))
    preprocessing = VectorPreprocessing(3, batch_cases.VECTOR_MEAN, batch_cases.VECTOR_STD)
    pixels = choose_source(samples, preprocessing, keep=KEEP.get(place, "none"))
    loader = Loader(samples, preprocessing, NONE, pixels)
    compare(result(passes(loader, kind)), GOLDEN["batches"][f"vectors, {kind}: {place}"])


def test_every_case_was_compared() -> None:
    names = {case["name"] for case in batch_cases.cases()}
    vectors = {name for name in GOLDEN["batches"] if name.startswith("vectors")}
    assert names | vectors == GOLDEN["batches"].keys()


@pytest.mark.parametrize("plan", batch_cases.PLANS)
def test_orders_are_those_of_before(plan: tuple[int, int, int, int]) -> None:
    count, size, seed, epoch = plan
    golden = GOLDEN["orders"][f"{count} by {size}, seed {seed}, epoch {epoch}"]
    found = epoch_plan(count, size, seed, epoch)
    assert [len(part) for part in found] == golden["sizes"]
    digest = hashlib.sha256(np.concatenate(found).astype(np.int64).tobytes())
    assert digest.hexdigest() == golden["order"]


def test_files_of_the_cache_are_those_of_before(
    made: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for their names, which depend on more versions and limits now: pixels and layout."""
    if not same_machine():
        pytest.skip("what the files are called depends on torch, Pillow and the processor")
    libraries = ("libjpeg_turbo", "jpg", "webp", "libtiff")
    named_by = [
        FORMAT, PIL.__version__, *map(features.version, libraries), torch.__version__,
        torch.backends.cpu.get_cpu_capability(),
    ]  # fmt: skip
    monkeypatch.setattr("onestop.data.disk_cache._made_by", lambda: named_by)
    for case in batch_cases.cases():
        if case["place"] == "disk":
            loader_of(case, made)
    found = {
        path.name: (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in cache_folder().iterdir()
    }
    assert found == {
        file["name"]: (file["bytes"], file["sha256"]) for file in GOLDEN["cache_files"]
    }
