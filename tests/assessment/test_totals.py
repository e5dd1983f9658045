from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from logreg_dist.assessment.totals import Totals, add_up
from logreg_dist.assessment.wire import to_vector
from tests.assessment.scored_rows import ScoredRows, assess_rows, pieces, random_rows, scored

SAME_FORMULA = 1e-13  # the same sums in another order
ONE_ROUNDING = 1e-15


def every_pair(rows: ScoredRows) -> float:
    """The definition of concordance, pair by pair."""
    above = rows.eta[:, None] > rows.eta[None, :]
    tied = rows.eta[:, None] == rows.eta[None, :]
    weight = np.outer(rows.weight * rows.y, rows.weight * (1 - rows.y))
    return float((weight * (above + tied / 2)).sum())


def test_concordance_counts_every_pair_with_ties_half():
    rows = random_rows(200)
    np.testing.assert_allclose(add_up([rows.groups()]).concordance, every_pair(rows), rtol=SAME_FORMULA)


@pytest.mark.parametrize("digits", [0, 1, 12])
def test_auc_log_loss_and_brier_agree_with_scikit_learn(digits: int):
    rows = random_rows(digits=digits)
    found = assess_rows(rows)
    weights = {"sample_weight": rows.weight}
    expected = [metric(rows.y, rows.mu, **weights) for metric in (roc_auc_score, log_loss, brier_score_loss)]
    np.testing.assert_allclose([found.auc, found.log_loss, found.brier], expected, rtol=SAME_FORMULA)


@pytest.mark.parametrize("n", [1, 2, 7, 400])
def test_totals_of_ranges_add_to_the_totals_of_all(n: int):
    groups = random_rows().groups()
    whole, parts = Totals(), [add_up([piece]) for piece in pieces(groups, n)]
    for part in parts:
        whole = whole.followed_by(part)
    np.testing.assert_allclose(to_vector(whole), to_vector(add_up([groups])), rtol=SAME_FORMULA)


def test_no_rows_are_the_neutral_element():
    totals = add_up([random_rows().groups()])
    assert Totals().followed_by(totals) == totals == totals.followed_by(Totals())


def test_log_loss_is_not_clipped_at_extreme_scores():
    # One row wrong by 800 log-odds among one hundred right ones: 800 nats, where clipping gives 36.
    rows = scored([0] + [1] * 100, [800.0] + [900.0] * 100)
    np.testing.assert_allclose(add_up([rows.groups()]).log_loss, 800.0, rtol=ONE_ROUNDING)


def test_log_loss_keeps_its_digits_when_nearly_certain():
    # log(1 + exp(-40)) = exp(-40) to double precision; through the probability it would be 0.
    np.testing.assert_allclose(
        add_up([scored([1], [40.0]).groups()]).log_loss, np.exp(-40.0), rtol=ONE_ROUNDING
    )


def test_brier_of_a_grouped_outcome_is_that_of_its_trials():
    share = assess_rows(scored([0.25, 0.5], [-1.0, 1.0], [4.0, 2.0]))
    trials = assess_rows(scored([1, 0, 0, 0, 1, 0], [-1.0] * 4 + [1.0] * 2))
    np.testing.assert_allclose(
        [share.brier, share.log_loss], [trials.brier, trials.log_loss], rtol=ONE_ROUNDING
    )


def test_a_probability_of_one_half_is_predicted_positive():
    totals = add_up([scored([1, 0, 1], [0.0, -1e-9, 3.0]).groups()])
    assert (totals.true_positive, totals.false_positive) == (2.0, 0.0)
