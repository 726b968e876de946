"""What a model remembers of its data, and what may be said of images to score it on."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onestop
from onestop.data import open_data
from onestop.errors import DataError
from onestop.inference.held_out import among, open_as_trained, record_in, same_data, trained_among
from onestop.storage.model_file import Card, read_card
from onestop.storage.run_folder import MODEL
from tests.conftest import make_photos

OPTIONS: dict[str, Any] = {
    "model": "lenet5_color", "image_size": 32, "epochs": 1, "val_fraction": 0.2, "threads": 1,
    "device": "cpu", "quiet": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    """Of a model of 40 photographs, of which 8 were held out."""
    folder = tmp_path_factory.mktemp("held")
    photos = make_photos(folder / "photos", {"red": 20, "blue": 20})
    run = onestop.train(photos, out=folder, **OPTIONS)
    return read_card(run.folder / MODEL)


def source_of(card: Card) -> Path:
    return Path(card.recipe["source"])


def test_a_model_remembers_its_images(card: Card) -> None:
    record = record_in(card)
    assert record is not None
    assert {name: len(split.keys) for name, split in record.splits.items()} == {
        "train": 32, "val": 8,
    }  # fmt: skip


def test_unchanged_data_need_no_words(card: Card) -> None:
    opened = open_as_trained(card)
    assert opened.notes("val") == []
    assert len(opened.split("val")) == 8
    assert same_data(card, open_data(source_of(card), val_fraction=0.2))


def test_a_card_of_an_earlier_version_splits_anew_and_says_so(card: Card) -> None:
    old = dataclasses.replace(card, data={k: card.data[k] for k in ("name", "fingerprint")})
    opened = open_as_trained(old)
    assert len(opened.split("val")) == 8
    assert opened.notes("val") == [
        "note: the model file does not remember which images were held out (an earlier version wrote "
        f"it), so {source_of(card)} is split anew by its settings"
    ]
    dataset = open_data(source_of(card), val_fraction=0.2)
    assert same_data(old, dataset)
    assert not same_data(old, open_data(source_of(card), val_fraction=0.3))
    assert trained_among(old, dataset.splits["train"], [0, 1]) == (0, "")


def test_images_that_were_trained_on_are_counted(card: Card) -> None:
    whole = open_data(source_of(card), val_fraction=0).splits["train"]
    count, line = trained_among(card, whole, list(range(40)))
    assert (count, line) == (32, "note: 32 of the 40 images scored were trained on")
    val = open_as_trained(card).split("val")
    assert trained_among(card, val, list(range(8))) == (0, "")


def test_all_held_out_images_gone_is_an_error_with_a_way_out(card: Card, tmp_path: Path) -> None:
    other = make_photos(tmp_path / "other", {"green/red": 2, "green/blue": 2}, ".png")
    recipe = {**card.recipe, "source": str(other / "green")}
    opened = open_as_trained(dataclasses.replace(card, recipe=recipe))
    with pytest.raises(DataError, match="8 images of split 'val' are gone or have changed since"):
        opened.split("val")


def test_data_that_moved_are_named_by_the_user(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", {"red": 10, "blue": 10})
    run = onestop.train(photos, out=tmp_path, **OPTIONS).folder
    moved = photos.rename(tmp_path / "moved")
    gone = "the data of .* are not there any more; name"
    with pytest.raises(DataError, match=f"^{photos}: {gone} images with --data"):
        onestop.evaluate(run)
    with pytest.raises(DataError, match=f"^{photos}: {gone} where they are now: .* --resume {run}"):
        onestop.train(run, epochs=2, quiet=True)
    before = onestop.Run(run).metrics["accuracy"]
    assert onestop.evaluate(run, data=moved, split="val").metrics["accuracy"] == before
    assert len(onestop.train(moved, resume=run, epochs=2, quiet=True).epochs) == 2


def test_other_data_are_scored_as_they_are_unless_a_split_is_asked_for(card: Card) -> None:
    whole = open_data(source_of(card), val_fraction=0)
    assert len(among(whole, card, None).dataset.splits["train"]) == 40
    assert len(among(whole, card, "train").dataset.splits["train"]) == 40
    assert len(among(whole, card, "val").split("val")) == 8


class Noisy:
    """A torch data set whose images are others each time."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)

    def __len__(self) -> int:
        return 20

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.rng.integers(0, 256, (28, 28, 1), dtype=np.uint8), index % 2


def test_what_is_recognised_by_number_only_is_said_so(tmp_path: Path) -> None:
    options = {**OPTIONS, "model": "lenet5"}
    run = onestop.train(Noisy(), out=tmp_path, **options)
    evaluation = onestop.evaluate(run.folder, data=Noisy())
    assert evaluation.trained_on == 16
    assert evaluation.notes == (
        "note: by their numbers, 16 of the 20 images scored were trained on, if these are the same "
        "data",
    )
    held_out = onestop.evaluate(run.folder, data=Noisy(), split="val")
    assert (held_out.metrics["images"], held_out.trained_on) == (4, 0)
