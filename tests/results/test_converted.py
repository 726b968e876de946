from __future__ import annotations

from pathlib import Path

from onestop.results.converted import Converted


def test_it_tells_what_was_written() -> None:
    done = Converted(Path("out"), "coco", {"train": 2000}, {"train": 3}, ("a note",))
    assert done.text == "train 2,000 images, 3 objects"
    assert done.to_json() == {
        "folder": "out", "format": "coco", "images": {"train": 2000}, "objects": {"train": 3},
        "notes": ["a note"],
    }  # fmt: skip
    assert "out: train" in done._repr_html_()
