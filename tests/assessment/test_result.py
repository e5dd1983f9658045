from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from logreg_dist.assessment.curves import empty_curves
from logreg_dist.assessment.wire import from_vector, to_vector
from tests.assessment.scored_rows import ScoredRows, assert_same, assess_rows, random_rows, scored

SAME_FORMULA = 1e-12

CONTRACT_KEYS = {
    *(
        "n_rows",
        "n_events",
        "log_loss",
        "brier",
        "auc",
        "gini",
        "ks",
        "accuracy",
        "precision",
        "recall",
        "f1",
    ),
    *("best_f1_threshold", "accuracy_at_best_f1", "precision_at_best_f1", "recall_at_best_f1"),
    *("f1_at_best_f1", "calibration_intercept", "calibration_slope", "gains", "calibration"),
}
GAINS_KEYS = {"decile", "rows", "events", "rate", "cumulative_gain", "lift", "min_score", "max_score"}


def test_the_dictionary_holds_the_keys_of_the_contract_and_is_plain_json():
    found = assess_rows(random_rows()).as_dict()
    assert set(found) >= CONTRACT_KEYS
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert set(found["gains"][0]) >= GAINS_KEYS


@pytest.mark.parametrize("which", ["half", "best_f1"])
def test_classification_at_a_threshold_agrees_with_scikit_learn(which: str):
    rows = random_rows()
    found = assess_rows(rows)
    suffix = "" if which == "half" else "_at_best_f1"
    chosen = rows.mu >= (0.5 if which == "half" else found.best_f1_threshold)
    for name, metric in [
        ("accuracy", accuracy_score),
        ("precision", precision_score),
        ("recall", recall_score),
        ("f1", f1_score),
    ]:
        expected = metric(rows.y, chosen, sample_weight=rows.weight)
        np.testing.assert_allclose(getattr(found, name + suffix), expected, rtol=SAME_FORMULA)


def test_no_predicted_positive_leaves_precision_undefined_and_recall_zero():
    found = assess_rows(scored([1, 0, 0], [-1.0, -2.0, -3.0]))
    assert (found.precision, found.recall, found.f1) == (None, 0.0, 0.0)
    assert any("precision" in note for note in found.notes)


@pytest.mark.parametrize(("y", "kind"), [(1.0, "non-event"), (0.0, "event")])
def test_one_class_only_is_told_and_not_guessed(y: float, kind: str):
    found = assess_rows(scored([y] * 4, [1.0, 0.5, -0.5, -1.0]), n_splits=3)
    assert (found.auc, found.gini, found.ks, found.ks_threshold, found.roc) == (None, None, None, None, ())
    assert (found.calibration_slope, found.calibration_in_the_large) == (None, None)
    assert found.notes[0].startswith(f"There is no {kind} in the table")
    assert np.isfinite(found.log_loss)


def test_without_events_what_divides_by_them_is_none():
    found = assess_rows(scored([0.0] * 4, [1.0, 0.5, -0.5, -1.0]))
    assert (found.recall, found.best_f1_threshold, found.f1_at_best_f1) == (None, None, None)
    assert {(row.cumulative_gain, row.lift) for row in found.gains} == {(None, None)}


def test_one_score_for_all_rows_has_an_auc_of_one_half():
    found = assess_rows(scored([1, 0, 0, 1, 0], [0.3] * 5))
    assert (found.auc, found.gini, found.ks) == (0.5, 0.0, 0.0)
    assert [row.rows for row in found.gains] == [5] + [0] * 9


def test_a_row_of_weight_and_frequency_two_counts_as_two_rows():
    rows = random_rows()
    twice = np.arange(len(rows.y)) % 3 == 0
    factor = np.where(twice, 2.0, 1.0)
    weighted = ScoredRows(rows.y, rows.eta, factor * rows.weight, factor * rows.frequency)
    repeated = rows.take(np.repeat(np.arange(len(rows.y)), factor.astype(int)))
    left, right = assess_rows(weighted).as_dict(), assess_rows(repeated).as_dict()
    for row in [left, right, *left["gains"], *right["gains"], *left["calibration"], *right["calibration"]]:
        row.pop("n_rows", None), row.pop("rows", None)  # table rows are what differs
    for name in left:
        if name not in ("gains", "calibration", "roc", "notes"):
            np.testing.assert_allclose(left[name], right[name], rtol=SAME_FORMULA)
    for table in ("gains", "calibration"):
        for one, other in zip(left[table], right[table], strict=True):
            np.testing.assert_allclose(list(one.values()), list(other.values()), rtol=SAME_FORMULA)


def test_the_order_of_rows_does_not_matter():
    rows = random_rows()
    shuffled = rows.take(np.random.default_rng(3).permutation(len(rows.y)))
    assert_same(assess_rows(rows), assess_rows(shuffled), rtol=SAME_FORMULA)


def test_flipping_the_label_and_the_score_keeps_auc_and_log_loss():
    rows = random_rows()
    flipped = assess_rows(ScoredRows(1 - rows.y, -rows.eta, rows.weight, rows.frequency))
    found = assess_rows(rows)
    for name in ("auc", "ks", "log_loss", "brier", "calibration_slope"):
        np.testing.assert_allclose(getattr(flipped, name), getattr(found, name), rtol=SAME_FORMULA)
    np.testing.assert_allclose(flipped.calibration_intercept, -found.calibration_intercept, rtol=SAME_FORMULA)


def test_events_of_grouped_outcomes_are_whole_numbers():
    rows = scored([1 / 49, 5 / 49], [0.0, 1.0], [49.0, 49.0])
    found = assess_rows(ScoredRows(rows.y, rows.eta, rows.weight, rows.weight))
    assert (found.n_rows, found.n_obs, found.n_events) == (2, 98, 6)
    assert isinstance(found.n_events, int)


def test_a_record_survives_the_way_to_the_driver():
    curves = empty_curves(7)
    numbers = np.arange(len(to_vector(curves)), dtype=float)
    assert to_vector(from_vector(numbers, curves)).tolist() == numbers.tolist()


def test_a_vector_of_another_length_is_refused():
    numbers = to_vector(empty_curves(7))
    with pytest.raises(ValueError, match="numbers was expected"):
        from_vector(numbers, empty_curves(6))
