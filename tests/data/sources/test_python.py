"""Arrays and torch data sets, as people have them in a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import DataLoader, Subset, TensorDataset, random_split
from torchvision import datasets

from onestop.data.dataset import Dataset
from onestop.data.samples import ArraySamples
from onestop.data.sources.python import open_python
from onestop.data.torch_samples import TorchSamples
from onestop.errors import DataError, UsageError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 9, 8, 3), dtype=np.uint8)
LABELS = [1, 0, 1, 0, 1, 0]
ONES = TensorDataset(torch.ones(6, 3, 8, 8), torch.tensor(LABELS))


class Pairs:
    """A torch data set of (image, target) with whatever else it is told to have."""

    def __init__(self, images: Any = IMAGES, targets: Any = LABELS, /, **attributes: Any) -> None:
        self.pairs = list(zip(images, targets, strict=True))
        vars(self).update(attributes)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.pairs[index]


def pixels(dataset: Dataset, split: str = "train") -> NDArray[Any]:
    samples = dataset.splits[split]
    return np.stack([samples.read(index, 3) for index in range(len(samples))])


def targets(dataset: Dataset, split: str = "train") -> list[Any]:
    column = dataset.splits[split].targets
    found: list[Any] = column.batch(np.arange(len(column))).tolist()
    return found


# --- arrays ---


@pytest.mark.parametrize(
    "images",
    [
        IMAGES,
        list(IMAGES),
        IMAGES.tolist(),
        IMAGES.transpose(0, 3, 1, 2),
        IMAGES / 255,
        torch.from_numpy(IMAGES),
        torch.from_numpy(IMAGES).permute(0, 3, 1, 2) / 255,
        [torch.from_numpy(image).permute(2, 0, 1) for image in IMAGES],
        [Image.fromarray(image) for image in IMAGES],
    ],
    ids=[
        "numpy",
        "list",
        "numbers",
        "nchw",
        "fractions",
        "torch",
        "torch nchw",
        "tensors",
        "pillow",
    ],
)
def test_images_in_every_form(images: Any) -> None:
    for given in ((images, LABELS), [images, np.array(LABELS)], {"train": (images, LABELS)}):
        dataset = open_python(given)
        np.testing.assert_array_equal(pixels(dataset), IMAGES)
        assert targets(dataset) == LABELS
        assert dataset.is_image


def test_grey_images_need_no_channel() -> None:
    dataset = open_python((IMAGES[..., 0], LABELS))
    assert dataset.splits["train"].measure(0) == (9, 8, 1)


@pytest.mark.parametrize(
    "inputs", [np.arange(6.0), np.arange(6), np.ones((6, 4)), torch.ones(6, 1)]
)
def test_vectors(inputs: Any) -> None:
    dataset = open_python((inputs, LABELS))
    samples = dataset.splits["train"]
    assert isinstance(samples, ArraySamples)
    assert not dataset.is_image
    assert samples.values.dtype == np.float32
    np.testing.assert_array_equal(samples.values, np.asarray(inputs).reshape(6, -1))


def test_several_splits() -> None:
    dataset = open_python({"val": (IMAGES[:2], [0, 1]), "train": (IMAGES, LABELS)})
    assert targets(dataset, "val") == [0, 1]
    np.testing.assert_array_equal(pixels(dataset, "val"), IMAGES[:2])


# --- torch data sets ---


@pytest.mark.parametrize(
    "images",
    [
        IMAGES,
        [Image.fromarray(image) for image in IMAGES],
        list(torch.from_numpy(IMAGES).permute(0, 3, 1, 2)),
        list(torch.from_numpy(IMAGES).permute(0, 3, 1, 2) / 255),
    ],
    ids=["arrays", "pillow", "tensors", "fractions"],
)
@pytest.mark.parametrize(
    "attributes",
    [{}, {"targets": LABELS}, {"classes": ["ant", "bee"]}, {"targets": LABELS, "classes": ("a", "b")},
     {"labels": torch.tensor(LABELS)}, {"samples": [("path", label) for label in LABELS]}],
    ids=["plain", "targets", "classes", "both", "labels", "samples"],
)  # fmt: skip
def test_torch_sets_in_every_form(images: Any, attributes: dict[str, Any]) -> None:
    dataset = open_python(Pairs(images, **attributes))
    np.testing.assert_array_equal(pixels(dataset), IMAGES)
    assert targets(dataset) == LABELS
    assert dataset.classes == tuple(attributes.get("classes", ("0", "1")))


def test_sets_of_torch_itself() -> None:
    whole = TensorDataset(torch.from_numpy(IMAGES).permute(0, 3, 1, 2), torch.tensor(LABELS))
    np.testing.assert_array_equal(pixels(open_python(whole)), IMAGES)
    part = open_python({"train": Subset(whole, [5, 0, 3]), "val": Subset(whole, [1, 2])})
    np.testing.assert_array_equal(pixels(part), IMAGES[[5, 0, 3]])
    assert (targets(part), targets(part, "val")) == ([0, 1, 0], [0, 1])


def test_a_list_of_pairs_is_a_data_set() -> None:
    dataset = open_python(list(zip(IMAGES, ["b", "a"] * 3, strict=True)))
    assert (dataset.classes, targets(dataset)) == (("a", "b"), [1, 0] * 3)


def image_root(root: Path, classes: str) -> Any:
    for number, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        Image.fromarray(IMAGES[number]).save(root / name / "0.png")
    return datasets.ImageFolder(root)


def test_an_image_folder_keeps_its_class_names(tmp_path: Path) -> None:
    dataset = open_python(image_root(tmp_path, "xyz"))
    assert dataset.classes == ("x", "y", "z")
    np.testing.assert_array_equal(pixels(dataset), IMAGES[:3])


def test_sets_that_number_their_classes_differently_are_brought_together(tmp_path: Path) -> None:
    train, val = image_root(tmp_path / "train", "abc"), image_root(tmp_path / "val", "bc")
    assert val.targets == [0, 1]
    assert targets(open_python({"train": train, "val": val}), "val") == [1, 2]


def test_a_set_with_a_class_that_training_lacks_is_refused(tmp_path: Path) -> None:
    train, val = image_root(tmp_path / "train", "ab"), image_root(tmp_path / "val", "bc")
    with pytest.raises(DataError, match="split 'val' has a class that 'train' lacks: c;"):
        open_python({"train": train, "val": val})


def test_a_split_without_names_of_its_own_goes_by_those_of_training() -> None:
    train, val = Pairs(classes=["ant", "bee"]), Pairs(IMAGES[:2], [1, 1])
    dataset = open_python({"train": train, "val": val})
    assert (dataset.classes, targets(dataset, "val")) == (("ant", "bee"), [1, 1])


def test_a_number_without_a_name_is_refused() -> None:
    with pytest.raises(DataError, match=r"target 2 is the number of none of its 2 classes, 0 to 1"):
        open_python(Pairs(IMAGES, [0, 1, 2, 0, 1, 2], classes=["ant", "bee"]))
    with pytest.raises(DataError, match="target -1 is"):
        open_python(Pairs(IMAGES, [0, 1, -1, 0, 1, 1], classes=["ant", "bee"]))


def test_lists_that_are_no_targets_are_not_taken_for_them() -> None:
    names = ["ant", "bee"]  # `labels` often holds the names of the classes
    files = [f"{number}.png" for number in range(6)]  # `samples` often holds the files
    dataset = open_python(Pairs(labels=names, samples=files, targets=len))
    assert (dataset.classes, targets(dataset)) == (("0", "1"), LABELS)


class Changed(Pairs):
    """What comes out is not what lies in `data` and `targets`."""

    target_transform = staticmethod(lambda target: 1 - target)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image, target = self.pairs[index]
        return 255 - image, self.target_transform(target)


def test_pixels_and_targets_are_those_that_the_set_gives() -> None:
    dataset = open_python(Changed(data=IMAGES, targets=LABELS, classes=["ant", "bee"]))
    np.testing.assert_array_equal(pixels(dataset), 255 - IMAGES)
    assert targets(dataset) == [1 - label for label in LABELS]


@pytest.mark.parametrize("changed", [False, True])
def test_torchvisions_own_pixels_are_used_directly_unless_changed(
    changed: bool, tmp_path: Path
) -> None:
    transform = (lambda image: image.rotate(180)) if changed else None
    fake = datasets.FakeData(6, (3, 9, 8), 2, transform)
    fake.data, fake.targets = IMAGES, LABELS
    samples = open_python(fake).splits["train"]
    assert isinstance(samples, TorchSamples if changed else ArraySamples)


# --- mistakes ---


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "source of type NoneType: give"),
        (7, "source of type int"),
        ((n for n in LABELS), "source of type generator"),
        ({"train": (IMAGES, LABELS), "held": (IMAGES, LABELS)}, "splits held: splits are called"),
        (
            {"train": (IMAGES, LABELS), "val": (IMAGES, LABELS), "valid": (IMAGES, LABELS)},
            "splits train, val, valid: two of them mean the same split",
        ),
        ({"val": (IMAGES, LABELS)}, "splits val: a split 'train' is needed"),
        ({"train": (IMAGES, LABELS), "val": Pairs()}, "source of type tuple, Pairs"),
        ((IMAGES, LABELS[:4]), "split 'train': 6 inputs and 4 targets"),
        ({"train": (IMAGES, LABELS), "val": (IMAGES, [0])}, "split 'val': 6 inputs and 1 targets"),
        (([], []), "split 'train': holds no inputs"),
        ((np.zeros((0, 8, 8), np.uint8), []), "split 'train': holds no inputs"),
        (([IMAGES[0], IMAGES[1, 1:]], [0, 1]), "inputs of split 'train': differ in shape"),
        ((IMAGES, [[0], [1, 0.5], [], [], [], []]), "targets of split 'train': differ in shape"),
        ((IMAGES, 2 * np.eye(6)), "targets must be one number or name a sample"),
        ((IMAGES, 2 * np.eye(6, dtype=int)), "targets must be one number or name a sample"),
        ((IMAGES, np.float32(1)), "targets must be one number or name a sample"),
        ((IMAGES, [1] * 6), "only the class '1'"),
        (
            (IMAGES, [0.0, 1, 2, 3, 4, np.nan]),
            "#5 of split 'train': no label; fill it or remove it",
        ),
        ((IMAGES, [0.0, 1, 2, 3, 4, np.inf]), "targets that are not numbers"),
        ((np.array([0, np.inf]), [0, 1]), "split 'train': inputs that are not numbers"),
        ((IMAGES * np.nan, LABELS), "split 'train': has pixels that are NaN or infinite"),
        ((IMAGES.astype(complex), LABELS), "split 'train': values of type complex128 are not"),
        (
            (["https://a.b/c.jpg"] * 6, LABELS),
            "inputs of split 'train': https://a.b/c.jpg: is a URL",
        ),
        (([None] * 6, LABELS), "inputs of split 'train': image of type NoneType: give a path"),
        ((IMAGES[:, :, :0], LABELS), "split 'train': holds no inputs"),
        (Subset, "source of type type"),
        (
            DataLoader(ONES),
            "source of type DataLoader: it gives batches",
        ),
        (random_split(ONES, [4, 2]), "list of 2 data sets: name them"),
        (list(IMAGES), "source of type list"),
        (TensorDataset(torch.from_numpy(IMAGES)), "TensorDataset gives tuple; it must give"),
        (Pairs(IMAGES, [0] * 6), "only the class '0'"),
        ({"train": (IMAGES, ["a", "b"] * 3), "val": (IMAGES, ["a", "c"] * 3)}, "'train' lacks: c"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(source: Any, message: str) -> None:
    with pytest.raises((DataError, UsageError), match=message) as error:
        open_python(source)
    assert "\n" not in str(error.value)
