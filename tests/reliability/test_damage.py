"""Files of a run with a flipped bit or a missing end: found out every time, and never loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import onestop
from onestop.errors import UsageError
from onestop.storage.model_file import read_card, read_model, read_weights
from onestop.storage.run_folder import MODEL, STATE
from onestop.training.checkpoint import States
from tests.reliability.card import tried

FLIPS, CUTS = 500, 200


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> onestop.Run:
    """A run of two epochs on few images, with two states."""
    rng = np.random.default_rng(0)
    images, targets = rng.integers(0, 255, (40, 1, 28, 28), np.uint8), np.arange(40) % 2
    return onestop.train(
        (images, targets), model="cnn1", image_size=8, epochs=2, ema=0, quiet=True,
        out=tmp_path_factory.mktemp("runs"),
    )  # fmt: skip


def damaged(content: bytes, number: int, rng: np.random.Generator) -> bytes:
    """A copy with one bit flipped, or, from FLIPS on, cut off somewhere."""
    if number >= FLIPS:
        return content[: int(rng.integers(0, len(content)))]
    # Half of the flips in the header, where damage is subtle: it is small beside the numbers.
    header = 8 + int.from_bytes(content[:8], "little")
    byte = int(rng.integers(0, header if number % 2 else len(content)))
    changed = bytearray(content)
    changed[byte] ^= 1 << int(rng.integers(0, 8))
    return bytes(changed)


@pytest.mark.parametrize("read", [read_model, read_card, read_weights])
def test_a_damaged_model_is_never_loaded(run: onestop.Run, tmp_path: Path, read: object) -> None:
    content, rng = (run.folder / MODEL).read_bytes(), np.random.default_rng(1)
    path = tmp_path / MODEL
    for number in range(FLIPS + CUTS):
        path.write_bytes(damaged(content, number, rng))
        with pytest.raises(UsageError) as caught:
            read(path)  # type: ignore[operator]
        assert str(caught.value).startswith(str(path)), number
        assert "\n" not in str(caught.value)
    tried(f"model files damaged, {read.__name__}", f"{FLIPS} flipped bits, {CUTS} cuts")  # type: ignore[attr-defined]


@pytest.mark.thorough
def test_a_damaged_state_is_named_and_the_one_before_it_used(
    run: onestop.Run, tmp_path: Path
) -> None:
    older, newer = sorted((run.folder / STATE).iterdir())
    content, rng = newer.read_bytes(), np.random.default_rng(2)
    before = States(run.folder / STATE)
    whole = before.newest()
    assert whole is not None
    assert (whole.path, before.damaged) == (newer, [])
    (tmp_path / older.name).write_bytes(older.read_bytes())
    for number in range(FLIPS + CUTS):
        (tmp_path / newer.name).write_bytes(damaged(content, number, rng))
        states = States(tmp_path)
        found = states.newest()
        assert found is not None, number
        assert found.path.name == older.name, number
        assert len(states.damaged) == 1
        assert states.damaged[0].startswith(str(tmp_path / newer.name))
    tried("states damaged: the one before was used", f"{FLIPS} flipped bits, {CUTS} cuts")


def test_a_run_whose_newest_state_is_damaged_goes_on_from_the_one_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options: dict[str, Any] = {
        "model": "cnn1",
        "image_size": 8,
        "batch_size": 256,
        "seed": 3,
        "schedule": "constant",
        "ema": 0.9,
        "threads": 1,
    }
    whole = onestop.train("digits", epochs=4, out=tmp_path, name="whole", quiet=True, **options)
    cut = onestop.train("digits", epochs=3, out=tmp_path, name="cut", quiet=True, **options)
    newest = max((cut.folder / STATE).iterdir())
    newest.write_bytes(newest.read_bytes()[:-1])
    capsys.readouterr()
    onestop.train(resume=cut.folder, epochs=4)
    said = [line for line in capsys.readouterr().err.splitlines() if str(newest) in line]
    assert len(said) == 1, "one line says so"
    assert "damaged" in said[0]
    first, second = (read_weights(run.folder / MODEL) for run in (whole, cut))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not newest.exists() or States(cut.folder / STATE).newest() is not None


def test_with_no_whole_state_left_a_run_begins_again(tmp_path: Path) -> None:
    run = onestop.train(
        "digits", model="cnn1", image_size=8, epochs=1, out=tmp_path, quiet=True, threads=1
    )
    before = read_weights(run.folder / MODEL)
    for state in (run.folder / STATE).iterdir():
        state.write_bytes(b"")
    onestop.train(resume=run.folder, quiet=True)
    after = read_weights(run.folder / MODEL)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert (run.folder / "log.txt").read_text().count("damaged") == 1
