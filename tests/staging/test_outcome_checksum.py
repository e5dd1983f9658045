"""The checksum of the outcomes: wherever a table is cut, whatever its features, in the order of its rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from logreg_dist.staging.checksum import ROWS_AT_ONCE
from logreg_dist.staging.outcome_checksum import OutcomeChecksum, OutcomeHasher, joined
from tests.in_process import logistic_table, plan_of, stage

N_ROWS = 3 * ROWS_AT_ONCE + 11
RNG = np.random.default_rng(1)
OUTCOMES = np.array([RNG.integers(0, 2, N_ROWS), RNG.choice([1.0, 2.0], N_ROWS), RNG.normal(size=N_ROWS)])


def checksum(outcomes: np.ndarray, cuts: tuple[int, ...] = ()) -> OutcomeChecksum:
    found = OutcomeHasher([])
    for part in np.split(outcomes, cuts, axis=1):
        found.add(list(part), np.empty((0, part.shape[1]), dtype=np.int32))
    return found.value


WHOLE = checksum(OUTCOMES)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, N_ROWS), max_size=5))
def test_neither_batches_nor_splits_change_it(cuts):
    edges = tuple(sorted(cuts))
    assert checksum(OUTCOMES, edges) == WHOLE
    assert joined(checksum(part) for part in np.split(OUTCOMES, edges, axis=1)) == WHOLE


@settings(max_examples=25, deadline=None)
@given(st.integers(0, N_ROWS - 1), st.integers(0, N_ROWS - 1), st.integers(0, 2))
def test_two_rows_that_change_places_or_a_value_that_changes_are_seen(one, other, column):
    swapped = OUTCOMES.copy()
    swapped[:, [one, other]] = swapped[:, [other, one]]
    found = checksum(swapped)
    assert found.in_any_order == WHOLE.in_any_order
    assert (found.in_order == WHOLE.in_order) == np.array_equal(swapped, OUTCOMES)
    changed = OUTCOMES.copy()
    changed[column, one] += 1.0
    assert checksum(changed).in_any_order != WHOLE.in_any_order
    assert checksum(changed).in_order != WHOLE.in_order


def test_rows_far_apart_in_powers_of_two_are_seen_too():
    # Powers of the constant that are 2**k apart differ in their upper bits alone.
    y = np.zeros((1, 2 * 8192 + 1))
    y[0, 0] = 1.0
    moved = np.roll(y, 2 * 8192, axis=1)
    assert checksum(y).in_order != checksum(moved).in_order


def test_the_sign_of_a_zero_does_not_matter_and_no_rows_change_nothing():
    assert checksum(np.array([[0.0, 1.0]])) == checksum(np.array([[-0.0, 1.0]]))
    assert OutcomeChecksum() + WHOLE == WHOLE + OutcomeChecksum() == WHOLE


def test_a_staged_table_has_the_same_one_in_any_number_of_splits_and_with_other_features(tmp_path):
    table = logistic_table(301).append_column("weight", pa.array(np.linspace(0.0, 3.0, 301)))
    other = table.select(["x2", "weight", "label"])
    found = [
        joined(split.outcome_checksum for split in stage(rows, tmp_path / name, n_splits=n).splits)
        for name, rows, n in (("a", table, 1), ("b", table, 5), ("c", other, 2))
    ]
    assert found[0] == found[1] == found[2]
    assert found[0].n_rows == 300  # the row of weight 0 is as good as absent
    reversed_rows = stage(table.take(np.arange(301)[::-1]), tmp_path / "d", plan=plan_of(table))
    turned = joined(split.outcome_checksum for split in reversed_rows.splits)
    assert (turned.in_any_order, turned.in_order == found[0].in_order) == (found[0].in_any_order, False)


def test_three_rows_of_weight_two_are_others_than_two_rows_of_weight_three(tmp_path):
    found = []
    for name, frequency in (("a", 3.0), ("b", 2.0)):
        table = logistic_table(50).append_column("frequency", pa.array(np.full(50, frequency)))
        table = table.append_column("weight", pa.array(np.full(50, 6.0 / frequency)))
        [split] = stage(table, tmp_path / name).splits
        found.append((split.content, split.outcome_checksum.in_any_order))
    assert found[0][0] != found[1][0]
    assert found[0][1] != found[1][1]
