"""Samples of several splits behind the face of one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from onestop.data.contents import keys_of
from onestop.data.joined import JoinedSamples, taken
from onestop.data.multihot import Multihot
from onestop.data.samples import ArraySamples, FileSamples
from onestop.data.targets import Classes, Numbers

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)
NAMES = ("a", "b", "c")


def parts(folder: Path) -> list[FileSamples]:
    """Five images in splits of three and two; the third is damaged in part."""
    for number, pixels in enumerate(PIXELS):
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return [
        FileSamples(folder, ["0.png", "1.png", "2.png"], Classes(np.array([0, 1, 2]), NAMES)),
        FileSamples(folder, ["3.png", "4.png"], Classes(np.array([1, 0]), NAMES)),
    ]


def test_joined_samples_are_read_measured_and_named_as_before(tmp_path: Path) -> None:
    joined = JoinedSamples(parts(tmp_path))
    assert len(joined) == 5
    assert joined.targets.values.tolist() == [0, 1, 2, 1, 0]
    for index in range(5):
        np.testing.assert_array_equal(joined.read(index, 3), PIXELS[index])
        assert joined.measure(index) == (6, 7, 3)
        assert joined.name(index) == f"{index}.png"
        assert joined.content(index) == (tmp_path / f"{index}.png").read_bytes()
        assert joined.size(index) == (tmp_path / f"{index}.png").stat().st_size
    apart = np.concatenate([keys_of(part) for part in parts(tmp_path)])
    np.testing.assert_array_equal(keys_of(joined), apart)
    assert joined.digest(4) == joined.identify(4)


def test_remarks_are_numbered_through(tmp_path: Path) -> None:
    first, second = parts(tmp_path)
    first.remarks[2], second.remarks[0] = "one", "two"
    assert JoinedSamples([first, second]).remarks == {2: "one", 3: "two"}


def test_samples_of_one_split_are_taken_from_it_and_others_joined(tmp_path: Path) -> None:
    both = parts(tmp_path)
    one = taken(both, np.array([3]))
    assert isinstance(one, FileSamples)
    assert (one.name(0), one.targets.words(0)) == ("3.png", ("b",))
    two = taken(both, np.array([1, 4]))
    assert [two.name(i) for i in range(2)] == ["1.png", "4.png"]
    assert two.take(np.array([1])).name(0) == "4.png"
    assert len(taken(both, np.array([], np.int64))) == 0
    assert taken(both, np.arange(3)) is both[0]


def test_targets_of_each_kind_are_joined() -> None:
    for targets, of in (
        (Classes(np.array([0, 1, 2]), NAMES), ("c",)),
        (Numbers(np.array([0.5, 1, 2])), ("2",)),
        (Multihot(np.eye(3), NAMES), ("c",)),
    ):
        samples = ArraySamples(PIXELS[:3], targets)
        joined = JoinedSamples([samples.take(np.array([0])), samples.take(np.array([1, 2]))])
        assert type(joined.targets) is type(targets)
        assert joined.targets.words(2) == of
        assert joined.targets.names == targets.names
