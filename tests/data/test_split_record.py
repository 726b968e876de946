"""What a model file remembers of its data: small, whole, and read with care."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from onestop.data import open_data, split_record
from onestop.data.contents import contents_of
from onestop.data.split_record import read_record, record_of

DATASET = open_data(
    (np.arange(20 * 4, dtype=np.uint8).reshape(20, 2, 2, 1), list("abcde") * 4), val_fraction=0.25
)
CONTENTS = contents_of(DATASET)


def test_what_is_written_is_read_back() -> None:
    record = record_of(DATASET, CONTENTS)
    assert record is not None
    again = read_record(json.loads(json.dumps(record.to_json())))
    assert again is not None
    assert list(again.splits) == ["train", "val"]
    for split, keys in CONTENTS.keys.items():
        np.testing.assert_array_equal(again.splits[split].keys, keys)
    assert len(again.splits["val"].names) == len(again.splits["val"].targets) == 5
    assert len(again.splits["train"].names) == 0
    assert again.recognisable


def test_samples_that_were_trained_on_are_counted() -> None:
    record = record_of(DATASET, CONTENTS)
    assert record is not None
    assert record.count_trained_on(CONTENTS.keys["val"]) == 0
    assert record.count_trained_on(CONTENTS.keys["train"][:7]) == 7
    assert record.count_trained_on(np.array([0, 1], np.uint64)) == 0, "they have no content"


def test_it_takes_eight_bytes_a_training_sample_and_sixteen_a_held_out_one() -> None:
    count = 8000
    images = np.random.default_rng(0).integers(0, 256, (count, 4, 4, 1), dtype=np.uint8)
    dataset = open_data((images, np.arange(count) % 2), val_fraction=0.25)
    record = record_of(dataset, contents_of(dataset))
    assert record is not None
    text = json.dumps(record.to_json())
    assert len(text) < 4 / 3 * (6000 * 8 + 2000 * 16) + 300


def test_too_many_samples_are_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split_record, "MOST", 19)
    assert record_of(DATASET, CONTENTS) is None


def _changed(**parts: str) -> dict[str, Any]:
    record = record_of(DATASET, CONTENTS)
    assert record is not None
    values = record.to_json()
    values["splits"]["val"] |= parts
    return values


@pytest.mark.parametrize(
    "values",
    [
        None, 7, [], {}, {"splits": 3, "by": "content"}, {"splits": {"val": "x"}, "by": "content"},
        {"splits": {"val": {"keys": 5}}, "by": "content"}, {"splits": {}},
        {"splits": {}, "by": "content"},
        _changed(keys="AAAA"), _changed(keys="no base 64!"), _changed(names=""),
    ],
    ids=lambda values: str(values)[:30],
)  # fmt: skip
def test_a_damaged_record_is_none(values: Any) -> None:
    assert read_record(values) is None
