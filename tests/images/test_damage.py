"""The reason of a failure, as a message says it."""

from __future__ import annotations

import pytest
from PIL import UnidentifiedImageError

from onestop.images.damage import DAMAGE, reason_of


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError(2, "No such file or directory", "a.png"), "No such file or directory"),
        (UnidentifiedImageError("cannot identify image file 'a.png'"), "cannot identify image file"),
        (OSError("broken data stream when reading image file <_io.BytesIO>"),
         "broken data stream when reading image file"),
        (EOFError(), "EOFError"),
    ],
)  # fmt: skip
def test_the_name_of_the_file_is_left_out(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason
    assert isinstance(error, DAMAGE)
