"""Fits of several classes on Spark: certified values, invariances, separation, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.discrete.discrete_model import MNLogit

from logreg_dist import TrainConfig, fit, load_model
from logreg_dist.errors import ConfigError, FitNotUsable, InputRejected
from logreg_dist.fitting.multinomial import class_totals
from logreg_dist.fitting.tasks import FirstLook
from logreg_dist.report.forest import draw_effects, effects
from tests.certified.lre import lre
from tests.certified.multinomial import SETS, certified_values

pytestmark = pytest.mark.spark

ESTIMATE_DIGITS = 9
STD_ERROR_DIGITS = 8
LIKELIHOOD_DIGITS = 11
DEFAULTS = {"min_level_count": 1, "reference": "first"}
PEER = 1e-7  # relative: what a Newton fit of another library leaves of statistics
SAME = 1e-9  # standard errors between two ways to one optimum


def config(**changes) -> TrainConfig:
    settings = {
        "family": "multinomial",
        "label": {"column": "kind"},
        "features": {"defaults": DEFAULTS},
    }
    return TrainConfig(**{**settings, **changes})


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Three overlapping classes, a number and a category."""
    rng = np.random.default_rng(1)
    n = 900
    x, place = rng.normal(50.0, 10.0, n), rng.integers(0, 3, n)
    eta = np.array([np.zeros(n), 0.05 * (x - 50) + 0.3 * place, -0.03 * (x - 50) - 0.5 * (place == 1)])
    mu = np.exp(eta) / np.exp(eta).sum(axis=0)
    kind = (rng.random(n)[:, None] > mu.T.cumsum(axis=1)).sum(axis=1)
    return pd.DataFrame(
        {"x": x, "place": np.array(["a", "b", "c"])[place], "kind": np.array(["red", "green", "blue"])[kind]}
    )


@pytest.fixture(scope="module")
def model(spark, frame):
    return fit(spark.createDataFrame(frame), config(label={"column": "kind", "reference": "red"}))


@pytest.mark.parametrize("start", ["sample", "zero"])
@pytest.mark.parametrize("name", SETS)
def test_a_fit_has_the_certified_digits(spark, name, start):
    certified = certified_values(name)
    table = spark.createDataFrame(SETS[name].frame())
    found = fit(table, TrainConfig(**SETS[name].config, solver={"start": start}))
    assert found.converged, found.status_text
    expected = {row["term"]: row for row in certified["coefficients"]}
    assert {row.term for row in found.coefficient_rows} == set(expected)
    for row in found.coefficient_rows:
        assert lre(row.estimate, expected[row.term]["estimate"]) >= ESTIMATE_DIGITS, row.term
        assert lre(row.std_error, expected[row.term]["std_error"]) >= STD_ERROR_DIGITS, row.term
    assert lre(found.log_likelihood, certified["log_likelihood"]) >= LIKELIHOOD_DIGITS
    assert lre(found.null_log_likelihood, certified["null_log_likelihood"]) >= LIKELIHOOD_DIGITS
    assert found.reference_class == certified["reference"]


def test_the_model_says_what_it_is_of(model, frame):
    assert (model.family, model.reference_class, model.n_events) == ("multinomial", "red", None)
    assert model.label.classes == frame.kind.value_counts().sort_index().to_dict()
    assert [row.term for row in model.coefficient_rows[:5]] == [
        "blue:intercept", "blue:x", "blue:place[b]", "blue:place[c]", "green:intercept",
    ]  # fmt: skip
    assert {row.class_name for row in model.coefficient_rows} == {"blue", "green"}
    assert model.lr_df == len(model.coefficient_rows) - 2
    assert "Multinomial logistic regression of kind, against 'red'" in model.summary()
    assert "3 classes by rows" in model.summary()


def test_columns_are_tested_and_inflated_as_by_statsmodels_estimates(model, frame):
    X = np.column_stack([np.ones(len(frame)), frame.x, frame.place == "b", frame.place == "c"]).astype(float)
    codes = frame.kind.map({"red": 0, "blue": 1, "green": 2})
    peer = MNLogit(codes, X).fit(method="newton", tol=1e-14, maxiter=100, disp=0)
    estimate, spread = np.asarray(peer.params).ravel(order="F"), np.asarray(peer.cov_params())
    own = {"x": [1, 5], "place": [2, 3, 6, 7]}  # blue first, then green, each with its intercept
    for test in model.column_tests:
        at = own[test.column]
        wald = estimate[at] @ np.linalg.solve(spread[np.ix_(at, at)], estimate[at])
        assert test.df == len(at)
        assert test.wald == pytest.approx(wald, rel=PEER)
        assert test.wald_p_value == pytest.approx(stats.chi2.sf(wald, len(at)), rel=PEER)
    slopes = [1, 2, 3, 5, 6, 7]
    deviation = np.sqrt(np.diag(spread))
    correlation = (spread / np.outer(deviation, deviation))[np.ix_(slopes, slopes)]
    inflated = {"x": [0, 3], "place": [1, 2, 4, 5]}
    for one in model.checks.collinearity.inflations:
        at = inflated[one.column]
        rest = [k for k in range(6) if k not in at]
        parts = [np.linalg.det(correlation[np.ix_(block, block)]) for block in (at, rest)]
        assert one.gvif == pytest.approx(parts[0] * parts[1] / np.linalg.det(correlation), rel=PEER)


def test_two_classes_are_the_binary_model(spark, frame):
    two = frame[frame.kind != "blue"]
    table = spark.createDataFrame(two)
    found = fit(table, config(label={"column": "kind", "reference": "red"}))
    binary = fit(
        table,
        TrainConfig(label={"column": "kind", "positive": "green"}, features={"defaults": DEFAULTS}),
    )
    for a, b in zip(found.coefficient_rows, binary.coefficient_rows, strict=True):
        assert a.term == f"green:{b.term}"
        assert a.estimate == pytest.approx(b.estimate, rel=1e-9)
        assert a.std_error == pytest.approx(b.std_error, rel=1e-9)
    assert found.deviance == pytest.approx(binary.deviance, rel=1e-12)
    assert found.aic == pytest.approx(binary.aic, rel=1e-12)


def test_another_reference_class_moves_estimates_and_keeps_the_likelihood(spark, frame, model):
    other = fit(spark.createDataFrame(frame), config(label={"column": "kind", "reference": "blue"}))
    assert other.deviance == pytest.approx(model.deviance, rel=1e-12)
    for term in ("intercept", "x", "place[b]"):
        found = other.estimates[f"green:{term}"]
        expected = model.estimates[f"green:{term}"] - model.estimates[f"blue:{term}"]
        assert found == pytest.approx(expected, rel=1e-8, abs=1e-10)
        assert other.estimates[f"red:{term}"] == pytest.approx(-model.estimates[f"blue:{term}"], rel=1e-8)


def test_the_most_frequent_class_is_the_reference_by_default(spark, frame):
    found = fit(spark.createDataFrame(frame), config())
    assert found.reference_class == frame.kind.value_counts().idxmax()


def test_a_frequency_is_as_good_as_rows_written_out(spark, frame):
    times = np.arange(len(frame)) % 3 + 1
    short = fit(
        spark.createDataFrame(frame.assign(n=times)),
        config(frequency="n", features={"defaults": DEFAULTS}),
    )
    long = fit(spark.createDataFrame(frame.loc[frame.index.repeat(times)]), config())
    assert short.n_obs == long.n_rows == times.sum()
    for a, b in zip(short.coefficient_rows, long.coefficient_rows, strict=True):
        assert a.estimate == pytest.approx(b.estimate, rel=1e-9)
        assert a.std_error == pytest.approx(b.std_error, rel=1e-9)


def test_splits_change_nothing_but_rounding(spark, frame, model):
    table = spark.createDataFrame(frame).repartition(7)
    found = fit(table, config(label={"column": "kind", "reference": "red"}))
    for a, b in zip(found.coefficient_rows, model.coefficient_rows, strict=True):
        assert abs(a.estimate - b.estimate) <= SAME * b.std_error


def test_lbfgs_finds_newtons_estimates_and_the_same_standard_errors(spark, frame, model):
    found = fit(
        spark.createDataFrame(frame),
        config(label={"column": "kind", "reference": "red"}, solver={"method": "lbfgs"}),
    )
    assert found.converged, found.status_text
    for a, b in zip(found.coefficient_rows, model.coefficient_rows, strict=True):
        assert abs(a.estimate - b.estimate) <= 1e-6 * b.std_error
        assert a.std_error == pytest.approx(b.std_error, rel=1e-6)


def test_a_ridge_shrinks_and_gives_no_standard_errors(spark, frame, model):
    found = fit(
        spark.createDataFrame(frame),
        config(label={"column": "kind", "reference": "red"}, penalty={"l2": 10.0}),
    )
    assert found.converged
    assert abs(found.estimates["green:x"]) < abs(model.estimates["green:x"])
    assert found.coefficients["std_error"].isna().all()


def test_a_dependent_column_is_aliased_in_every_class(spark, frame):
    found = fit(
        spark.createDataFrame(frame.assign(twice=2.0 * frame.x)),
        config(label={"column": "kind", "reference": "red"}),
    )
    assert [(alias.term, alias.reason) for alias in found.aliased] == [
        ("blue:twice", "equals 2*x"), ("green:twice", "equals 2*x"),
    ]  # fmt: skip
    assert found.lr_df == 6


def test_a_separated_class_is_named(spark, frame):
    # Everybody at place c is red, and nobody else is touched: blue and green run away from c.
    kind = frame.kind.where(frame.place != "c", "red")
    found = fit(
        spark.createDataFrame(frame.assign(kind=kind)), config(label={"column": "kind", "reference": "red"})
    )
    assert found.status == "separated_quasi"
    assert "blue:place[c] (-)" in found.status_text
    assert "green:place[c] (-)" in found.status_text


def test_classes_that_a_number_keeps_apart_are_separated_completely(spark):
    x = np.arange(300.0)
    kind = np.array(["low", "middle", "high"])[(x // 100).astype(int)]
    found = fit(spark.createDataFrame(pd.DataFrame({"x": x, "kind": kind})), config())
    assert found.status == "separated_complete", found.status_text


def test_a_model_file_reads_back_the_same(model, tmp_path):
    model.save(tmp_path)
    again = load_model(tmp_path / "model.json")
    assert again.coefficient_rows == model.coefficient_rows
    assert (again.label, again.reference_class, again.model_id) == (
        model.label, model.reference_class, model.model_id,
    )  # fmt: skip
    assert (again.covariance == model.covariance).all()


def test_classes_that_are_numbers_are_sorted_by_size(spark):
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"x": rng.normal(size=400), "kind": rng.choice([2, 10, -1], 400)})
    found = fit(spark.createDataFrame(table), config())
    assert list(found.label.classes) == ["-1", "2", "10"]


def test_a_class_of_one_row_is_refused(spark, frame):
    kind = frame.kind.copy()
    kind.iloc[5] = "mauve"
    with pytest.raises(InputRejected, match="1 of 4 classes has fewer than 2 rows") as caught:
        fit(spark.createDataFrame(frame.assign(kind=kind)), config())
    assert "mauve" not in str(caught.value)


def test_classes_rarer_than_min_level_count_are_refused_by_number(spark, frame):
    kind = frame.kind.where(np.arange(len(frame)) >= 15, "mauve")
    with pytest.raises(InputRejected, match="1 of 4 classes has fewer than 20 rows") as caught:
        fit(spark.createDataFrame(frame.assign(kind=kind)), config(features={}))
    assert "mauve" not in str(caught.value)


def test_a_row_of_high_frequency_counts_as_its_rows(spark, frame):
    table = frame.assign(n=1)
    table.loc[5, ["kind", "n"]] = ["mauve", 50]
    short = fit(spark.createDataFrame(table), config(frequency="n", penalty={"l2": 0.1}))
    long = fit(
        spark.createDataFrame(table.loc[table.index.repeat(table.n)].drop(columns="n")),
        config(penalty={"l2": 0.1}),
    )
    for a, b in zip(short.coefficient_rows, long.coefficient_rows, strict=True):
        assert a.term == b.term
        assert a.estimate == pytest.approx(b.estimate, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (None, "label column 'kind' has 1 missing value"),
        (1.5, "label column 'kind' has 1 value that is not a whole number"),
    ],
)
def test_labels_that_are_no_class_are_refused_with_their_count(spark, kind, words):
    table = pd.DataFrame({"x": np.arange(90.0), "kind": [kind, *(float(k % 3) for k in range(89))]})
    with pytest.raises(InputRejected, match=words):
        fit(spark.createDataFrame(table), config())


def test_a_single_class_cannot_be_fitted(spark, frame):
    with pytest.raises(FitNotUsable, match="one class only"):
        fit(spark.createDataFrame(frame.assign(kind="red")), config())


def test_an_unknown_reference_is_refused(spark, frame):
    with pytest.raises(
        InputRejected, match=r"label\.reference is 'mauve', which label column 'kind' does not"
    ):
        fit(spark.createDataFrame(frame), config(label={"column": "kind", "reference": "mauve"}))


@pytest.mark.parametrize("n_splits", [1, 2])
def test_a_label_of_a_thousand_classes_is_refused(spark, n_splits):
    table = pd.DataFrame({"x": np.arange(1200.0), "kind": [f"k{k}" for k in range(1200)]})
    with pytest.raises(InputRejected, match="classes; at most 200 can be told apart"):
        fit(spark.createDataFrame(table).repartition(n_splits), config())


def test_a_dependent_column_is_aliased_by_lbfgs_too(spark, frame):
    table = spark.createDataFrame(frame.assign(twice=2.0 * frame.x))
    settings = {"label": {"column": "kind", "reference": "red"}}
    exact = fit(table, config(**settings))
    found = fit(table, config(**settings, solver={"method": "lbfgs"}))
    assert found.aliased == exact.aliased
    for a, b in zip(found.coefficient_rows, exact.coefficient_rows, strict=True):
        assert (a.estimate is None) == (b.estimate is None)
        if a.estimate is not None:
            assert abs(a.estimate - b.estimate) <= 1e-5 * b.std_error


def test_the_chart_shows_numbers_per_standard_deviation(model, frame):
    [number] = [effect for effect in effects(model) if effect.name.startswith("green:x")]
    assert number.name == "green:x (per sd)"
    assert number.centre == pytest.approx(model.estimates["green:x"] * frame.x.std(ddof=0))
    assert "Relative-risk ratios" in draw_effects(model)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"offset": "x"}, "offset: is for family binary"),
        ({"label": {"column": "kind", "positive": "red"}}, "label.positive: is for family binary"),
        ({"label": {"events": "x", "trials": "place"}}, "label.column: required by family multinomial"),
    ],
)
def test_settings_of_the_other_family_are_refused(changes, words):
    with pytest.raises(ConfigError, match=words.replace(".", r"\.")):
        config(**changes)


def test_class_totals_add_over_splits_and_forget_absent_classes():
    looks = [FirstLook(None, None, {"a": (2, 1.5), "b": (0, 0.0)}), FirstLook(None, None, {"a": (1, 1.0)})]
    assert class_totals(looks) == {"a": (3, 2.5)}
