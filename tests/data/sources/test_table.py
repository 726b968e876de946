"""Tables of paths and labels, and the line of every mistake."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from onestop.data.dataset import Dataset
from onestop.data.samples import FileSamples
from onestop.data.sources.table import open_table
from onestop.data.splits import hold_out
from onestop.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the images a.png to f.png, which nobody opens."""
    for name in "abcdef":
        (tmp_path / f"{name}.png").touch()
    return tmp_path


def write(folder: Path, text: str, name: str = "table.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def rows(dataset: Dataset) -> dict[str, list[tuple[str, str]]]:
    """Path and class name of each sample of each split."""
    found = {}
    for split, samples in dataset.splits.items():
        assert isinstance(samples, FileSamples)
        names = [samples.targets.words(index)[0] for index in range(len(samples))]
        found[split] = list(zip(samples.paths, names, strict=True))
    return found


PLAIN = {"train": [("a.png", "ant"), ("b.png", "bee")]}


# --- forms ---


@pytest.mark.parametrize("path", ["path", "image", "filename", "Image_Path", " file "])
@pytest.mark.parametrize("label", ["label", "target", "class", "CLASS"])
def test_columns_go_by_several_names(folder: Path, path: str, label: str) -> None:
    table = write(folder, f"{label},{path}\nant,a.png\nbee,b.png\n")
    assert rows(open_table(table)) == PLAIN


@pytest.mark.parametrize(
    "text",
    [
        "path,label\na.png,ant\nb.png,bee\n",
        "path,label\r\na.png,ant\r\nb.png,bee\r\n",
        "path,label\na.png,ant\nb.png,bee",
        "\ufeffpath,label\na.png,ant\nb.png,bee\n",
        "\ufeffpath,label\r\na.png,ant\r\nb.png,bee\r\n",
        'path,label\n"a.png","ant"\n"b.png",bee\n',
        "path,label\n\na.png, ant \n b.png,bee\n\n",
        "id,path,width,label\n1,a.png,9,ant\n2,b.png,9,bee\n",
    ],
    ids=["plain", "crlf", "open end", "bom", "bom and crlf", "quotes", "blanks", "more columns"],
)
def test_csv_as_programs_write_it(folder: Path, text: str) -> None:
    assert rows(open_table(write(folder, text))) == PLAIN


@pytest.mark.parametrize("name", ["table.tsv", "TABLE.TSV"])
def test_tabs(folder: Path, name: str) -> None:
    table = write(folder, "path\tlabel\na.png\tant\nb.png\tbee\n", name)
    assert rows(open_table(table)) == PLAIN


@pytest.mark.parametrize("name", ["table.parquet", "TABLE.PARQUET"])
def test_parquet(folder: Path, name: str) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {
        "image": ["a.png", "b.png", "c.png"],
        "label": [10, 9, 10],
        "split": [None, "", "val"],
    }
    parquet.write_table(pyarrow.table(columns), folder / name)
    wanted = {"train": [("a.png", "10"), ("b.png", "9")], "val": [("c.png", "10")]}
    assert rows(open_table(folder / name)) == wanted


def test_paths_may_lie_deeper_or_be_absolute(folder: Path) -> None:
    (folder / "deep er").mkdir()
    (folder / "deep er" / "ü,1.png").touch()
    table = write(folder, f'path,label\n"deep er/ü,1.png",ant\n{folder / "b.png"},bee\n')
    samples = open_table(table).splits["train"]
    assert isinstance(samples, FileSamples)
    assert [(samples.root / path).exists() for path in samples.paths] == [True, True]


def test_splits_by_any_of_their_names(folder: Path) -> None:
    lines = ["a.png,x,train", "b.png,y,", "c.png,x,Valid", "d.png,y,validation", "e.png,x,TEST"]
    found = rows(open_table(write(folder, "\n".join(["path,label,split", *lines]))))
    assert {split: [path for path, _ in pairs] for split, pairs in found.items()} == {
        "train": ["a.png", "b.png"], "val": ["c.png", "d.png"], "test": ["e.png"],
    }  # fmt: skip


def test_classes_are_sorted_by_name_and_what_a_split_lacks_is_noted(folder: Path) -> None:
    text = "path,label,split\na.png,b,train\nb.png,a,train\nc.png,b,val\n"
    dataset = open_table(write(folder, text))
    assert dataset.classes == ("a", "b")
    assert dataset.notes == ("split 'val' has no images of a",)


def test_without_training_one_class_and_no_training_split_will_do(folder: Path) -> None:
    table = write(folder, "path,label,split\na.png,x,test\n")
    assert rows(open_table(table, for_training=False)) == {"test": [("a.png", "x")]}


# --- mistakes ---


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\na.png,x\nb.png,\n", ":3: no label"),
        ("path,label\na.png,x\n ,y\n", ":3: no path"),
        ("path,label\na.png,x\nb.png,y\na.png,y\n", ":4: 'a.png' stands in line 2 already"),
        ("path,label\na.png,x\n./a.png,y\n", ":3: './a.png' stands in line 2 already"),
        ("path,label\na.png,x\nz.png,y\n", ":3: no file 'z.png'; paths start at"),
        ("path,label\na.png,x\n.,y\n", ":3: no file '.'"),
        ("path,label,split\na.png,x,train\nb.png,y,tset\n", ":3: split 'tset' is none of"),
        ("path,label\na.png,x\nb.png\n", ":3: 1 values under 2 columns"),
        ("path,label\na.png,x\nb.png,y,z\n", ":3: 3 values under 2 columns"),
        ('path,label\n"a\n.png",x\n', ":3: no file 'a\\\\n.png'"),
        ("path,image,label\na.png,a.png,x\n", ":1: columns path, image could all be the path"),
        ("path,label,target\na.png,x,1\n", ":1: columns label, target could all be the label"),
        ("path,species,sex\na.png,x,m\n", ":1: no column for the label .*there is path, species"),
        ("pth,label\na.png,x\n", ":1: no column for the path .*did you mean 'path'"),
        ("path:label\na.png:x\n", ":1: no column for the path"),
        ("", ":1: no column for the path"),
        ("path,label\n", ": no row of the split 'train'"),
        ("path,label,split\na.png,x,val\n", ": no row of the split 'train'"),
        ("path,label\na.png,x\nb.png,x\n", ": has only the class 'x'"),
        ("path,label,split\na.png,x,\nb.png,y,\nc.png,z,test\n", "split 'test' has a class .* z;"),
    ],
)
def test_a_mistake_is_named_with_its_line(folder: Path, text: str, message: str) -> None:
    table = write(folder, text)
    with pytest.raises(DataError, match=message) as caught:
        open_table(table)
    assert str(caught.value).startswith(str(table))
    assert "\n" not in str(caught.value)


def test_a_table_in_another_encoding_is_refused(folder: Path) -> None:
    table = write(folder, "path,label\na.png,grün\n", encoding="latin-1")
    with pytest.raises(DataError, match="no CSV in UTF-8"):
        open_table(table)


def test_a_file_that_is_no_parquet_is_refused(folder: Path) -> None:
    pytest.importorskip("pyarrow")
    table = write(folder, "path,label\n", "table.parquet")
    with pytest.raises(DataError, match="no Parquet file") as caught:
        open_table(table)
    assert "\n" not in str(caught.value)


def test_a_folder_called_like_a_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "table.csv").mkdir()
    with pytest.raises(DataError, match=r"Is a directory|Permission denied"):
        open_table(tmp_path / "table.csv")


# --- groups ---


def grouped_table(folder: Path, groups: int, images: int) -> Path:
    rng, lines = np.random.default_rng(0), ["path,label,group"]
    for group in range(groups):
        for number in range(images):
            (folder / f"{group}-{number}.jpg").touch()
            lines.append(f"{group}-{number}.jpg,{'xyz'[rng.integers(3)]},patient {group}")
    return write(folder, "\n".join(lines))


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_a_group_is_never_on_both_sides(tmp_path: Path, fraction: float, seed: int) -> None:
    dataset = hold_out(open_table(grouped_table(tmp_path, 30, 4)), "val", fraction, seed)
    groups = {
        split: {path.split("-")[0] for path, _ in pairs} for split, pairs in rows(dataset).items()
    }
    assert not groups["train"] & groups["val"]
    assert len(groups["train"] | groups["val"]) == 30
    assert len(dataset.splits["val"]) / 120 == pytest.approx(fraction, abs=0.05)
