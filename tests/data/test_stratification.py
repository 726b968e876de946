"""Stratified hold-out of samples with several names each."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from onestop.data.stratification import stratified


def held_of(names: NDArray[np.bool_], fraction: float, key: int = 0) -> NDArray[np.bool_]:
    """Which samples are held out, of names [N, K]; each sample has at least one."""
    samples, numbers = np.nonzero(names)
    return stratified(samples, numbers, len(names), fraction, key)


def random_names(samples: int, names: int, seed: int = 0) -> NDArray[np.bool_]:
    """Independent names, rare to frequent; each sample has at least one."""
    rng = np.random.default_rng(seed)
    table = rng.random((samples, names)) < np.linspace(0.01, 0.5, names)
    table[~table.any(1), -1] = True
    return table


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("seed", range(5))
def test_every_name_is_held_out_in_proportion(fraction: float, seed: int) -> None:
    table = random_names(1000, 12, seed)
    held = held_of(table, fraction, seed)
    off = np.abs(table[held].sum(0) - fraction * table.sum(0))
    assert np.median(off) <= 0.5, "most names get the rounded number"
    assert off.max() < 5
    assert held.mean() == pytest.approx(fraction, abs=0.015)


def test_a_random_split_is_far_off() -> None:
    table = random_names(1000, 12)
    at_random = np.random.default_rng(0).random(1000) < 0.1
    assert np.abs(table[at_random].sum(0) - 0.1 * table.sum(0)).max() > 5


def test_rare_names_are_on_both_sides() -> None:
    rng, table = np.random.default_rng(0), random_names(300, 4)
    rare = np.zeros((300, 20), np.bool_)
    for name in range(20):
        rare[rng.choice(300, 2 + name % 3, replace=False), name] = True
    both = np.concatenate([table, rare], 1)
    held = held_of(both, 0.1)
    assert both[held].any(0).all()
    assert both[~held].any(0).all()


@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.99])
def test_a_single_sample_of_a_name_stays(fraction: float) -> None:
    table = np.ones((21, 2), np.bool_)
    table[:-1, 1] = False
    held = held_of(table, fraction)
    assert not held[-1]
    assert 1 <= held.sum() <= 20


def test_names_that_exclude_each_other_are_divided_exactly() -> None:
    table = np.eye(3, dtype=np.bool_)[np.repeat([0, 1, 2], [100, 14, 6])]
    held = held_of(table, 0.25)
    assert table[held].sum(0).tolist() == [25, 4, 2]


def test_the_part_is_a_function_of_the_key_and_of_nothing_else() -> None:
    table = random_names(200, 6)
    samples, numbers = np.nonzero(table)
    again = np.random.default_rng(1).permutation(len(samples))
    held = stratified(samples, numbers, 200, 0.1, 7)
    assert (stratified(samples[again], numbers[again], 200, 0.1, 7) == held).all()
    assert (stratified(samples, numbers, 200, 0.1, 8) != held).any()


def test_each_sample_is_held_out_about_as_often() -> None:
    table = np.array([[1, 0], [1, 1], [0, 1], [1, 0]] * 10, np.bool_)
    times = np.sum([held_of(table, 0.25, key) for key in range(400)], 0)
    assert times.min() > 50
    assert times.max() < 170


def test_a_hundred_thousand_samples_take_seconds_at_most() -> None:
    rng = np.random.default_rng(0)
    table = rng.random((100_000, 80)) < 0.03
    table[~table.any(1), 0] = True
    begun = time.perf_counter()
    held = held_of(table, 0.1)
    assert time.perf_counter() - begun < 20  # under one on an idle core
    np.testing.assert_allclose(table[held].sum(0), 0.1 * table.sum(0), atol=3)
