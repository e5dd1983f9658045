"""Which models can be compared, and what stands against the others."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scipy import stats

from logreg_dist import compare_models
from logreg_dist.design.derived import DerivedColumn, LevelPart, Transform
from logreg_dist.design.spec import CategoricalColumn, DesignSpec, NumericColumn
from logreg_dist.errors import ArtefactInvalid, NotComparable
from logreg_dist.inference.records import CovarianceRecord
from logreg_dist.model.model import Coefficient, LogisticModel, Status
from logreg_dist.model.nesting import not_nested
from logreg_dist.model.selection import SelectionRecord
from tests.model.models import awkward_model

AGE = NumericColumn("age", "int", "mean", "error", 1e-17, True, 40.0, 9.0)
PLAN = CategoricalColumn("plan", "string", "error", "error", ("a", "b", "c"), "a", None)
SPLINE = Transform("ns(age, 2)", "age", "ns", (41.0,), (20.0, 60.0))
OUTCOMES = {"in_order": "1f", "in_any_order": "2f"}


def fitted(design: DesignSpec, deviance: float, **changes) -> LogisticModel:
    terms = design.terms()
    rows = tuple(Coefficient(term.name, term.column, term.level, 1.0, 0.5, *(None,) * 7) for term in terms)
    model = replace(
        awkward_model(),
        design=design,
        coefficient_rows=rows,
        deviance=deviance,
        null_deviance=120.0,
        aic=deviance + 2 * len(terms),
        bic=deviance + 7 * len(terms),
        fingerprint={"outcomes": OUTCOMES},
    )
    return replace(model, **changes)


SMALLER = fitted(DesignSpec((AGE,), True), 110.0)
LARGER = fitted(DesignSpec((PLAN, AGE), True), 100.0)


def test_the_test_is_the_fall_of_the_deviance_on_the_terms_that_are_more():
    found = compare_models(SMALLER, LARGER)
    assert (found.lr_statistic, found.df) == (10.0, 2)
    assert found.p_value == pytest.approx(stats.chi2.sf(10.0, 2), rel=1e-15)
    assert (found.delta_aic, found.delta_bic) == (-6.0, 4.0)
    assert (found.same_rows, found.notes) == (True, ())


def test_a_term_without_an_estimate_does_not_count():
    last = LARGER.coefficient_rows[-1]
    aliased = replace(LARGER, coefficient_rows=(*LARGER.coefficient_rows[:-1], replace(last, estimate=None)))
    assert compare_models(SMALLER, aliased).df == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": Status.NOT_CONVERGED}, "the larger model is not_converged"),
        ({"estimator": "penalised"}, "is penalised, not fitted by maximum likelihood"),
        ({"estimator": "firth"}, "is firth, not fitted by maximum likelihood"),
        ({"estimator": "dropped"}, "has left out terms because they separate the label"),
        ({"n_rows": 999}, "n_rows differs: 1,000, 999"),
        ({"n_dropped": 4}, "n_dropped differs: 3, 4"),
        ({"n_obs": 1001.0}, "n_obs differs"),
        ({"weight_sum": 5.0}, "weight_sum differs"),
        ({"n_events": 301.0}, "n_events differs"),
        ({"null_deviance": 120.001}, "null_deviance differs"),
        ({"label": replace(LARGER.label, positive="No")}, "label.positive differs"),
        ({"label": replace(LARGER.label, column="left")}, "label.column differs"),
        ({"family": "multinomial"}, "the family differs"),
        ({"config": {"offset": "o"}}, "offset differs"),
        ({"config": {"label": {"class_weights": "balanced"}}}, "label.class_weights differs"),
        (
            {"fingerprint": {"outcomes": {**OUTCOMES, "in_any_order": "3"}}},
            "checksums of label, weight and offset differ",
        ),
        ({"deviance": 111.0}, "the smaller model fits better"),
        ({"design": DesignSpec((PLAN,), True)}, "the larger model has no term 'age'"),
    ],
)
def test_what_stands_against_a_comparison_is_named(changes, reason):
    with pytest.raises(NotComparable, match=reason):
        compare_models(SMALLER, replace(LARGER, **changes))


def test_selected_bounded_and_unknown_terms_and_equal_models_are_refused():
    record = SelectionRecord.__new__(SelectionRecord)
    first, *others = LARGER.coefficient_rows
    bounded = replace(LARGER, coefficient_rows=(replace(first, at_bound="lower"), *others))
    bare = replace(
        LARGER, coefficient_rows=tuple(replace(row, std_error=None) for row in LARGER.coefficient_rows)
    )
    for other, reason in (
        (replace(LARGER, selection=record), "were selected by the same rows"),
        (bounded, "lie at their bounds"),
        (bare, "no standard errors"),
        (SMALLER, "nothing to test"),
    ):
        with pytest.raises(NotComparable, match=reason) as caught:
            compare_models(SMALLER, other)
        assert isinstance(caught.value, ArtefactInvalid)


def test_all_reasons_are_told_up_to_six():
    other = replace(
        LARGER,
        n_rows=1,
        n_obs=1.0,
        n_dropped=1,
        n_events=1.0,
        weight_sum=1.0,
        null_deviance=1.0,
        n_zero_weight=7,
    )
    with pytest.raises(
        NotComparable, match=r"n_rows.*n_dropped.*n_zero_weight.*n_obs.*weight_sum.*n_events.*; and 1 more"
    ):
        compare_models(SMALLER, other)


def test_where_the_rows_may_be_others_that_cannot_be_told_is_said():
    turned = replace(LARGER, fingerprint={"outcomes": {**OUTCOMES, "in_order": "9"}})
    found = compare_models(SMALLER, turned)
    assert found.same_rows is None
    assert "in another order" in found.notes[0]
    found = compare_models(replace(SMALLER, fingerprint={}), LARGER)
    assert found.same_rows is None
    assert "no checksum" in found.notes[0]


def test_weights_bring_a_note():
    weighted = [replace(one, config={**one.config, "weight": "w"}) for one in (SMALLER, LARGER)]
    assert "takes weights for so many rows" in compare_models(*weighted).notes[0]


def test_robust_standard_errors_bring_a_note():
    robust = replace(LARGER, covariance_record=CovarianceRecord("hc1", "a sentence"))
    assert "robust" in compare_models(SMALLER, robust).notes[0]


def derived(*parts, cells) -> DerivedColumn:
    return DerivedColumn(parts, cells)


@pytest.mark.parametrize(
    ("column", "other"),
    [
        (AGE, replace(AGE, fill=1.0)),
        (AGE, replace(AGE, fill=None, indicator=True)),
        (PLAN, replace(PLAN, reference="b", levels=("a", "b", "c"))),
        (PLAN, replace(PLAN, reference=None)),
        (PLAN, replace(PLAN, levels=("a", "b", "c", "d"))),
        (PLAN, replace(PLAN, missing_level="c")),
    ],
)
def test_terms_that_mean_something_else_are_not_nested(column, other):
    more = NumericColumn("z", "int", "error", "error", None, False, 0.0, 1.0)
    reasons = not_nested(DesignSpec((column,), True), DesignSpec((other, more), True))
    assert reasons
    assert all("differ" in reason or "no term" in reason for reason in reasons)


def test_what_changes_no_meaning_is_nested_and_knots_are_a_meaning():
    moved = replace(AGE, fill=-3e-17, centre=41.0, source_type="double")
    assert not_nested(DesignSpec((AGE,), True), DesignSpec((moved, PLAN), True)) == []
    spline = derived(SPLINE, cells=((0,), (1,)))
    other = derived(replace(SPLINE, knots=(42.0,)), cells=((0,), (1,)))
    close = derived(replace(SPLINE, knots=(41.0 + 1e-13,)), cells=((0,), (1,)))
    one, two, three = (DesignSpec((AGE,), True, (part,)) for part in (spline, other, close))
    assert not_nested(one, three) == []
    assert not_nested(one, two) == [
        f"the terms 'ns(age, 2)[{k}]' differ in levels, reference, knots or the stand-in for missing values"
        for k in (1, 2)
    ]


def test_an_intercept_is_a_term_and_so_is_each_cell_of_an_interaction():
    slopes = derived(LevelPart("plan", ("a", "b", "c")), Transform("age", "age"), cells=((1, 0), (2, 0)))
    without = DesignSpec((PLAN, AGE), True)
    assert not_nested(without, DesignSpec((PLAN, AGE), True, (slopes,))) == []
    assert len(not_nested(DesignSpec((PLAN, AGE), True, (slopes,)), without)) == 2
    assert not_nested(DesignSpec((AGE,), False), DesignSpec((AGE,), True)) == []
    assert not_nested(DesignSpec((AGE,), True), DesignSpec((AGE,), False)) == [
        "the larger model has no term 'intercept'"
    ]
