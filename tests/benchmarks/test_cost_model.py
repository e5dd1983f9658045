from __future__ import annotations

import doctest

from benchmarks import cost_model
from benchmarks.cost_model import Size, pass_seconds, result_bytes, seconds


def test_the_examples_hold():
    found = doctest.testmod(cost_model)
    assert (found.failed, found.attempted > 3) == (0, True)


def test_more_of_anything_costs_more_and_more_cores_less():
    size = Size(10_000_000, 20, 5)
    assert seconds(Size(20_000_000, 20, 5), 4) > seconds(size, 4)
    assert seconds(Size(10_000_000, 21, 5), 4) > seconds(size, 4)
    assert seconds(Size(10_000_000, 20, 6), 4) > seconds(size, 4)
    assert seconds(size, 8) < seconds(size, 4)
    assert pass_seconds(Size(0, 20), 4) > 0  # a Spark job is never free


def test_what_reaches_the_driver_stops_growing_with_the_splits():
    each, few = result_bytes(1_000, 8)
    assert (each, few) == (8_000_000, 64_000_000)
    assert result_bytes(1_000, 2_000)[1] < 50 * each
