"""The header of a model file, read without its tensors."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from safetensors.numpy import save_file

import onestop
from onestop.reading import MOST_HEADER
from onestop.storage.model_header import card_in, digest_in


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    run = onestop.train("digits", epochs=1, batch_size=512, out=out, quiet=True, no_report=True)
    return run.folder / "model.safetensors"


def test_it_says_what_the_whole_file_says(model_file: Path) -> None:
    card = onestop.load(model_file).card
    assert card_in(model_file)["classes"] == list(card.classes)
    digest = digest_in(model_file)
    assert digest
    assert len(digest) == 32


def test_another_network_has_another_digest(model_file: Path, tmp_path: Path) -> None:
    run = onestop.train(
        "digits", epochs=1, batch_size=512, seed=1, out=tmp_path, quiet=True, no_report=True
    )
    assert digest_in(run.folder / "model.safetensors") != digest_in(model_file)


def test_what_is_no_model_file_has_none(model_file: Path, tmp_path: Path) -> None:
    import numpy as np

    plain, cut, missing = tmp_path / "plain", tmp_path / "cut", tmp_path / "missing"
    save_file({"a": np.zeros(2, np.float32)}, plain)
    cut.write_bytes(model_file.read_bytes()[:40])
    (tmp_path / "link").symlink_to(shutil.copy(model_file, tmp_path / "copy"))
    assert not card_in(cut)
    large = tmp_path / "large"  # its header would be well-formed, and take seconds to parse
    header = b'{"__metadata__":{"onestop":"{}"}}'.ljust(MOST_HEADER + 1)
    large.write_bytes(len(header).to_bytes(8, "little") + header)
    for path in (plain, missing, large):
        assert digest_in(path) is None
        assert card_in(path) == {}
