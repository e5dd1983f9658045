from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_recall_curve, roc_curve

from logreg_dist.assessment.curves import N_ROC_CELLS, close, trace
from logreg_dist.assessment.totals import Totals, add_up
from logreg_dist.errors import InputRejected
from tests.assessment.scored_rows import ScoredRows, assert_same, assess_rows, random_rows, scored

SAME_FORMULA = 1e-12  # the same sums in another order, divided
INVARIANT = 1e-12  # contract (B): another split count


def at_threshold(rows: ScoredRows, threshold: float) -> tuple[float, float]:
    chosen = rows.mu >= threshold
    return float(rows.weight[chosen] @ rows.y[chosen]), float(rows.weight[chosen] @ (1 - rows.y[chosen]))


@pytest.mark.parametrize("digits", [0, 1, 12])
def test_ks_is_the_largest_gap_of_the_roc_curve_of_scikit_learn(digits: int):
    rows = random_rows(digits=digits)
    fpr, tpr, thresholds = roc_curve(rows.y, rows.eta, sample_weight=rows.weight, drop_intermediate=False)
    gap = np.abs(tpr - fpr)
    found = assess_rows(rows)
    np.testing.assert_allclose(found.ks, gap.max(), rtol=SAME_FORMULA)
    np.testing.assert_allclose(
        found.ks_threshold, 1 / (1 + np.exp(-thresholds[gap.argmax()])), rtol=SAME_FORMULA
    )


def test_ks_of_a_reversed_ranking_is_the_same():
    rows = random_rows()
    reversed_rows = ScoredRows(rows.y, -rows.eta, rows.weight, rows.frequency)
    np.testing.assert_allclose(assess_rows(reversed_rows).ks, assess_rows(rows).ks, rtol=SAME_FORMULA)


@pytest.mark.parametrize("digits", [0, 1, 12])
def test_best_f1_is_the_best_of_all_thresholds_of_scikit_learn(digits: int):
    rows = random_rows(digits=digits)
    precision, recall, thresholds = precision_recall_curve(rows.y, rows.mu, sample_weight=rows.weight)
    f1 = 2 * precision[:-1] * recall[:-1] / (precision[:-1] + recall[:-1])
    found = assess_rows(rows)
    best = f1.argmax()
    np.testing.assert_allclose(
        [found.f1_at_best_f1, found.best_f1_threshold, found.precision_at_best_f1, found.recall_at_best_f1],
        [f1[best], thresholds[best], precision[best], recall[best]],
        rtol=SAME_FORMULA,
    )


@pytest.mark.parametrize("n_splits", [1, 3])
def test_the_best_threshold_applied_to_probabilities_gives_the_best_f1(n_splits: int):
    # 40 and 50 both have probability 1: no threshold separates them, though the log-odds would.
    rows = scored([1, 0, 1, 0, 0], [50.0, 40.0, 1.0, 0.0, -1.0])
    found = assess_rows(rows, n_splits=n_splits)
    expected = f1_score(rows.y, rows.mu >= found.best_f1_threshold)
    np.testing.assert_allclose(found.f1_at_best_f1, expected, rtol=SAME_FORMULA)
    assert found.best_f1_threshold == rows.mu[2]
    lone_event = scored([1, 0, 0, 0], [50.0, 40.0, 0.0, -1.0])
    assert assess_rows(lone_event, n_splits=n_splits).f1_at_best_f1 == pytest.approx(2 / 3)


def test_predicting_everybody_positive_can_be_the_best():
    found = assess_rows(scored([0, 1, 1, 1], [3.0, 2.0, 1.0, -1.0]))
    assert found.recall_at_best_f1 == 1.0
    np.testing.assert_allclose(found.best_f1_threshold, 1 / (1 + np.e), rtol=SAME_FORMULA)


def test_of_equally_good_thresholds_the_highest_is_named():
    # Cut after the first event: 2 * 1 / (1 + 2) = 2/3; after the second: 2 * 2 / (4 + 2) = 2/3.
    found = assess_rows(scored([1, 0, 0, 1], [3.0, 2.0, 1.0, 0.0]), n_splits=2)
    np.testing.assert_allclose(found.best_f1_threshold, 1 / (1 + np.exp(-3.0)), rtol=SAME_FORMULA)


@pytest.mark.parametrize("weight", [1.0, 0.1, 0.7, 1 / 3])  # sums of 0.7 and 1/3 miss a tenth by rounding
def test_ten_equal_rows_fill_ten_deciles(weight: float):
    found = assess_rows(scored([1, 0] * 5, list(range(10, 0, -1)), [weight] * 10))
    assert [row.rows for row in found.gains] == [1] * 10
    assert [row.rate for row in found.gains] == [1.0, 0.0] * 5


def test_tied_rows_stay_in_the_decile_of_the_first_of_them():
    # 3 rows tie at the top of 20: ranks 0 to 2 start in decile 1, which then has 3 rows and leaves
    # decile 2 with rank 3; 8 rows tie from rank 4, decile 3, so that deciles 4 to 6 are empty.
    eta = [9.0] * 3 + [8.0] + [7.0] * 8 + list(np.linspace(6, 5, 8))
    found = assess_rows(scored([1] * 10 + [0] * 10, eta))
    assert [row.rows for row in found.gains] == [3, 1, 8, 0, 0, 0, 2, 2, 2, 2]
    empty = found.gains[3]
    assert (empty.rate, empty.lift, empty.min_score, empty.max_score) == (None, None, None, None)
    assert empty.cumulative_gain == 1.0


def test_deciles_are_ranked_by_weight():
    found = assess_rows(scored([1, 0, 1], [3.0, 2.0, 1.0], [5.0, 4.0, 1.0]))
    assert [row.rows for row in found.gains] == [1, 0, 0, 0, 0, 1, 0, 0, 0, 1]
    assert found.gains[0].cumulative_gain == pytest.approx(5 / 6)
    assert found.gains[5].lift == 0.0


def test_the_score_range_of_a_decile_goes_from_its_lowest_to_its_highest_probability():
    rows = scored([1, 0] * 10, list(np.linspace(2, -2, 20)))
    found = assess_rows(rows).gains
    assert [row.max_score for row in found] == rows.mu[0::2].tolist()
    assert [row.min_score for row in found] == rows.mu[1::2].tolist()


def test_gains_are_read_off_by_hand():
    # Four of ten rows are events: three in the first half of the ranking.
    found = assess_rows(scored([1, 1, 0, 1, 0, 0, 1, 0, 0, 0], list(range(10, 0, -1))))
    assert [row.cumulative_gain for row in found.gains] == [0.25, 0.5, 0.5, 0.75, 0.75, 0.75, 1, 1, 1, 1]
    assert [row.lift for row in found.gains[:3]] == [2.5, 2.5, 0.0]
    assert found.gains[0].min_score == found.gains[0].max_score == pytest.approx(1 / (1 + np.exp(-10)))


def test_the_gains_table_adds_up_to_the_whole():
    rows = random_rows()
    found = assess_rows(rows)
    assert len(found.gains) == 10
    assert sum(row.rows for row in found.gains) == found.n_rows == len(rows.y)
    assert sum(row.events for row in found.gains) == found.n_events == rows.frequency @ rows.y
    np.testing.assert_allclose(
        sum(row.weight_sum for row in found.gains), rows.weight.sum(), rtol=SAME_FORMULA
    )


@pytest.mark.parametrize("n_bins", [1, 4, 10])
def test_calibration_bins_average_rows_of_neighbouring_scores(n_bins: int):
    rows = random_rows(digits=12)
    found = assess_rows(rows, n_bins=n_bins).calibration
    assert [row.bin for row in found] == list(range(1, n_bins + 1))
    for row in found:
        inside = (rows.mu >= row.min_score) & (rows.mu <= row.max_score)
        assert row.rows == inside.sum()
        expected = [np.average(values[inside], weights=rows.weight[inside]) for values in (rows.mu, rows.y)]
        np.testing.assert_allclose([row.mean_predicted, row.observed_rate], expected, rtol=SAME_FORMULA)
    assert all(low.max_score < high.min_score for low, high in pairwise(found))


def test_every_roc_point_is_exact_and_their_number_bounded():
    rows = random_rows(3000, digits=12)
    points = assess_rows(rows).roc
    assert len(points) == N_ROC_CELLS + 1 == 200
    assert (points[0].fpr, points[0].tpr, points[0].threshold) == (0.0, 0.0, None)
    for point in points[1:]:
        tp, fp = at_threshold(rows, point.threshold)
        expected = [fp / (rows.weight @ (1 - rows.y)), tp / (rows.weight @ rows.y)]
        np.testing.assert_allclose([point.fpr, point.tpr], expected, rtol=SAME_FORMULA, atol=SAME_FORMULA)


@pytest.mark.parametrize(("n_splits", "n_chunks"), [(1, 5), (3, 1), (7, 4), (500, 1)])
def test_splits_chunks_and_empty_ones_do_not_matter(n_splits: int, n_chunks: int):
    rows = random_rows()
    assert_same(assess_rows(rows), assess_rows(rows, n_splits=n_splits, n_chunks=n_chunks), rtol=INVARIANT)


def test_a_second_reading_with_other_rows_is_rejected():
    groups = random_rows().groups()
    whole = add_up([groups])
    fewer = trace([groups.part(slice(1, None))], Totals(), whole, n_bins=10)
    with pytest.raises(InputRejected, match="changed while it was read"):
        close(fewer, whole)
