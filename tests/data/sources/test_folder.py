"""Folders as people keep them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onestop.data.dataset import Dataset, Skipped
from onestop.data.samples import FileSamples
from onestop.data.sources.folder import open_folder
from onestop.data.sources.walk import images_below
from onestop.errors import DataError

Photos = Callable[..., Path]


def counts(dataset: Dataset) -> dict[str, list[int]]:
    return {split: dataset.counts(split).tolist() for split in dataset.splits}


def paths(dataset: Dataset, split: str = "train") -> list[str]:
    samples = dataset.splits[split]
    assert isinstance(samples, FileSamples)
    return [Path(path).as_posix() for path in samples.paths]


def link(at: Path, to: str) -> None:
    try:
        at.symlink_to(to, target_is_directory=True)
    except OSError:
        pytest.skip("the system lets this user make no symbolic links")


# --- forms ---


def test_a_flat_folder_is_one_split_with_its_classes_sorted(photos: Photos) -> None:
    dataset = open_folder(photos({"wasp": 3, "ant": 2, "bee": 1}))
    assert dataset.classes == ("ant", "bee", "wasp")
    assert counts(dataset) == {"train": [2, 1, 3]}
    assert paths(dataset)[:2] == ["ant/000.jpg", "ant/001.jpg"]
    assert [dataset.targets.words(i) for i in range(6)] == [
        ("ant",), ("ant",), ("bee",), ("wasp",), ("wasp",), ("wasp",),
    ]  # fmt: skip
    assert (dataset.skipped, dataset.notes) == ((), ())


def test_a_sample_is_the_file_of_its_name(photos: Photos) -> None:
    root = photos({"red": 2, "blue": 2})
    samples = open_folder(root).splits["train"]
    for index in range(len(samples)):
        with Image.open(root / samples.name(index)) as image:
            np.testing.assert_array_equal(samples.read(index, 3), np.asarray(image))


@pytest.mark.parametrize("train", ["train", "training", "Train"])
@pytest.mark.parametrize("val", ["val", "valid", "validation", "VAL"])
@pytest.mark.parametrize("test", ["test", "testing"])
def test_splits_go_by_several_names(photos: Photos, train: str, val: str, test: str) -> None:
    where = {f"{train}/a": 3, f"{train}/b": 2, f"{val}/a": 1, f"{val}/b": 2, f"{test}/b": 1}
    dataset = open_folder(photos(where))
    assert list(dataset.splits) == ["train", "val", "test"]
    assert counts(dataset) == {"train": [3, 2], "val": [1, 2], "test": [0, 1]}
    assert paths(dataset, "test") == [f"{test}/b/000.jpg"]


def test_images_may_lie_deeper_in_a_class(photos: Photos) -> None:
    dataset = open_folder(photos({"a/2019/may": 2, "a/2020": 1, "a": 1, "b": 1}))
    assert paths(dataset) == [
        "a/000.jpg", "a/2019/may/000.jpg", "a/2019/may/001.jpg", "a/2020/000.jpg", "b/000.jpg",
    ]  # fmt: skip
    assert dataset.classes == ("a", "b")


def test_every_suffix_of_an_image_counts_in_any_case(photos: Photos) -> None:
    root = photos({"a": 1, "b": 1})
    names = ["1.JPG", "2.jpeg", "3.PNG", "4.webp", "5.bmp", "6.tif", "7.TIFF", "8.pgm"]
    for name in names:
        (root / "a" / name).touch()
    assert paths(open_folder(root))[1:-1] == [f"a/{name}" for name in names]


@pytest.mark.parametrize(
    "name", ["two words", "it's", 'a "quoted" one', "bienen 🐝", "-dash", "a,b", "ünï", "%s{0}"]
)
def test_names_may_be_odd(photos: Photos, name: str) -> None:
    if sys.platform == "win32" and '"' in name:
        pytest.skip("the system allows no such name")
    root = photos({name: 1, "plain": 1}, root=f"my {name}")
    (root / name / "000.jpg").rename(root / name / f"{name}.jpg")
    dataset = open_folder(root)
    assert dataset.classes == tuple(sorted((name, "plain")))
    assert f"{name}/{name}.jpg" in paths(dataset)
    assert dataset.splits["train"].read(0, 3).shape[2] == 3


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have names of text only")
def test_a_name_that_is_no_text_is_read_and_told_apart(photos: Photos) -> None:
    root = photos({"a": 1, "b": 1})
    (root / "a" / "000.jpg").rename(root / "a" / os.fsdecode(b"\xff.jpg"))
    dataset = open_folder(root)
    assert dataset.splits["train"].read(0, 3).shape[2] == 3
    assert len(dataset.fingerprint()) == 64


# --- what else lies about ---


def test_hidden_files_and_litter_are_passed_over_in_silence(photos: Photos) -> None:
    root = photos({"a": 1, "b": 1})
    for folder in (".ipynb_checkpoints", "__MACOSX", ".git", "a/.ipynb_checkpoints", "a/__MACOSX"):
        (root / folder).mkdir()
        (root / folder / "copy.jpg").touch()
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._000.jpg"):
        (root / name).touch()
        (root / "a" / name).touch()
    dataset = open_folder(root)
    assert dataset.classes == ("a", "b")
    assert paths(dataset) == ["a/000.jpg", "b/000.jpg"]
    assert (dataset.skipped, dataset.notes) == ((), ())


def test_other_files_are_named_with_a_reason(photos: Photos) -> None:
    root = photos({"a": 1, "b": 1})
    for name in ("drawing.svg", "moving.gif", "phone.HEIC", "notes.txt", "README"):
        (root / "a" / name).touch()
    dataset = open_folder(root)
    assert dataset.skipped == (
        Skipped(str(Path("a/README")), "not an image"),
        Skipped(str(Path("a/drawing.svg")), ".svg is not supported; convert it to PNG or JPEG"),
        Skipped(str(Path("a/notes.txt")), ".txt is not an image"),
    )
    # What has the name of an image is opened when it is wanted, and named then.
    assert paths(dataset) == ["a/000.jpg", "a/moving.gif", "a/phone.HEIC", "b/000.jpg"]


def test_a_gif_is_read_where_it_moves_or_where_all_are_gifs(photos: Photos) -> None:
    root = photos({"a": 1, "b": 1})
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    (root / "c").mkdir()
    for place in ("a", "c"):
        frames[0].save(root / place / "still.gif")
        frames[0].save(root / place / "moving.gif", save_all=True, append_images=frames[1:])
    dataset = open_folder(root)
    assert paths(dataset) == [
        "a/000.jpg", "a/moving.gif", "b/000.jpg", "c/moving.gif", "c/still.gif",
    ]  # fmt: skip
    reason = "a still GIF among photographs; convert it to PNG to use it"
    assert dataset.skipped == (Skipped(str(Path("a/still.gif")), reason),)


def test_loose_images_and_other_folders_are_named(photos: Photos) -> None:
    root = photos({"train/a": 1, "train/b": 1, "train": 1, "extra": 1})
    dataset = open_folder(root)
    reason = "not in a class folder, so it has no class"
    assert dataset.skipped == (Skipped(str(Path("train/000.jpg")), reason),)
    assert dataset.notes == ("'extra' next to the split folders: ignored",)


def test_links_that_leave_the_folder_are_followed_and_named(photos: Photos) -> None:
    root = photos({"a": 1, "b": 1})
    elsewhere = photos({"c": 2}, "elsewhere")
    link(root / "a" / "out.jpg", str(elsewhere / "c" / "000.jpg"))
    link(root / "b" / "in.jpg", "000.jpg")
    link(root / "c", str(elsewhere / "c"))
    dataset = open_folder(root)
    assert paths(dataset) == [
        "a/000.jpg", "a/out.jpg", "b/000.jpg", "b/in.jpg", "c/000.jpg", "c/001.jpg",
    ]  # fmt: skip
    assert dataset.notes == (
        f"2 links point outside {root} and are followed: {Path('a/out.jpg')}, c",
    )


def test_classes_that_look_alike_are_named(photos: Photos) -> None:
    root = photos({"Cat": 1, "cat": 1, "cafe\u0301": 1, "caf\u00e9": 1})
    dataset = open_folder(root)
    assert dataset.notes == (
        "classes cafe\u0301, caf\u00e9 differ only in encoding: read as one",
        "classes Cat, cat differ only in case",
    )
    assert dataset.classes == ("Cat", "caf\u00e9", "cat")
    assert counts(dataset) == {"train": [1, 2, 1]}


def test_a_link_in_a_circle_is_visited_once(photos: Photos) -> None:
    root = photos({"a/deep": 2, "a": 1, "b": 1})
    link(root / "a" / "again", ".")
    link(root / "a" / "deep" / "up", "..")
    assert paths(open_folder(root)) == [
        "a/000.jpg", "a/deep/000.jpg", "a/deep/001.jpg", "b/000.jpg",
    ]  # fmt: skip


@pytest.mark.parametrize("split", ["", "train/"])
def test_a_link_that_leads_up_brings_in_no_other_class(photos: Photos, split: str) -> None:
    root = photos({f"{split}a": 2, f"{split}b": 3})
    link(root / split / "a" / "up", "..")
    link(root / split / "a" / "top", str(root))
    assert counts(open_folder(root)) == {"train": [2, 3]}


def test_a_class_and_what_is_in_it_may_be_links_to_elsewhere(photos: Photos) -> None:
    root, elsewhere = photos({"a": 1, "b": 1}), photos({"x": 3}, root="elsewhere")
    link(root / "c", str(elsewhere / "x"))
    link(root / "b" / "more", str(elsewhere))
    assert counts(open_folder(root)) == {"train": [1, 4, 3]}


def test_a_link_to_nothing_is_an_image_that_cannot_be_read(photos: Photos) -> None:
    root = photos({"a": 1, "b": 1})
    link(root / "a" / "gone.jpg", "nowhere.jpg")
    assert "a/gone.jpg" in paths(open_folder(root))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_folder_without_access_is_skipped_by_name(photos: Photos) -> None:
    root = photos({"a": 1, "a/closed": 1, "b": 1})
    (root / "a" / "closed").chmod(0)
    try:
        dataset = open_folder(root)
    finally:
        (root / "a" / "closed").chmod(0o700)
    assert dataset.skipped == (Skipped(str(Path("a/closed")), "Permission denied"),)


# --- classes and splits that do not go together ---


def test_a_class_missing_from_validation_is_noted(photos: Photos) -> None:
    dataset = open_folder(photos({"train/a": 1, "train/b": 1, "train/c": 1, "val/b": 1}))
    assert counts(dataset) == {"train": [1, 1, 1], "val": [0, 1, 0]}
    assert dataset.notes == ("split 'val' has no images of a, c",)


def test_a_class_unknown_to_training_is_refused(photos: Photos) -> None:
    root = photos({"train/a": 1, "train/b": 1, "val/a": 1, "val/bee": 1, "val/cat": 1})
    with pytest.raises(DataError, match="split 'val' has 2 classes that 'train' lacks: bee, cat"):
        open_folder(root)


def test_an_empty_class_folder_is_noted_and_is_no_class(photos: Photos) -> None:
    root = photos({"a": 1, "b": 1, "c": 0})
    dataset = open_folder(root)
    assert dataset.classes == ("a", "b")
    assert dataset.notes == ("c contains no images",)


def test_an_empty_class_folder_of_a_split_is_noted_with_it(photos: Photos) -> None:
    dataset = open_folder(photos({"train/a": 1, "train/b": 1, "val/a": 1, "val/b": 0}))
    assert dataset.notes == (
        f"{Path('val/b')} contains no images",
        "split 'val' has no images of b",
    )


def test_a_split_folder_without_images_is_no_split(photos: Photos) -> None:
    dataset = open_folder(photos({"train/a": 1, "train/b": 1, "val": 0}))
    assert list(dataset.splits) == ["train"]
    assert dataset.notes == ("split folder 'val' contains no images",)


def test_one_class_cannot_be_trained_on(photos: Photos) -> None:
    root = photos({"a": 2})
    with pytest.raises(DataError, match="only the class 'a'"):
        open_folder(root)
    assert open_folder(root, for_training=False).classes == ("a",)


def test_the_same_split_twice_is_refused(photos: Photos) -> None:
    root = photos({"train/a": 1, "train/b": 1, "val/a": 1, "validation/a": 1})
    with pytest.raises(DataError, match="'val' and 'validation' both look like the split 'val'"):
        open_folder(root)


def test_validation_without_training_is_refused(photos: Photos) -> None:
    root = photos({"val/a": 1, "val/b": 1})
    with pytest.raises(DataError, match="has 'val' but no folder 'train'"):
        open_folder(root)
    assert counts(open_folder(root, for_training=False)) == {"val": [1, 1]}


def test_an_empty_folder_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no images found; expected .*<class>"):
        open_folder(tmp_path)


@pytest.mark.parametrize("split", ["", "train"])
def test_loose_images_are_told_where_to_go(photos: Photos, split: str) -> None:
    root = photos({split: 3}) if split else photos({".": 3})
    with pytest.raises(
        DataError, match=r"its 3 images are not in class folders .*one folder per class"
    ):
        open_folder(root)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(DataError, match="name a folder of images"):
        open_folder(tmp_path / "a")


# --- what lies on all levels; the meaning of names is in test_layout.py ---


def test_splits_in_any_spelling_and_wrappers_are_read(photos: Photos) -> None:
    where = {f"{top}/{top}/{name}": 3 for top in ("seg_train", "seg_test") for name in "ab"}
    dataset = open_folder(photos({**where, "seg_pred/seg_pred": 2}))
    assert counts(dataset) == {"train": [3, 3], "test": [3, 3]}
    assert dataset.classes == ("a", "b")
    assert paths(dataset, "test")[0] == "seg_test/seg_test/a/000.jpg"
    assert dataset.notes == (
        "'seg_pred' next to the split folders: ignored",
        "folders are read as splits: 'seg_train' as train, 'seg_test' as test",
        f"read from {str(Path('seg_train/seg_train'))!r}, the only folder there",
        f"read from {str(Path('seg_test/seg_test'))!r}, the only folder there",
    )


def test_splits_below_classes_are_read(photos: Photos) -> None:
    dataset = open_folder(photos({"cats/train": 3, "cats/val": 1, "dogs/train": 2, "dogs/val": 1}))
    assert (dataset.classes, counts(dataset)) == (
        ("cats", "dogs"),
        {"train": [3, 2], "val": [1, 1]},
    )
    assert paths(dataset, "val") == ["cats/val/000.jpg", "dogs/val/000.jpg"]


def test_folders_that_may_mean_several_things_are_refused_for_every_use(photos: Photos) -> None:
    root = photos({f"{top}/{name}": 1 for top in ("lot1", "lot2") for name in "ab"})
    for for_training in (True, False):
        with pytest.raises(DataError, match="lot1, lot2 each hold the folders a, b"):
            open_folder(root, for_training=for_training)


def test_loose_test_images_are_named_and_not_used(photos: Photos) -> None:
    dataset = open_folder(photos({"train/a": 2, "train/b": 2, "test": 4}))
    assert counts(dataset) == {"train": [2, 2]}
    assert dataset.notes == ("4 images lie loose in 'test', not used; predict takes them",)


def test_images_without_a_suffix_are_images(photos: Photos) -> None:
    root = photos({"a": 2, "b": 2, "c": 1})
    for number in (0, 1):
        (root / "b" / f"00{number}.jpg").rename(root / "b" / f"img0{number}")
    dataset = open_folder(root)
    assert (counts(dataset), dataset.notes) == ({"train": [2, 2, 1]}, ())
    assert dataset.splits["train"].read(2, 3).shape[2] == 3


def test_classes_of_splits_are_matched_in_any_encoding(photos: Photos) -> None:
    root = photos({"train/caf\u00e9": 2, "train/b": 2, "val/cafe\u0301": 1, "val/b": 1})
    dataset = open_folder(root)
    assert (dataset.classes, counts(dataset)) == (
        ("b", "caf\u00e9"),
        {"train": [2, 2], "val": [1, 1]},
    )
    assert dataset.notes == ("classes cafe\u0301, caf\u00e9 differ only in encoding: read as one",)


def test_masks_are_no_images_of_their_class(photos: Photos) -> None:
    root = photos({f"{name}/{inner}": 2 for name in "ab" for inner in ("images", "masks")})
    dataset = open_folder(root)
    assert counts(dataset) == {"train": [2, 2]}
    assert paths(dataset)[0] == "a/images/000.jpg"


def test_a_class_folder_called_like_a_missing_value_is_a_class(photos: Photos) -> None:
    assert open_folder(photos({"None": 1, "NA": 1, "nan": 1})).classes == ("NA", "None", "nan")


def test_images_beside_a_table_are_told_of_it(photos: Photos) -> None:
    root = photos({".": 2})
    (root / "labels.csv").touch()
    with pytest.raises(DataError, match=r"or name the table: .*labels\.csv"):
        open_folder(root)


# --- other tasks ---


def test_names_of_folders_may_be_numbers_to_predict(photos: Photos) -> None:
    dataset = open_folder(photos({"12": 2, "1.5": 1}), task="regression")
    assert dataset.task == "regression"
    assert dataset.targets.values.tolist() == [1.5, 12, 12]
    with pytest.raises(DataError, match="label 'cat' is not a number"):
        open_folder(photos({"cat": 1, "12": 1}, "others"), task="regression")


def test_many_folders_of_numbers_with_an_image_each_are_suspected(photos: Photos) -> None:
    root = photos({str(number): 1 for number in range(12)})
    with pytest.raises(
        DataError, match="12 different labels for 12 images; if they are numbers to be"
    ):
        open_folder(root)
    assert len(open_folder(root, task="classification").classes) == 12


# --- images alone, and real ones ---


def test_images_below_a_folder_need_no_classes(photos: Photos) -> None:
    root = photos({".": 1, "deep/er": 2})
    (root / "notes.txt").touch()
    found, skipped = images_below(root)
    assert found == [root / "000.jpg", root / "deep/er/000.jpg", root / "deep/er/001.jpg"]
    assert skipped == [Skipped("notes.txt", ".txt is not an image")]


def test_images_below_the_current_folder(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos({"deep": 1}))
    assert images_below(Path())[0] == [Path("deep/000.jpg")]


def test_hymenoptera_is_read_whole(real_data: Path) -> None:
    dataset = open_folder(real_data / "hymenoptera")
    assert dataset.classes == ("ants", "bees")
    assert counts(dataset) == {"train": [123, 121], "val": [70, 83]}
    assert [Path(item.path).name for item in dataset.skipped] == ["imageNotFound.gif"]
