"""Which column of a table holds what."""

from __future__ import annotations

from pathlib import Path

import pytest

from onestop.data.sources.columns import (
    find_columns,
    find_label,
    groups_not_read,
    likely_label,
    named_column,
    no_label,
)
from onestop.data.sources.options import Options
from onestop.data.sources.table_file import Table
from onestop.data.sources.table_paths import ImagePaths
from onestop.errors import DataError, UsageError


def table(header: str, *rows: str) -> Table:
    cells = [row.split(",") for row in rows]
    return Table("t.csv", header.split(","), list(enumerate(cells, start=2)))


def image(header: str, path_column: str | None = None) -> str:
    of = table(header)
    return of.header[find_columns(of, Options(path_column=path_column), ImagePaths(Path())).image]


@pytest.mark.parametrize(
    "name",
    [
        "path", "Image", "filename", "file_name", "File Name", "FileName", "filepath", "file-path",
        "image_id",
        "img", "id", "ImageID", "img_path", "Image Path", "isic_id",
    ],
)  # fmt: skip
def test_usual_names_of_the_column_of_images(name: str) -> None:
    assert image(f"x,{name},label") == name


def test_plain_names_go_before_those_that_may_mean_something_else() -> None:
    assert image("id,image_id,path,label") == "path"
    assert image("id,image_id,label") == "image_id"
    with pytest.raises(
        DataError, match="columns path, image could all be the path; rename one, or set"
    ):
        image("path,image,label")
    assert image("path,image,label", path_column="image") == "image"


def test_a_setting_names_any_column() -> None:
    assert image("a,b", path_column="B") == "b"
    assert named_column(table("caf\u00e9,b"), "cafe\u0301", "--x") == 0
    with pytest.raises(
        UsageError, match=r"--label-column bred: t.csv has no such column; did you mean 'breed'"
    ):
        find_label(table("id,breed"), Options(label_column="bred"))
    with pytest.raises(UsageError, match=r"--x a: t.csv has 2 such columns"):
        named_column(table("a,a"), "a", "--x")


def test_without_one_the_column_that_names_files_is_suggested(tmp_path: Path) -> None:
    (tmp_path / "1.png").touch()
    of, paths = table("picture,label", "1.png,a"), ImagePaths(tmp_path)
    with pytest.raises(
        DataError, match=r"no column for the path .*'picture' names images: --path-column pi"
    ):
        find_columns(of, Options(), paths)
    with pytest.raises(DataError, match=r":1: has no header, '1.png' names an image; put a line"):
        find_columns(table("1.png,a"), Options(), paths)


@pytest.mark.parametrize("name", ["label", "Target", "CLASS"])
def test_plain_names_of_the_label(name: str) -> None:
    of = table(f"path,{name},category")
    assert find_label(of, Options()) == 1


@pytest.mark.parametrize(
    ("header", "label"),
    [
        ("path,breed", "breed"), ("path,class_name,width,height", "class_name"),
        ("path,category,x,y", "category"),
        ("path,class_id,class_name", "class_name"), ("path,class_id,x,y", "class_id"),
        ("path,sex,patient_id", "sex"),
        ("path,,breed", "breed"), ("path,index,breed", "breed"),
    ],
)  # fmt: skip
def test_the_likely_label_is_the_only_one_left(header: str, label: str) -> None:
    of = table(header, *(",".join(["a"] * len(header.split(","))) for _ in range(3)))
    column = likely_label(of, {0})
    assert column is not None
    assert of.header[column] == label


def test_of_several_none_is_and_the_setting_is_named() -> None:
    of = table("path,breed,sex", "a,x,m", "b,y,m")
    assert likely_label(of, {0}) is None
    assert no_label(of, {0}).endswith(
        "there is path, breed, sex; if one of breed, sex is: --label-column breed"
    )
    assert no_label(table("path"), {0}).endswith("there is path")


def test_texts_that_all_differ_are_no_label_and_numbers_may_be() -> None:
    captions = table("path,caption", *(f"a,text {number}" for number in range(12)))
    assert likely_label(captions, {0}) is None
    ages = table("path,age", *(f"a,{number / 2}" for number in range(12)))
    assert likely_label(ages, {0}) == 1


def test_groups() -> None:
    for name in ("group", "Group", "group_id"):
        of = table(f"path,label,{name}", "a,x,1")
        assert find_columns(of, Options(), ImagePaths(Path())).group == 2


@pytest.mark.parametrize(
    "name", ["patient_id", "PatientID", "subject", "video", "lesion_id", "case no", "study_uid"]
)
def test_what_several_images_are_of_is_named(name: str) -> None:
    of = table(f"path,{name}", "a,1", "b,1", "c,2")
    assert groups_not_read(of, [1]) == [
        f"column {name!r} not read; call it group to keep its images together"
    ]


@pytest.mark.parametrize(
    ("name", "cells"),
    [("width", "112"), ("patient_id", "123"), ("patient_id", "111"), ("id", "112")],
)
def test_what_says_nothing_is_not(name: str, cells: str) -> None:
    assert groups_not_read(table(f"path,{name}", *(f"a,{cell}" for cell in cells)), [1]) == []
