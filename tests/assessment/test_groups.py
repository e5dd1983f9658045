from __future__ import annotations

import numpy as np
import pytest

from logreg_dist.assessment.groups import ScoreGroups, add_ties, concatenate, merge_chunks
from tests.assessment.scored_rows import pieces, random_rows, scored

ROUNDING = 1e-14  # sums of a few hundred doubles in another order


def test_scores_come_out_distinct_and_descending():
    score = random_rows().groups().linear_predictor
    assert (np.diff(score) < 0).all()


def test_a_group_holds_the_sums_of_its_rows():
    rows = random_rows()
    groups = rows.groups()
    tied = rows.eta == groups.linear_predictor[40]
    assert tied.sum() > 1
    weight, y, frequency = rows.weight[tied], rows.y[tied], rows.frequency[tied]
    expected = [tied.sum(), frequency.sum(), frequency @ y, weight @ y, weight @ (1 - y)]
    found = [column[40] for column in groups.columns()[2:]]
    np.testing.assert_allclose(found, expected, rtol=ROUNDING)


def test_minus_zero_and_zero_are_one_score():
    groups = scored([1, 0, 1], [-0.0, 0.0, -0.0]).groups()
    assert groups.linear_predictor.tolist() == [0.0]
    assert not np.signbit(groups.linear_predictor[0])


def test_a_grouped_outcome_equals_its_trials():
    share = scored([0.25], [1.0], [4.0]).groups()
    trials = scored([1, 0, 0, 0], [1.0] * 4).groups()
    assert share.positive.tolist() == trials.positive.tolist() == [1.0]
    assert share.negative.tolist() == trials.negative.tolist() == [3.0]


def test_no_rows_make_no_groups():
    assert len(scored([], []).groups()) == 0


@pytest.mark.parametrize("n_chunks", [1, 2, 13, 1000])
def test_ties_across_chunks_become_one_group(n_chunks: int):
    rows = random_rows()
    order = np.argsort(-rows.eta, kind="stable")
    each_row = concatenate([rows.take(order[k : k + 1]).groups() for k in range(len(order))])
    merged = concatenate(list(merge_chunks(pieces(each_row, n_chunks))))
    for found, expected in zip(merged.columns(), rows.groups().columns(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=ROUNDING)


def test_one_score_over_many_chunks_is_one_group():
    chunk = scored([1, 0], [0.5, 0.5]).groups()
    merged = list(merge_chunks([chunk] * 5))
    assert [groups.n_rows.tolist() for groups in merged] == [[10.0]]


def test_no_chunks_merge_to_nothing():
    assert list(merge_chunks([])) == []


def test_the_highest_probability_of_a_tie_is_kept():
    columns = (np.array([1.0, 1.0]), np.array([0.7, 0.8]), *(np.ones(2) for _ in range(5)))
    assert add_ties(ScoreGroups(*columns)).probability.tolist() == [0.8]
