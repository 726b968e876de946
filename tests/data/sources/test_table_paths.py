"""From the cell of a table to a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from onestop.data.sources.table_paths import ImagePaths, find_path

NFC, NFD = "caf\u00e9", "cafe\u0301"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A folder with a few files."""
    for name in ("a.png", "train/1.jpg", "train/deep/2.jpg", f"{NFD}/{NFD}.png", "test/3.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("folder", "suffix", "cell", "path"),
    [
        ("", "", "a.png", "a.png"),
        ("", "", "./a.png", "./a.png"),
        ("", "", "train/1.jpg", "train/1.jpg"),
        ("", "", "train\\deep\\2.jpg", "train/deep/2.jpg"),
        ("train", "", "1.jpg", "train/1.jpg"),
        ("train", ".jpg", "1", "train/1.jpg"),
        ("train", ".jpg", "1.jpg", "train/1.jpg"),
        ("train", ".jpg", "deep\\2", "train/deep/2.jpg"),
        ("", "", f"{NFC}/{NFC}.png", f"{NFD}/{NFD}.png"),
        (NFC, ".png", NFC, f"{NFD}/{NFD}.png"),
        ("", "", "b.png", None),
        ("", "", "train", None),
        ("train", "", "a.png", None),
    ],
)
def test_where_a_cell_leads(
    base: Path, folder: str, suffix: str, cell: str, path: str | None
) -> None:
    assert ImagePaths(base, folder, suffix).find(cell) == path


def test_a_name_with_a_backslash_of_its_own_goes_first(base: Path) -> None:
    try:
        (base / "train\\1.jpg").touch()
    except OSError:
        pytest.skip("the system allows no such name")
    assert ImagePaths(base).find("train\\1.jpg") == "train\\1.jpg"


@pytest.mark.parametrize(
    ("folder", "cell", "hint"),
    [
        ("", "1", "; train/1.jpg is there: --image-root train --suffix .jpg"),
        ("", "1.jpg", "; train/1.jpg is there: --image-root train"),
        ("", "a", "; a.png is there: --suffix .png"),
        ("train", "a.png", "; a.png is there: --image-root ."),
        ("train", "3", "; test/3.png is there: --image-root test --suffix .png"),
        (
            "train",
            "2",
            "; train/deep/2.jpg is there: --image-root train/deep --suffix .jpg",
        ),
        ("", "C:\\data\\1.jpg", "; train/1.jpg is there"),
        ("", "nowhere", ""),
    ],
)
def test_the_settings_that_would_help_are_named(
    base: Path, folder: str, cell: str, hint: str
) -> None:
    assert ImagePaths(base, folder).hint(cell) == hint


def test_several_folders_that_would_do_are_all_named(base: Path) -> None:
    (base / "test" / "1.jpg").touch()
    assert ImagePaths(base).hint("1") == (
        "; test/1.jpg, train/1.jpg are there: --image-root test or train --suffix .jpg"
    )


def test_a_path_is_found_in_another_encoding(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_path(base / NFC) == base / NFD
    assert find_path(base / "a.png") == base / "a.png"
    assert find_path(base / "\u00fcber") == base / "\u00fcber"
    monkeypatch.chdir(base)
    assert find_path(Path(NFC)) == Path(NFD)
