"""Rows scored in NumPy against a sum written out, row by row."""

from __future__ import annotations

import json
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logreg_dist.scoring.predictors import by_class, class_probabilities
from logreg_dist.scoring.rows import SLICE_ROWS, score_rows
from logreg_dist.scoring.tasks import BatchLayout, read_notes, score_batches
from logreg_dist.scoring.terms import LevelTerm, NumericTerm, ScoreTerms, count_names, score_terms
from tests.scoring.models import categorical, model_of, numeric

# One rounding of each product and sum.
ROUNDING = 1e-14
# Two ways to write the sigmoid.
SIGMOID = 1e-13

AGE = NumericTerm("age", 0.5, missing_value=None, missing_is_error=True)
FILLED = NumericTerm("filled", 2.0, missing_value=-7.0, missing_is_error=False)
ESTIMATES = {"a": 0.0, "b": 2.0, "c": -3.0}


def level(**settings):
    values = {
        "name": "plan",
        "estimates": ESTIMATES,
        "missing_value": None,
        "unseen_value": None,
        "missing_is_unseen": False,
        "missing_is_error": True,
        "unseen_is_error": True,
        "unseen_policy": "error",
    }
    return LevelTerm(**values | settings)


def scored(column, term):
    """The contribution of one column and its counts."""
    found = score_rows([column], ScoreTerms(None, (term,), None), len(column))
    return found.linear_predictor.tolist(), found.odd[0].tolist()


def equal(found, expected):
    np.testing.assert_array_equal(found, np.array(expected, dtype=float))


def test_a_long_batch_is_the_sum_of_its_terms_row_by_row():
    rng = np.random.default_rng(1)
    n = 2 * SLICE_ROWS + 3
    x, z = rng.normal(size=n), rng.normal(size=n)
    plan = rng.choice(["a", "b", "c"], n)
    terms = ScoreTerms(-1.5, (AGE, level(), FILLED), None)
    found = score_rows([pa.array(x), pa.array(plan), z], terms, n)
    expected = [-1.5 + 0.5 * x[i] + ESTIMATES[plan[i]] + 2.0 * z[i] for i in range(n)]
    np.testing.assert_allclose(found.linear_predictor, expected, rtol=0, atol=ROUNDING * 10)
    assert found.odd.sum() == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 9), st.floats(0, 300))
def test_the_probability_is_the_sigmoid_of_x_beta(seed, n_columns, size):
    rng = np.random.default_rng(seed)
    beta, X = rng.normal(size=n_columns + 1) * size, rng.normal(size=(20, n_columns))
    numbers = tuple(NumericTerm(f"x{k}", float(beta[k + 1]), None, True) for k in range(n_columns))
    plan = rng.choice(["a", "b", "c"], 20)
    terms = ScoreTerms(float(beta[0]), (*numbers, level()), None)
    eta = score_rows([*X.T.copy(), pa.array(plan)], terms, 20).linear_predictor
    expected = np.array(
        [
            beta[0] + ESTIMATES[p] + sum(x * b for x, b in zip(row, beta[1:], strict=True))
            for p, row in zip(plan, X, strict=True)
        ]
    )
    np.testing.assert_allclose(eta, expected, rtol=0, atol=ROUNDING * (10 + np.abs(beta).sum() * 10))
    of_positive = class_probabilities(by_class([eta], [None, 0]))[1]
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(of_positive, 1 / (1 + np.exp(-eta)), rtol=SIGMOID, atol=1e-300)


@pytest.mark.parametrize("n_columns", [0, 1, 2, 3, 7, 64, 65])
def test_any_number_of_columns_is_added_up(n_columns):
    terms = ScoreTerms(1.0, tuple(NumericTerm(f"x{k}", 2.0**k, None, True) for k in range(n_columns)), None)
    found = score_rows([np.array([1.0, 0.0])] * n_columns, terms, 2)
    # Powers of two up to the digits of a double: exact in any order but for the very last.
    assert found.linear_predictor.tolist() == [float(2**n_columns), 1.0]


def test_a_model_without_terms_scores_zero():
    assert score_rows([], ScoreTerms(None, (), None), 2).linear_predictor.tolist() == [0.0, 0.0]


def test_missing_infinite_and_huge_numbers_are_told_apart():
    column = pa.array([1.0, None, np.nan, np.inf, -1e101, 1e100])
    found, odd = scored(column, AGE)
    equal(found, [0.5, np.nan, np.nan, np.nan, np.nan, 5e99])
    assert odd == [2, 0, 2]
    found, odd = scored(column, FILLED)
    equal(found, [2.0, -7.0, -7.0, np.nan, np.nan, 2e100])
    assert odd == [2, 0, 2]


def test_a_huge_number_of_a_column_without_effect_is_still_unusable():
    found, odd = scored(pa.array([1e150, 1.0]), NumericTerm("x", 0.0, None, True))
    equal(found, [np.nan, 0.0])
    assert odd == [0, 0, 1]


def test_many_large_numbers_are_usable_although_their_squares_add_up_to_more():
    found, odd = scored(pa.array([9e99] * 1000), AGE)
    assert (set(found), odd) == ({4.5e99}, [0, 0, 0])


def test_texts_that_are_no_numbers_are_unusable_and_null_is_missing():
    found, odd = scored(pa.array([" 4 ", "x", None, "1e999"]), FILLED)
    equal(found, [8.0, np.nan, -7.0, np.nan])
    assert odd == [1, 0, 2]


@pytest.mark.parametrize("form", ["plain", "dictionary"])
def test_levels_are_looked_up_and_unlisted_ones_counted(form):
    column = pa.array(["a", "b", "new", None, "new"])
    column = column if form == "plain" else column.dictionary_encode()
    found, odd = scored(column, level())
    equal(found, [0.0, 2.0, np.nan, np.nan, np.nan])
    assert odd == [1, 2, 0]
    found, odd = scored(column, level(missing_value=9.0, unseen_value=4.0))
    equal(found, [0.0, 2.0, 4.0, 9.0, 4.0])
    found, odd = scored(column, level(missing_value=4.0, unseen_value=4.0, missing_is_unseen=True))
    assert odd == [1, 3, 0]


def test_a_level_of_the_dictionary_that_no_row_has_is_not_counted():
    column = pa.array(["new", "a", "b"]).dictionary_encode()[1:]
    assert scored(column, level()) == ([0.0, 2.0], [0, 0, 0])


def test_whole_numbers_are_levels_whatever_their_type_and_others_are_unusable():
    term = level(estimates={"1": 1.0, "2": 2.0}, missing_value=5.0)
    expected = [1.0, 2.0, 5.0]
    for column in (
        pa.array([1, 2, None]),
        pa.array([1.0, 2.0, np.nan]),
        pa.array([Decimal("1.0"), Decimal("2.0"), None]),
    ):
        assert scored(column, term) == (expected, [1, 0, 0])
    found, odd = scored(pa.array([1.0, 2.5, None, np.inf]), term)
    equal(found, [1.0, np.nan, 5.0, np.nan])
    assert odd == [1, 0, 2]


def test_a_column_that_a_file_does_not_have_is_missing_everywhere():
    assert scored(pa.nulls(2), FILLED) == ([-7.0, -7.0], [2, 0, 0])
    assert scored(pa.nulls(2), level(missing_value=1.0)) == ([1.0, 1.0], [2, 0, 0])


def test_terms_follow_the_policies_of_the_design():
    model = model_of(
        numeric("mean", "double", "mean", 2.0),
        numeric("shown", "double", "indicator", 3.0),
        numeric("dropped", "double", "drop"),
        categorical("merged", "string", ["a", "b", "__other__"], unseen="other"),
        categorical("own", "string", ["a", "b", "__missing__"], missing="level", unseen="null"),
        categorical("none", "string", ["a", "b"], missing="level", unseen="reference"),
    )
    b = model.estimates
    terms = score_terms(model.design, b, "o")
    mean, shown, dropped, merged, own, none, offset = terms.columns
    assert mean.missing_value == 2 * b["mean"]
    assert shown.missing_value == 3 * b["shown"] + b["shown[missing]"]
    assert (dropped.missing_value, dropped.missing_is_error) == (None, False)
    assert (merged.unseen_value, merged.unseen_is_error) == (b["merged[__other__]"], False)
    assert (own.missing_value, own.unseen_value, own.unseen_is_error) == (b["own[__missing__]"], None, False)
    assert (none.missing_is_unseen, none.missing_value, none.unseen_value) == (True, 0.0, 0.0)
    assert (offset.name, offset.slope, offset.missing_is_error) == ("o", 1.0, True)
    assert json.loads(json.dumps(merged.estimates))["a"] == 0.0


LAYOUT = BatchLayout(
    ScoreTerms(0.0, (AGE, level()), None), places=((1, None), (2, None)), carried=(0,), n_keys=1
)
NAMES = count_names(LAYOUT.terms.columns, 1)


def batch(*rows):
    kinds = (pa.string(), pa.float64(), pa.string())
    arrays = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), kinds, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=["key", "age", "plan"])


def test_the_counts_of_all_batches_are_the_note_of_the_last_row():
    good, odd = batch(("k", 1.0, "a"), ("l", 2.0, "b")), batch((None, None, "new"), ("m", 1.0, "a"))
    found = list(score_batches([odd, good, odd, good], LAYOUT))
    notes = [note for part in found for note in part.column("note").to_pylist()]
    assert [note is None for note in notes] == [True] * 7 + [False]
    counts = dict(zip(NAMES, read_notes(notes[-1:], len(NAMES)), strict=True))
    assert {name: n for name, n in counts.items() if n} == {
        "unscored": 2,
        "missing_0": 2,
        "unseen_1": 2,
        "missing_key_0": 2,
    }
    assert [part.column("linear_predictor").to_pylist() for part in found[:2]] == [[None, 0.5], [0.5, 3.0]]


def test_rows_without_anything_odd_have_no_note():
    [found] = score_batches([batch(("k", 1.0, "a"))], LAYOUT)
    assert found.column("note").to_pylist() == [None]


def test_no_batches_and_empty_ones_give_no_rows():
    assert list(score_batches([], LAYOUT)) == []
    assert list(score_batches([batch(("k", 1.0, "a"))[:0]], LAYOUT)) == []


def test_a_refusal_is_noted_in_the_batch_that_gives_reason_for_it():
    refusing = BatchLayout(
        LAYOUT.terms, LAYOUT.places, LAYOUT.carried, 1, refusals=((NAMES.index("unseen_1"), "not this"),)
    )
    found = list(score_batches([batch(("k", 1.0, "a")), batch(("k", 1.0, "new"))], refusing))
    assert [part.column("note").to_pylist() for part in found] == [[None], ["not this"]]


def test_numbers_that_come_together_are_taken_apart():
    arrays = pa.array([[1.0, 10.0], [None, 20.0]], pa.list_(pa.float64()))
    together = pa.RecordBatch.from_arrays([pa.array(["k", "l"]), arrays], names=["key", "numbers"])
    layout = BatchLayout(
        ScoreTerms(0.0, (FILLED, AGE), None), places=((1, 0), (1, 1)), carried=(0,), n_keys=1
    )
    [found] = score_batches([together], layout)
    assert found.column("linear_predictor").to_pylist() == [7.0, 3.0]
