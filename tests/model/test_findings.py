"""What the checks come to in sentences: when they speak, in which order, and what they advise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from logreg_dist.checks.records import (
    Cell,
    Checks,
    ClusterDependence,
    Collinearity,
    Condition,
    Finding,
    GoodnessOfFit,
    Inflation,
    InfluenceSummary,
    Linearity,
    RiskGroup,
    SampleSize,
    SeparatingTerm,
    SeparationFinding,
    SerialDependence,
    Share,
)
from logreg_dist.inference.records import ColumnTest, CovarianceRecord
from logreg_dist.model.findings import findings, with_findings
from logreg_dist.model.model import LEFT_OUT, AliasedTerm, LogisticModel, Status
from tests.report.models import small_model


def found(model: LogisticModel, check: str, **checks: object) -> list[Finding]:
    model = replace(model, checks=Checks(**checks))
    return [finding for finding in findings(model) if finding.check == check]


def only(model: LogisticModel, check: str, **checks: object) -> Finding:
    [finding] = found(model, check, **checks)
    return finding


@pytest.fixture
def model() -> LogisticModel:
    return replace(small_model(), aliased=())


def sample_size(**values: object) -> SampleSize:
    usual = {
        "n_parameters": 3,
        "n_rarer": 300.0,
        "events_per_parameter": 100.0,
        "empty_cells": (),
        "tiny_cells": (),
        "n_empty_cells": 0,
        "n_tiny_cells": 0,
    }
    return SampleSize(**{**usual, **values})


def fit_of(**values: object) -> GoodnessOfFit:
    groups = (RiskGroup(50.0, 0.1, 5.0, 5.0), RiskGroup(50.0, 0.4, 30.0, 20.0))
    usual = {
        "pearson": 98.0,
        "residual_df": 97.0,
        "dispersion": None,
        "tjur_r2": 0.2,
        "hosmer_lemeshow": 3.0,
        "hosmer_lemeshow_df": 8,
        "hosmer_lemeshow_p_value": 0.9,
        "groups": groups,
        "link": 0.5,
        "link_p_value": 0.48,
        "calibration_intercept": 0.0,
        "calibration_slope": 1.0,
    }
    return GoodnessOfFit(**{**usual, **values})


def cluster(**values: object) -> ClusterDependence:
    usual = {
        "column": "shop",
        "n_clusters": 40,
        "mean_size": 25.0,
        "largest": 60.0,
        "icc": 0.0,
        "design_effect": 1.0,
        "largest_ratio": 1.1,
        "ratio_term": "age",
    }
    return ClusterDependence(**{**usual, **values})


def test_the_worst_comes_first_and_what_holds_comes_last(model):
    checks = Checks(sample_size=sample_size(events_per_parameter=4.0), fit=fit_of())
    severities = [finding.severity for finding in findings(replace(model, checks=checks))]
    assert severities == sorted(severities, key=["problem", "warning", "note", "fine"].index)
    assert {"warning", "note", "fine"} <= set(severities)


def test_a_fit_that_did_not_converge_is_a_problem(model):
    bad = replace(model, status=Status.NOT_CONVERGED, status_text="not converged after 3 iterations")
    [finding] = [one for one in findings(bad) if one.check == "convergence"]
    assert finding.severity == "problem"
    assert "not converged after 3 iterations" in finding.text


def test_a_separated_label_is_a_problem_and_a_warning_once_a_way_out_was_taken(model):
    separated = replace(model, status=Status.SEPARATED_QUASI, status_text="plan[b] has no events")
    assert only(separated, "separation").severity == "problem"
    terms = (SeparatingTerm("plan[b]", "-", None),)
    taken = SeparationFinding("quasi", terms, 20, 80, "direction", "firth")
    finding = only(replace(model, estimator="firth"), "separation", separation=taken)
    assert (finding.severity, finding.subject) == ("warning", "plan[b]")
    assert "way out `firth`" in finding.text


def test_a_way_out_that_fails_is_a_problem_too(model):
    taken = SeparationFinding("quasi", (SeparatingTerm("plan[b]", "-", None),), 20, 80, "direction", "firth")
    failed = replace(
        model, estimator="firth", status=Status.NOT_CONVERGED, status_text="it ended at its start"
    )
    found_ = findings(replace(failed, checks=Checks(separation=taken)))
    ends = [(one.severity, one.check) for one in found_ if "it ended at its start" in one.text]
    assert ends == [("problem", "convergence"), ("warning", "separation")]


def test_the_outcome_says_which_level_means_1(model):
    finding = only(model, "outcome")
    assert finding.severity == "fine"
    assert finding.text == "binary: 'Yes' of 'churn' means 1 and 'No' 0: 30 of 120 observations (25.00%)"


def test_few_events_for_each_parameter_are_a_warning_with_the_number(model):
    few = sample_size(events_per_parameter=9.9, n_rarer=29.7)
    assert only(model, "sample_size", sample_size=few).text.startswith(
        "9.9 events per parameter (30 observations"
    )
    assert only(model, "sample_size", sample_size=sample_size(events_per_parameter=10.0)).severity == "fine"


def test_empty_and_tiny_cells_are_named_with_their_counts(model):
    cells = sample_size(
        empty_cells=(Cell("plan", "b", 40.0, 0.0),),
        tiny_cells=(Cell("plan", "c", 50.0, 3.0), Cell("plan", "d", 50.0, 4.0)),
        n_empty_cells=1,
        n_tiny_cells=2,
    )
    empty, tiny = found(model, "sample_size", sample_size=cells)
    assert (empty.severity, tiny.severity) == ("warning", "note")
    assert "plan[b] 0 of 40" in empty.text
    assert "2 levels, each has fewer than 5 rows of a label: plan[c] 3 of 50, plan[d] 4 of 50" in tiny.text


def test_inflated_variances_count_by_their_square_per_degree_of_freedom(model):
    def severity(per_df: float) -> str:
        inflation = Inflation("plan", 2, per_df**4, per_df)
        return only(model, "collinearity", collinearity=Collinearity((inflation,), (), ())).severity

    assert [severity(per_df) for per_df in (2.2, 2.3, 3.2)] == ["fine", "note", "warning"]


def test_a_near_dependence_needs_a_large_index_and_two_terms(model):
    def n_found(index: float, *shares: float) -> int:
        condition = Condition(index, tuple(Share(f"x{k}", share) for k, share in enumerate(shares)))
        known = found(model, "collinearity", collinearity=Collinearity((), (condition,), ()))
        return len(known)

    assert n_found(31.0, 0.9, 0.8) == 1
    assert n_found(29.0, 0.9, 0.8) == 0
    assert n_found(31.0, 0.9, 0.4) == 0


def test_aliased_terms_say_their_dependence():
    finding = only(small_model(), "collinearity")
    assert finding.severity == "warning"
    assert finding.text == "1 term has no estimate: plan[c] is constant"


def test_terms_left_out_because_they_separate_depend_on_nothing(model):
    left_out = AliasedTerm(
        "plan[c]", f"{LEFT_OUT}: it separates the label: all 9 rows of plan[c] have label '0'"
    )
    dropped = replace(model, aliased=(left_out,))
    inflation = Inflation("age", 1, 1.1, 1.05)
    finding = only(dropped, "collinearity", collinearity=Collinearity((inflation,), (), ()))
    assert finding.severity == "fine"
    assert "\nNot estimated:\n" in dropped.summary()
    assert "\nNot estimated, because they depend on earlier terms:\n" in small_model().summary()


def test_a_bend_is_a_warning_with_the_term_to_add_and_a_note_where_there_is_none(model):
    bent = Linearity("age", "box_tidwell", 50.0, 1e-12, 2e-12, "log(age)", ())
    slight = Linearity("income", "quadratic", 8.0, 0.005, 0.005, None, ())
    straight = Linearity("tenure", "quadratic", 0.1, 0.7, 0.7, None, ())
    warning, note = found(model, "linearity", linearity=(straight, slight, bent))
    assert (warning.severity, warning.subject) == ("warning", "age")
    assert 'Add "log(age)" to features.terms' in warning.advice
    assert "p = 2e-12 adjusted for 3 columns" in warning.text
    assert note.severity == "note"
    assert note.text == "significant, and no term to suggest: the log-odds bend in income"
    assert only(model, "linearity", linearity=(straight,)).severity == "fine"


def test_columns_that_were_not_tested_are_not_said_to_be_straight(model):
    untested = Linearity("age", "box_tidwell", 50.0, None, None, None, ())
    finding = only(model, "linearity", linearity=(untested,))
    assert (finding.severity, finding.text) == ("note", "no test of linearity, only bins: age")


def test_a_p_value_of_0_is_the_most_significant_there_is(model):
    extreme = Linearity("age", "quadratic", 2000.0, 0.0, 0.0, None, ())
    assert only(model, "linearity", linearity=(extreme,)).severity == "note"


def test_columns_without_walds_test_are_judged_by_their_likelihood_ratio(model):
    def tested(column: str, lr: float | None, p: float | None, df: int = 1) -> ColumnTest:
        return ColumnTest(column, df, None, None, None, None, lr=lr, lr_p_value=p)

    tests = (tested("age", 39.0, 3.7e-10), tested("plan", None, None, 2), tested("income", 0.3, 0.58))
    finding = only(replace(model, column_tests=tests), "usefulness")
    assert finding.subject == "income"
    assert finding.text == (
        "1 of 2 columns show no effect beyond chance (likelihood-ratio tests, p > 0.05, not adjusted for their number): "
        "income"
    )
    assert only(replace(model, column_tests=tests[:2]), "usefulness").severity == "fine"
    assert not found(replace(model, column_tests=tests[1:2]), "usefulness")


def test_columns_without_an_effect_are_counted_by_holms_p_values(model):
    tests = (ColumnTest("age", 1, 30.0, 1e-8, 2e-8, 2e-8), ColumnTest("plan", 2, 3.0, 0.03, 0.06, 0.03))
    finding = only(replace(model, column_tests=tests), "usefulness")
    assert finding.text.startswith("1 of 2 columns show no effect beyond chance")
    assert finding.subject == "plan"
    assert only(replace(model, column_tests=tests[:1]), "usefulness").severity == "fine"


def test_a_cluster_that_nothing_is_known_of_is_not_fine(model):
    unknown = cluster(n_clusters=1, icc=None, design_effect=None, largest_ratio=None, ratio_term=None)
    finding = only(model, "independence", clusters=(unknown,))
    assert finding.severity == "note"
    assert finding.text.endswith("nothing says whether its rows are alike")


def test_estimates_are_called_finite_only_where_the_search_would_have_seen_infinite_ones(model):
    assert only(model, "separation").severity == "fine"
    rows = model.coefficient_rows
    bounded = replace(model, coefficient_rows=(replace(rows[0], at_bound="upper"), *rows[1:]))
    assert not found(bounded, "separation")
    without = tuple(replace(row, std_error=None) for row in rows)
    assert not found(replace(model, coefficient_rows=without), "separation")


def test_without_a_cluster_or_an_order_independence_is_said_to_be_unknown(model):
    finding = only(model, "independence")
    assert finding.severity == "note"
    assert "was not looked into" in finding.text


def test_clusters_that_are_alike_ask_for_cluster_robust_errors_unless_those_are_there(model):
    alike = cluster(icc=0.05, design_effect=2.2, largest_ratio=3.0)
    finding = only(model, "independence", clusters=(alike,))
    assert finding.severity == "warning"
    assert "the variance of age is 3.00 times the model's" in finding.text
    robust = replace(model, covariance_record=CovarianceRecord("cluster", "by shop"))
    assert only(robust, "independence", clusters=(alike,)).severity == "note"
    assert only(model, "independence", clusters=(cluster(),)).severity == "fine"


def test_nobody_is_told_to_ask_for_cluster_robust_errors_that_were_asked_for_or_cannot_be_had(model):
    alike = cluster(icc=0.05, design_effect=2.2, largest_ratio=3.0)
    firth = replace(model, estimator="firth", config={"inference": {"covariance": "cluster"}})
    finding = only(firth, "independence", clusters=(alike,))
    assert finding.severity == "warning"
    assert finding.text.endswith(", and Firth's likelihood has no others")
    assert "inference.covariance" not in finding.advice
    asked = replace(model, config={"inference": {"covariance": "cluster"}})
    assert "inference.covariance" not in only(asked, "independence", clusters=(alike,)).advice
    rows = tuple(replace(row, std_error=None) for row in model.coefficient_rows)
    ridge = replace(model, estimator="ridge", coefficient_rows=rows)
    finding = only(ridge, "independence", clusters=(alike,))
    assert (finding.severity, finding.advice) == ("note", "")
    assert "has no standard errors" in finding.text


def test_overdispersion_that_clusters_allow_for_is_a_note(model):
    robust = replace(model, covariance_record=CovarianceRecord("cluster", "by shop"))
    finding = found(robust, "fit", fit=fit_of(dispersion=2.25))[0]
    assert (finding.severity, finding.subject) == ("note", "dispersion")
    assert "too small" not in finding.text


@pytest.mark.parametrize(
    ("autocorrelation", "p", "severity"), [(0.2, 1e-9, "warning"), (0.04, 1e-9, "fine"), (0.2, 0.2, "fine")]
)
def test_neighbours_are_alike_when_their_correlation_is_large_and_no_chance(
    model, autocorrelation, p, severity
):
    serial = SerialDependence("day", "shop", 1000, autocorrelation, 6.0, p)
    assert only(model, "independence", serial=serial).severity == severity


def test_neighbours_within_clusters_that_standard_errors_allow_for_are_a_note(model):
    serial = SerialDependence("day", "shop", 1000, 0.2, 6.0, 1e-9)
    robust = replace(model, covariance_record=CovarianceRecord("cluster", "by shop"))
    assert only(robust, "independence", serial=serial).severity == "note"
    assert only(robust, "independence", serial=replace(serial, within=None)).severity == "warning"


def test_hosmer_and_lemeshow_count_less_in_many_rows(model):
    rejected = fit_of(hosmer_lemeshow=40.0, hosmer_lemeshow_p_value=1e-6)
    finding = only(model, "fit", fit=rejected)
    assert finding.severity == "warning"
    assert "expects 20.0 events and has 30" in finding.text
    # A group of few events is far off by chance alone.
    rare = RiskGroup(1e4, 5e-4, 6.0, 5.0)
    slight = (rare, RiskGroup(5e4, 0.1, 5100.0, 5000.0), RiskGroup(5e4, 0.4, 19_900.0, 20_000.0))
    many = replace(model, n_obs=100_000.0)
    note = only(many, "fit", fit=replace(rejected, groups=slight))
    assert note.severity == "note"
    assert "in 100,000 observations the test rejects models that are good enough" in note.text


def test_weights_that_are_no_counts_ask_for_robust_errors(model):
    weighted = replace(
        model,
        config={"weight": "importance"},
        covariance_record=CovarianceRecord("model", "inverse information"),
    )
    finding = only(weighted, "weights")
    assert (finding.severity, finding.subject) == ("warning", "importance")
    assert found(replace(weighted, covariance_record=CovarianceRecord("hc1", "robust")), "weights") == []
    by_class = replace(weighted, config={"label": {"class_weights": "balanced"}})
    assert "label.class_weights are taken for so many rows" in only(by_class, "weights").text
    assert found(replace(weighted, config={"frequency": "n"}), "weights") == []


def test_the_largest_of_many_ratios_in_few_clusters_is_chance(model):
    few = cluster(n_clusters=40, largest_ratio=1.6)
    assert only(model, "independence", clusters=(few,)).severity == "fine"
    assert only(model, "independence", clusters=(replace(few, n_clusters=400),)).severity == "warning"


def test_overdispersion_and_a_bent_link_are_warnings(model):
    link, dispersion = found(model, "fit", fit=fit_of(dispersion=2.25, link=20.0, link_p_value=1e-5))[:2]
    assert (link.subject, dispersion.subject) == ("link", "dispersion")
    assert (
        "2.25 times its degrees of freedom; standard errors are about 1.5 times too small" in dispersion.text
    )


def test_a_row_that_moves_an_estimate_by_a_standard_error_is_a_warning(model):
    def severity(dfbeta: float) -> str:
        return only(
            model, "influence", influence=InfluenceSummary(20, 0.3, 0.2, 0.01, 5, 7, dfbeta, "age")
        ).severity

    assert [severity(1.01), severity(0.99)] == ["warning", "fine"]


def test_a_model_carries_its_findings(model):
    assert with_findings(model).checks.findings == findings(model)
