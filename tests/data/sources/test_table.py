"""Tables of paths and labels, and the line of every mistake."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from onestop.data.dataset import Dataset
from onestop.data.samples import FileSamples
from onestop.data.sources.options import Options
from onestop.data.sources.table import open_table
from onestop.data.splits import hold_out
from onestop.errors import DataError, UsageError


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


# --- tables as people have them ---


NOTE = "column 'breed' is read as the label"


@pytest.mark.parametrize(
    ("text", "options", "notes"),
    [
        ("file_name,label\na.png,ant\nb.png,bee\n", {}, ()),
        ("path;label\na.png;ant\nb.png;bee\n", {}, ()),
        ("path,breed\na.png,ant\nb.png,bee\n", {}, (NOTE,)),
        ("id,breed\na,ant\nb,bee\n", {"suffix": "png"},
         ("images are those in the column 'id'", NOTE)),
        ("x,y,z\na.png,ant,1\nb.png,bee,2\n", {"path_column": "x", "label_column": "y"}, ()),
        ("path,label\n.\\a.png,ant\n.\\b.png,bee\n", {}, ()),
    ],
)  # fmt: skip
def test_tables_of_others_are_read(
    folder: Path, text: str, options: dict[str, str], notes: tuple[str, ...]
) -> None:
    dataset = open_table(write(folder, text), Options(**options))  # type: ignore[arg-type]
    names = {s: [(Path(p).name, c) for p, c in pairs] for s, pairs in rows(dataset).items()}
    assert names == PLAIN
    assert dataset.notes == notes


def test_images_may_lie_in_another_folder_with_another_suffix(folder: Path) -> None:
    (folder / "train").mkdir()
    for name in "ab":
        (folder / "train" / f"{name}.jpg").touch()
    table = write(folder, "id,breed\na,ant\nb,bee\n")
    with pytest.raises(
        DataError, match=r":2: no file 'a'; paths start at .*; train/a.jpg is there: --image-"
    ):
        open_table(table)
    dataset = open_table(table, Options(image_root="train", suffix=".jpg"))
    assert rows(dataset) == {"train": [("train/a.jpg", "ant"), ("train/b.jpg", "bee")]}
    with pytest.raises(UsageError, match="--image-root nowhere: no such folder beside"):
        open_table(table, Options(image_root="nowhere"))


def test_the_folder_of_the_images_may_be_named_from_here(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "lists").mkdir()
    monkeypatch.chdir(folder.parent)
    table = write(folder / "lists", "path,label\na.png,ant\nb.png,bee\n")
    dataset = open_table(table, Options(image_root=folder.name))
    assert rows(dataset)["train"][0] == ("../a.png", "ant")


def test_the_same_file_under_two_names_is_doubled(folder: Path) -> None:
    (folder / "in").mkdir()
    (folder / "in" / "a.png").touch()
    for second in ("in\\a.png", "./in/a.png", "in//a.png", str(folder / "in" / "a.png")):
        with pytest.raises(DataError, match=r":3: .* stands in line 2 already"):
            open_table(write(folder, f"path,label\nin/a.png,x\n{second},y\n"))


def test_paths_that_lead_out_are_said(folder: Path) -> None:
    table = write(folder, f"path,label\n../{folder.name}/a.png,ant\nb.png,bee\n")
    assert open_table(table).notes[0].startswith(f"a path leads out of {folder}: ")


# --- labels that are not there ---


@pytest.mark.parametrize("word", ["NaN", "None", "NULL", "N/A", "NA", "<NA>", "#N/A", "-", "?"])
def test_words_for_a_missing_label_are_refused_unless_a_person_says_that_they_are_names(
    folder: Path, word: str
) -> None:
    table = write(folder, f"path,label\na.png,ant\nb.png,{word}\n")
    with pytest.raises(
        DataError, match=r":3: label .* is a usual word for no label; fill it or remove it"
    ):
        open_table(table)
    assert set(open_table(table, Options(literal_labels=True)).classes) == {"ant", word}


def test_they_are_refused_among_several_labels_too(folder: Path) -> None:
    for text in (
        "path,labels\na.png,x|NaN\nb.png,y\n",
        "path,label1,label2\na.png,x,null\nb.png,y,\n",
    ):
        with pytest.raises(DataError, match=r":2: label .* is a usual word for no label"):
            open_table(write(folder, text))


def test_a_class_that_may_mean_none_is_counted(folder: Path) -> None:
    dataset = open_table(write(folder, "path,label\na.png,none\nb.png,x\nc.png,none\n"))
    assert dataset.classes == ("none", "x")
    assert dataset.notes == (
        "2 rows with the label 'none', read as a name; remove them if it means none",
    )


def test_a_whole_number_is_one_label_however_it_is_written(folder: Path) -> None:
    dataset = open_table(write(folder, "path,label\na.png,1\nb.png,1.0\nc.png,2\n"))
    assert dataset.classes == ("1", "2")
    assert rows(dataset)["train"][1] == ("b.png", "1")
    assert dataset.notes == ("classes 1, 1.0 are one number: read as one",)


def test_labels_and_files_are_one_in_any_encoding(folder: Path) -> None:
    (folder / "cafe\u0301.png").touch()
    text = "path,label\ncaf\u00e9.png,caf\u00e9\na.png,cafe\u0301\nb.png,tea\n"
    dataset = open_table(write(folder, text))
    assert dataset.classes == ("caf\u00e9", "tea")
    assert [label for _, label in rows(dataset)["train"]] == ["caf\u00e9", "caf\u00e9", "tea"]


# --- what is held out; the columns are in test_split_columns.py ---


def test_held_out_rows_are_not_trained_on(folder: Path) -> None:
    for text in (
        "path,label,is_valid\na.png,x,False\nb.png,y,False\nc.png,x,True\n",
        "path,label,subset\na.png,x,train\nb.png,y,train\nc.png,x,val\n",
    ):
        dataset = open_table(write(folder, text))
        assert rows(dataset) == {"train": [("a.png", "x"), ("b.png", "y")], "val": [("c.png", "x")]}
        assert dataset.notes[0].startswith(
            "column 'is_valid' says" if "is_" in text else "column 'subset'"
        )


def test_flags_and_a_question_are_told_apart(folder: Path) -> None:
    dataset = open_table(
        write(folder, "path,cat,dog,is_test\na.png,1,0,0\nb.png,0,1,0\nc.png,1,1,1\n")
    )
    assert dataset.classes == ("cat", "dog")
    assert {split: len(part) for split, part in dataset.splits.items()} == {"train": 2, "test": 1}
    dataset = open_table(write(folder, "path,car,train\na.png,1,0\nb.png,0,1\n"))
    assert dataset.classes == ("car", "train")
    assert dataset.notes[1] == (
        "column 'train' is read as a label; if it says which rows to use for what: is_train"
    )


def test_columns_whose_content_matters_are_named(folder: Path) -> None:
    text = "path,label,patient_id,fold,width\na.png,x,1,0,9\nb.png,y,1,1,9\nc.png,x,2,1,9\n"
    assert open_table(write(folder, text)).notes == (
        "column 'fold' not read (0, 1); if it says which rows are held out, call it split and write "
        "train, val, test",
        "column 'patient_id' not read; call it group to keep its images together",
    )


def test_folders_of_splits_in_the_paths_are_named(folder: Path) -> None:
    for name in ("train", "test"):
        (folder / name).mkdir()
        (folder / name / "1.png").touch()
    dataset = open_table(write(folder, "path,label\ntrain/1.png,x\ntest/1.png,y\n"))
    assert dataset.notes == (
        "paths lie in folders of the splits test, train, which is not read: add a column split to hold "
        "rows out",
    )


# --- other tasks ---


def numbers(folder: Path, count: int, step: float) -> Path:
    lines = ["path,age"]
    for number in range(count):
        (folder / f"{number}.jpg").touch()
        lines.append(f"{number}.jpg,{number * step}")
    return write(folder, "\n".join(lines))


def test_numbers_of_a_table_are_predicted_if_a_person_says_so(folder: Path) -> None:
    table = numbers(folder, 60, 0.5)
    with pytest.raises(
        DataError,
        match="60 different labels for 60 images; if they are numbers to be predicted: --task reg",
    ):
        open_table(table)
    dataset = open_table(table, Options(task="regression"))
    assert (dataset.task, dataset.classes) == ("regression", ())
    assert dataset.targets.values[:4].tolist() == [0, 0.5, 1, 1.5]
    assert len(open_table(table, Options(task="classification")).classes) == 60


def test_numbers_that_repeat_are_suspected_in_a_note(folder: Path) -> None:
    lines = ["path,label"]
    for number in range(60):
        (folder / f"{number}.jpg").touch()
        lines.append(f"{number}.jpg,{number % 12 + 0.5}")
    table = write(folder, "\n".join(lines))
    (note,) = open_table(table).notes
    assert note == (
        "12 different numbers are read as classes; if they are numbers to be predicted: "
        "--task regression"
    )
    assert open_table(table, Options(task="classification")).notes == ()


def test_a_label_that_is_no_number_is_refused_with_its_line(folder: Path) -> None:
    table = write(folder, "path,label\na.png,1.5\nb.png,old\n")
    with pytest.raises(DataError, match=r"table.csv:3: label 'old' is not a number"):
        open_table(table, Options(task="regression"))


def test_one_column_as_classes_and_as_sets(folder: Path) -> None:
    table = write(folder, "path,labels\na.png,x\nb.png,y\n")
    assert open_table(table).task == "multilabel"
    assert open_table(table, Options(task="classification")).task == "classification"
    table = write(folder, "path,label\na.png,x|y\nb.png,y\n")
    assert open_table(table, Options(task="multilabel")).classes == ("x", "y")
    with pytest.raises(DataError, match=r"table.csv:2: has x, y, and one class is wanted"):
        open_table(
            write(folder, "path,labels\na.png,x|y\nb.png,y\n"), Options(task="classification")
        )


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
