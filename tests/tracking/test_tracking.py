"""Whether a run can be tracked as it asks for, said before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from onestop.errors import UsageError
from onestop.recipe import Track
from onestop.tracking import require


@pytest.mark.parametrize("track", ["none", "tensorboard", "mlflow"])
def test_what_is_installed_or_not_asked_for_is_no_trouble(track: Track) -> None:
    require(track)


def test_a_package_that_is_missing_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"--track mlflow: .*onestop-vision\[mlflow\]"):
        require("mlflow")


def test_a_folder_of_the_packages_name_is_not_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "onestop_no_package").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UsageError, match="not installed"):
        require("onestop_no_package")  # type: ignore[arg-type]
