"""Random numbers that are functions."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from onestop.runtime.rng import bits, key_for, permutation, preserved, seed_torch, uniform

KEYS = [key_for(seed, "test") for seed in range(5)]


# --- keys ---


def test_a_key_is_the_same_today_and_always() -> None:
    """Every published figure depends on these numbers."""
    assert key_for() == 6510301506637419378
    assert key_for(0, "order", 3) == 1855528780364446383


@pytest.mark.parametrize(
    "words",
    [(0,), (1,), ("0",), (0, 0), (0, "0"), ("00",), ("",), ("", ""), (-1,), ("a", "b"), ("ab",),
     (1, 23), (12, 3), (2**40,)],
)  # fmt: skip
def test_different_words_have_different_keys(words: tuple[int | str, ...]) -> None:
    others: list[tuple[int | str, ...]] = [(), (7,), ("order",), ("0", 0), ("b", "a"), (123,)]
    assert key_for(*words) not in {key_for(*other) for other in others}
    assert 0 <= key_for(*words) < 2**63


def test_ten_thousand_purposes_have_ten_thousand_keys() -> None:
    keys = {
        key_for(seed, word, epoch)
        for seed in range(50)
        for word in ("order", "flip")
        for epoch in range(100)
    }
    assert len(keys) == 10_000


# --- the stream ---


def test_the_stream_is_splitmix64() -> None:
    """The first outputs from state 0, as of the authors' code and Java's SplittableRandom."""
    known = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC]
    assert bits(0, np.arange(4, dtype=np.uint64)).tolist() == known


def splitmix64(state: int, place: int) -> int:
    """The `place`-th output, written with Python's unlimited numbers."""
    z = (state + (place + 1) * 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


def test_any_place_of_any_stream_is_reached_without_overflow() -> None:
    places = [0, 1, 77, 2**32, 2**63, 2**64 - 2, 2**64 - 1]
    for key in (0, 1, KEYS[0], 2**63 - 1):
        wanted = [splitmix64(key, place) for place in places]
        assert bits(key, np.array(places, dtype=np.uint64)).tolist() == wanted


# --- uniform numbers ---


def test_the_same_purpose_gives_the_same_numbers() -> None:
    samples = np.arange(10)
    np.testing.assert_array_equal(uniform(7, samples, 3), uniform(7, samples, 3))
    assert not np.array_equal(uniform(7, samples, 3), uniform(8, samples, 3))


def test_a_samples_numbers_do_not_depend_on_the_others() -> None:
    everything = uniform(KEYS[0], np.arange(1000), 4)
    some = np.array([999, 3, 500, 3])
    np.testing.assert_array_equal(uniform(KEYS[0], some, 4), everything[some])
    assert uniform(KEYS[0], np.zeros(0, np.int64), 4).shape == (0, 4)


@pytest.mark.parametrize("key", KEYS)
def test_numbers_are_uniform(key: int) -> None:
    values = uniform(key, np.arange(20_000), 2)
    assert values.min() >= 0
    assert values.max() < 1
    # 40,000 numbers: the mean's deviation is 0.0014, the variance's 0.0004.
    assert values.mean() == pytest.approx(1 / 2, abs=0.006)
    assert values.var() == pytest.approx(1 / 12, abs=0.002)
    observed, _ = np.histogram(values, bins=100, range=(0, 1))
    chi_square = ((observed - 400) ** 2 / 400).sum()
    assert 55 < chi_square < 155  # 99 degrees of freedom, deviation 14


@pytest.mark.parametrize("key", KEYS)
def test_neighbours_do_not_follow_each_other(key: int) -> None:
    values = uniform(key, np.arange(20_000), 2)
    other = uniform(key + 1, np.arange(20_000), 2)
    pairs = [
        (values[:, 0], values[:, 1]),  # draws of one sample
        (values[:-1, 0], values[1:, 0]),  # neighbouring samples
        (values[:, 0], other[:, 0]),  # neighbouring keys
    ]
    for left, right in pairs:
        assert abs(np.corrcoef(left, right)[0, 1]) < 0.03  # deviation 0.007


# --- permutations ---


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10, 1797])
def test_a_permutation_has_every_number_once(count: int) -> None:
    order = permutation(KEYS[0], count)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(count))


def test_a_permutation_is_a_function_of_its_key() -> None:
    np.testing.assert_array_equal(permutation(3, 100), permutation(3, 100))
    assert not np.array_equal(permutation(3, 100), permutation(4, 100))


def test_every_permutation_of_four_is_as_frequent() -> None:
    orders = [tuple(permutation(key_for(n), 4).tolist()) for n in range(4800)]
    observed = np.array([orders.count(order) for order in sorted(set(orders))])
    assert len(observed) == 24
    assert ((observed - 200) ** 2 / 200).sum() < 60  # 23 degrees of freedom, deviation 6.8


# --- torch's own generators ---


def test_torch_starts_where_the_words_say() -> None:
    seed_torch(0, "step", 5)
    first = torch.rand(4)
    seed_torch(0, "step", 6)
    second = torch.rand(4)
    seed_torch(0, "step", 5)
    assert torch.equal(torch.rand(4), first)
    assert not torch.equal(first, second)


def test_the_callers_generator_goes_on_as_if_nothing_had_been_drawn() -> None:
    torch.manual_seed(1)
    wanted = torch.rand(3)
    torch.manual_seed(1)
    with preserved():
        seed_torch("inside")
        torch.rand(10)
    assert torch.equal(torch.rand(3), wanted)


def test_the_callers_generator_is_preserved_through_an_error() -> None:
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError), preserved():
        torch.rand(10).view(3)
    assert torch.equal(torch.get_rng_state(), before)


def test_numpys_and_pythons_generators_are_left_alone() -> None:
    python, numpy = random.getstate(), np.random.get_state()
    seed_torch(3)
    permutation(1, 10)
    uniform(1, np.arange(3), 2)
    assert random.getstate() == python
    np.testing.assert_equal(np.random.get_state(), numpy)
