from __future__ import annotations

from typing import Any

import pytest
import torch

from onestop.errors import UsageError
from onestop.recipe import Precision
from onestop.runtime.device import Engine, _products

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
