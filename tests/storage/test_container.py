"""The checksummed container: equal content gives equal bytes, and no changed bit goes unnoticed."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from onestop.errors import ModelFileError, UsageError
from onestop.storage.container import packed, unpacked

TENSORS = {
    "b": torch.arange(6, dtype=torch.float32).reshape(2, 3),
    "a": torch.tensor([1, 2], dtype=torch.int64),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "empty": torch.empty(0, 4),
    "scalar": torch.tensor(2.5),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file.safetensors"
    path.write_bytes(packed(TENSORS, "about", {"name": "Käfer \udcff", "n": [1, None]}))
    return path


def test_what_is_packed_is_unpacked(path: Path) -> None:
    content = unpacked(path)
    assert content.sealed == "about"
    assert json.loads(content.metadata["about"]) == {"name": "Käfer \udcff", "n": [1, None]}
    assert content.tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert content.tensors[name].dtype == tensor.dtype
        assert torch.equal(content.tensors[name], tensor)


def test_any_safetensors_reader_reads_it(path: Path) -> None:
    with safe_open(path, framework="pt") as file:
        assert sorted(file.keys()) == sorted(TENSORS)
        assert list(file.metadata()) == ["about"]
        assert json.loads(file.metadata()["about"])["n"] == [1, None]


def test_equal_content_gives_equal_bytes(path: Path) -> None:
    strided = {name: tensor.clone() for name, tensor in reversed(TENSORS.items())}
    strided["b"] = TENSORS["b"].T.contiguous().T  # the same values in another order of memory
    again = packed(strided, "about", {"name": "Käfer \udcff", "n": [1, None]})
    assert again == path.read_bytes()


def test_tensors_that_share_memory_are_stored_apart(tmp_path: Path) -> None:
    whole = torch.arange(4.0)
    (tmp_path / "a").write_bytes(packed({"whole": whole, "part": whole[1:3]}, "about", {"n": 1}))
    assert unpacked(tmp_path / "a").tensors["part"].tolist() == [1.0, 2.0]


def test_every_changed_byte_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with contextlib.suppress(ModelFileError):
            # What is left is a change of the seal itself: the file counts as one without a seal.
            assert unpacked(path).sealed != "about"


@pytest.mark.parametrize("length", [0, 4, 20, 200, -1])
def test_a_file_that_was_cut_off_is_damaged(path: Path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ModelFileError, match="damaged, or not a safetensors file"):
        unpacked(path)


def test_a_header_of_gigabytes_is_not_read(path: Path) -> None:
    path.write_bytes((2**33).to_bytes(8, "little") + path.read_bytes()[8:])
    with pytest.raises(ModelFileError, match="list of tensors would be longer than 25 MB"):
        unpacked(path)


def test_a_file_of_others_has_no_seal(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2)}, tmp_path / "plain.safetensors", {"format": "pt"})
    content = unpacked(tmp_path / "plain.safetensors")
    assert (content.sealed, dict(content.metadata)) == ("", {"format": "pt"})


def test_a_path_without_a_file_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file") as caught:
        unpacked(tmp_path / "nothing.safetensors")
    assert not isinstance(caught.value, ModelFileError)
