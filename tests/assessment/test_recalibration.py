from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from logreg_dist.assessment.recalibration import evaluate_line, recalibrate
from logreg_dist.assessment.totals import add_up
from tests.assessment.scored_rows import ScoredRows, assess_rows, pieces, random_rows, scored

ESTIMATE = 1e-9  # LRE 9, as for all estimates
DERIVATIVE = 1e-6  # central differences
SAME_FORMULA = 1e-12


def glm(rows: ScoredRows, X: np.ndarray, offset: np.ndarray | None = None) -> np.ndarray:
    model = sm.GLM(rows.y, X, family=sm.families.Binomial(), var_weights=rows.weight, offset=offset)
    return model.fit(tol=1e-14, maxiter=100).params


@pytest.mark.parametrize("digits", [1, 12])
def test_intercept_and_slope_agree_with_statsmodels(digits: int):
    rows = random_rows(digits=digits)
    found = assess_rows(rows)
    expected = glm(rows, sm.add_constant(rows.eta))
    np.testing.assert_allclose(
        [found.calibration_intercept, found.calibration_slope], expected, rtol=ESTIMATE
    )


def test_calibration_in_the_large_is_the_intercept_with_the_score_as_offset():
    rows = random_rows()
    expected = glm(rows, np.ones((len(rows.y), 1)), offset=rows.eta)
    np.testing.assert_allclose(assess_rows(rows).calibration_in_the_large, expected[0], rtol=ESTIMATE)


def test_two_scores_have_a_solution_by_hand():
    # At eta = -1 one of four, at eta = 1 three of four: logit(3/4) = log 3 = slope, intercept 0.
    found = assess_rows(scored([0, 0, 0, 1, 1, 1, 1, 0], [-1.0] * 4 + [1.0] * 4))
    np.testing.assert_allclose(found.calibration_slope, np.log(3.0), rtol=ESTIMATE)
    np.testing.assert_allclose(found.calibration_intercept, 0.0, atol=ESTIMATE)


@pytest.mark.parametrize("factor", [1e-6, 1e4])
@pytest.mark.parametrize("moved", [0.0, 1e3])
def test_scores_on_another_scale_have_the_inverse_line(factor: float, moved: float):
    rows = random_rows()
    other = ScoredRows(rows.y, moved + factor * rows.eta, rows.weight, rows.frequency)
    line, found = assess_rows(rows), assess_rows(other)
    np.testing.assert_allclose(found.calibration_slope * factor, line.calibration_slope, rtol=DERIVATIVE)
    np.testing.assert_allclose(
        found.calibration_intercept + found.calibration_slope * moved,
        line.calibration_intercept,
        rtol=DERIVATIVE,
        atol=DERIVATIVE * abs(found.calibration_slope * moved),
    )


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_only_proportions_of_weights_matter(scale: float):
    rows = random_rows()
    other = ScoredRows(rows.y, rows.eta, scale * rows.weight, rows.frequency)
    left, right = assess_rows(rows), assess_rows(other)
    for name in ("calibration_intercept", "calibration_slope", "calibration_in_the_large", "auc", "log_loss"):
        np.testing.assert_allclose(getattr(right, name), getattr(left, name), rtol=ESTIMATE)


def test_a_rough_start_leads_to_the_same_line():
    groups = random_rows().groups()
    totals = add_up([groups])
    centre = totals.score_sum / totals.weight_sum

    def evaluate(beta: np.ndarray):
        return evaluate_line(beta, [groups], centre)

    expected = recalibrate(evaluate, totals)
    for start in ([0.0, 0.0], [3.0, -4.0], [0.2, 9.0]):
        np.testing.assert_allclose(recalibrate(evaluate, totals, np.array(start)), expected, rtol=ESTIMATE)


@pytest.mark.parametrize(
    ("y", "eta"),
    [
        ([1, 1, 0, 0], [2.0, 1.0, -1.0, -2.0]),  # complete separation
        ([1, 1, 0, 0], [2.0, 1.0, 1.0, -2.0]),  # quasi-complete: they touch in one score
        ([0, 0, 1, 1], [2.0, 1.0, -1.0, -2.0]),  # separated the wrong way round
        ([1, 0, 1, 0], [0.5] * 4),  # nothing to fit a slope to
    ],
)
def test_no_finite_line_is_none_with_a_note(y: list[float], eta: list[float]):
    found = assess_rows(scored(y, eta))
    assert found.calibration_intercept is None
    assert found.calibration_slope is None
    assert found.calibration_in_the_large is not None
    assert ["no finite estimate" in note for note in found.notes] == [True]


def test_overlap_of_one_pair_is_enough_for_a_line():
    rows = scored([1, 0, 1, 0], [2.0, 1.0, 0.0, -1.0])
    found = assess_rows(rows)
    expected = glm(rows, sm.add_constant(rows.eta))
    np.testing.assert_allclose(
        [found.calibration_intercept, found.calibration_slope], expected, rtol=ESTIMATE
    )


def test_certain_and_right_scores_have_no_shift_to_fit():
    found = assess_rows(scored([1, 0], [900.0, -900.0]))
    assert found.calibration_in_the_large is None
    assert "calibration_in_the_large is null" in found.notes[-1]


def test_score_and_information_are_the_derivatives_of_the_deviance():
    groups, beta, h = random_rows().groups(), np.array([0.3, 0.8]), 1e-5
    state = evaluate_line(beta, [groups], 0.5)
    for j in range(2):
        step = h * np.eye(2)[j]
        up, down = (evaluate_line(beta + sign * step, [groups], 0.5) for sign in (1, -1))
        np.testing.assert_allclose(state.score[j], (down.deviance - up.deviance) / (4 * h), rtol=DERIVATIVE)
        np.testing.assert_allclose(state.information[j], (down.score - up.score) / (2 * h), rtol=DERIVATIVE)


@pytest.mark.parametrize("n", [2, 9, 400])
def test_line_states_of_chunks_add(n: int):
    groups, beta = random_rows().groups(), np.array([0.3, 0.8])
    whole, parts = evaluate_line(beta, [groups], 0.0), evaluate_line(beta, pieces(groups, n), 0.0)
    np.testing.assert_allclose(parts.information, whole.information, rtol=SAME_FORMULA)
    np.testing.assert_allclose(parts.deviance, whole.deviance, rtol=SAME_FORMULA)
