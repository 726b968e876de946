"""Held-out images, fingerprints and previews are those of an earlier version.

`tests/fixtures/splits.json` was made with the code of commit `b71f672`. If any of it changed, metrics
of earlier runs would mean something else, and stopped runs could not go on. `held_out` is a bit per
image, as `numpy.packbits` packs them, in hexadecimal; or the reason why nothing could be held out.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from onestop.data import open_data
from onestop.data.dataset import Dataset
from onestop.data.preview import preview
from onestop.data.samples import ArraySamples, FileSamples
from onestop.data.splits import hold_out
from onestop.data.targets import Classes, Numbers, Targets
from onestop.errors import DataError

GOLDEN = json.loads((Path(__file__).parent.parent / "fixtures" / "splits.json").read_text())
FLOATS = np.linspace(0, 1, 12, dtype=np.float32)
SMALL = np.arange(40, dtype=np.uint8).reshape(10, 2, 2)


def drawn(seed: int, count: int, top: int) -> NDArray[np.int64]:
    # The one generator of numpy whose numbers are the same in all of its versions.
    return np.random.RandomState(seed).randint(0, top, count).astype(np.int64)


def made(case: dict[str, Any]) -> Dataset:
    count, classes = case["images"], case["classes"]
    targets: Targets = Numbers((drawn(case["labels"], count, 1000) / 8).astype(np.float32))
    if classes:
        numbers = drawn(case["labels"], count, classes) ** 2 // max(1, classes - 1)
        targets = Classes(numbers, [f"class {number}" for number in range(classes)])
    groups = {"train": drawn(case["groups"], count, count // 4)} if case["groups"] else {}
    samples = ArraySamples(np.zeros((count, 2, 2, 1), np.uint8), targets)
    return Dataset("set", {"train": samples}, groups=groups)


@pytest.mark.parametrize(
    "case", GOLDEN["held_out"], ids=lambda case: " ".join(map(str, case.values()))[:40]
)
def test_the_same_images_are_held_out(case: dict[str, Any]) -> None:
    def cut_it() -> Dataset:
        return hold_out(made(case), case["name"], case["fraction"], case["seed"])

    if case["held_out"].startswith("refused: "):
        with pytest.raises(DataError) as caught:
            cut_it()
        assert case["held_out"] == f"refused: {caught.value}"
        return
    cut = cut_it()
    samples = cut.splits[case["name"]]
    bits = np.zeros(case["images"], np.uint8)
    bits[[int(samples.name(index)[1:]) for index in range(len(samples))]] = 1
    assert np.packbits(bits).tobytes().hex() == case["held_out"]
    assert cut.fingerprint() == case["fingerprint"]


def files(root: Path) -> Dataset:
    paths = ["ant/b.png", "ant/a.png", "zebra/c.jpg", "Ähre/d.png"]
    for place, path in enumerate(paths):
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_bytes(b"x" * (100 + 7 * place))
    targets = Classes(np.array([0, 0, 1, 2, 1]), ("ant", "zebra", "Ähre"))
    samples = FileSamples(root, [*paths, "missing.png"], targets)
    return Dataset("x", {"train": samples, "val": samples.take(np.array([4, 0]))})


def test_fingerprints_are_those_of_before(tmp_path: Path) -> None:
    opened = {
        "files": files(tmp_path),
        "vectors": open_data((np.arange(24, dtype=np.float32).reshape(12, 2), FLOATS)),
        "digits": open_data("digits"),
        "digits, seed 3, half": open_data("digits", seed=3, val_fraction=0.5),
        "names": open_data((SMALL, list("abcabcabca"))),
        "numbers": open_data((SMALL, [7, 30, 7, 30, 7, 30, 7, 7, 30, 30])),
    }
    prints = {name: dataset.fingerprint() for name, dataset in opened.items()}
    assert prints == GOLDEN["fingerprints"]


def test_previews_are_those_of_before() -> None:
    images = np.arange(80, dtype=np.uint8).reshape(20, 2, 2)
    sources = {
        "digits": ("digits", 25),
        "numbers": ((images, np.linspace(-1, 3, 20, dtype=np.float32)), 9),
    }
    for name, (source, most) in sources.items():
        found = [
            f"{title} {hashlib.sha256(image.tobytes()).hexdigest()[:8]}"
            for image, title in preview(open_data(source), most)
            if image is not None
        ]
        assert found == GOLDEN["previews"][name]
