from __future__ import annotations

from typing import Any

import pytest
import torch

from onestop.errors import UsageError
from onestop.recipe import Precision
from onestop.runtime.device import Engine, _products, choose_device, computes_in_bf16

CPU = Engine(torch.device("cpu"))
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


def products() -> list[str]:
    cudnn: Any = torch.backends.cudnn
    return [b.fp32_precision for b in (torch.backends.cuda.matmul, cudnn.conv, cudnn.rnn)]


@pytest.mark.parametrize(("precision", "expected"), [("tf32", "tf32"), ("fp32", "ieee")])
def test_products_of_32_bits_are_what_the_precision_says_and_put_back(
    precision: Precision, expected: str
) -> None:
    before = products()
    with _products(precision):
        assert products() == [expected] * 3
    assert products() == before


def test_an_error_leaves_them_as_they_were() -> None:
    before = products()
    with pytest.raises(KeyError), _products("tf32"):
        raise KeyError
    assert products() == before


def test_a_processor_is_left_as_it_is() -> None:
    before = products()
    with CPU.applied(), CPU.autocast():
        assert products() == before


def test_tf32_is_for_gpus() -> None:
    with pytest.raises(UsageError, match=r"--precision tf32: .* this is cpu; use --precision fp32"):
        Engine(torch.device("cpu"), "tf32")


def test_what_lies_on_the_device_is_not_copied() -> None:
    tensor = torch.rand(2, 3, 4, 4)
    assert CPU.send(tensor) is tensor
    assert CPU.place_inputs(tensor).data_ptr() == tensor.data_ptr()


@needs_gpu
@pytest.mark.parametrize("memory_format", ["contiguous", "channels-last"])
def test_a_gpu_gets_the_same_numbers(memory_format: Any) -> None:
    engine = Engine(torch.device("cuda"), memory_format=memory_format)
    inputs = torch.randint(0, 256, (8, 3, 5, 5), dtype=torch.uint8)
    placed = engine.place_inputs(inputs)
    assert torch.equal(placed.cpu(), inputs)
    assert placed.is_contiguous(
        memory_format=torch.channels_last
        if memory_format == "channels-last"
        else torch.contiguous_format
    )
    with engine.applied():
        assert products() == ["ieee"] * 3


def test_the_best_device_that_is_there_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    def has(gpus: int, *, apple: bool) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: apple)

    has(2, apple=False)
    assert choose_device(None) == torch.device("cuda")
    assert choose_device("1") == torch.device("cuda:1")
    has(0, apple=True)
    assert choose_device(None) == torch.device("mps")
    with pytest.raises(UsageError, match="--device 0: not in this machine; use cpu, mps"):
        choose_device("0")
    has(0, apple=False)
    assert choose_device(None) == torch.device("cpu")


def test_a_gpu_says_whether_it_has_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    assert not computes_in_bf16(torch.device("cuda"))
    assert not computes_in_bf16(torch.device("mps"))
