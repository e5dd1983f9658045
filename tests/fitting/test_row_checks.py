"""Linearity and fit: score tests, bins, groups of risk and recalibration against R, and what must not change them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from logreg_dist.checks.linearity import linearities
from logreg_dist.checks.records import Checks
from logreg_dist.fitting.diagnostics.row_checks import with_row_checks
from tests.fitting.local_passes import as_trials, fitted_locally
from tests.in_process import logistic_table, policy
from tests.oracles import rows as tables
from tests.report.models import small_model

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "rows.json").read_text(encoding="utf-8"))
# R's fit and ours, with sums over 400 rows.
DIGITS = 1e-10
# The estimates of R and ours differ in the 13th digit, and a test loses what its column shares with the terms.
SCORE_DIGITS = 1e-9
# R's anova subtracts two nearly equal quadratic forms of columns that were not centred.
ANOVA_DIGITS = 1e-7
CHECKS = {"checks": {"linearity": True, "fit": True}}


def checked(table: pa.Table, folder: Path, **asked) -> Checks:
    config = {**CHECKS, **asked.pop("config", {})}
    _, rows = fitted_locally(table, folder, config=config, **asked)
    return with_row_checks(small_model(), rows).checks


def of_trials(table: pa.Table, folder: Path, **asked) -> Checks:
    renamed, trials = as_trials(table)
    return checked(renamed, folder, **trials, **asked)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checked")
    return {
        "single": checked(tables.single(), folder / "single", n_splits=3),
        "weighted": checked(
            tables.weighted(),
            folder / "weighted",
            n_splits=2,
            config={"weight": "weight", "offset": "offset"},
        ),
        "grouped": of_trials(tables.grouped(), folder / "grouped", n_splits=2),
    }


CASES = ("single", "weighted", "grouped")


@pytest.mark.parametrize("case", CASES)
def test_score_tests_are_those_of_r(found, case):
    ours = {one.column: one for one in found[case].linearity}
    expected = ORACLE[case]["rao"]
    assert {name: one.test for name, one in ours.items()} == {
        "income": "box_tidwell",
        "score": "quadratic",
        "year": "box_tidwell",
        "visits": "quadratic",
    }
    for name, value in expected.items():
        np.testing.assert_allclose(ours[name].statistic, value, rtol=SCORE_DIGITS)
    for name, value in ORACLE[case]["anova_rao"].items():
        np.testing.assert_allclose(ours[name].statistic, value, rtol=ANOVA_DIGITS)


@pytest.mark.parametrize("case", CASES)
def test_the_link_test_is_the_score_test_of_the_squared_predictor(found, case):
    np.testing.assert_allclose(found[case].fit.link, ORACLE[case]["link"], rtol=SCORE_DIGITS)


@pytest.mark.parametrize("case", CASES)
def test_pearson_and_tjur_are_those_of_r(found, case):
    fit, oracle = found[case].fit, ORACLE[case]
    np.testing.assert_allclose(fit.pearson, oracle["pearson"], rtol=DIGITS)
    np.testing.assert_allclose(fit.tjur_r2, oracle["tjur"], rtol=DIGITS)
    assert fit.residual_df == oracle["residual_df"]


def test_groups_are_merged_until_each_has_enough_rows_and_events(tmp_path):
    rng = np.random.default_rng(11)
    # Four predictions and no more: of 3 rows, of 200 with hardly an event, of many.
    first = np.repeat([0.0, 0.0, 1.0, 1.0], [900, 200, 700, 3])
    second = np.repeat([0.0, 1.0, 0.0, 1.0], [900, 200, 700, 3])
    label = np.concatenate([rng.random(1800) < np.repeat([0.3, 0.01, 0.6], [900, 200, 700]), np.ones(3)])
    fit = checked(pa.table({"a": first, "b": second, "label": label.astype(float)}), tmp_path).fit
    assert all(group.n >= 20 for group in fit.groups)
    assert all(min(group.expected, group.n - group.expected) >= 5 for group in fit.groups)
    assert sum(group.n for group in fit.groups) == 1803
    assert sum(group.observed for group in fit.groups) == label.sum()
    assert (len(fit.groups), fit.hosmer_lemeshow, fit.hosmer_lemeshow_p_value) == (2, None, None)


def test_a_rare_event_has_fewer_groups_and_its_test_the_degrees_of_those(tmp_path):
    rng = np.random.default_rng(12)
    x = rng.normal(size=2_000)
    y = (rng.random(2_000) < 1 / (1 + np.exp(4.0 - x))).astype(float)
    fit = checked(pa.table({"x": x, "label": y}), tmp_path).fit
    assert 3 <= len(fit.groups) < 10
    assert min(group.expected for group in fit.groups) >= 5
    by_hand = sum((g.observed - g.expected) ** 2 / (g.expected * (1 - g.expected / g.n)) for g in fit.groups)
    np.testing.assert_allclose(fit.hosmer_lemeshow, by_hand, rtol=1e-12)
    assert fit.hosmer_lemeshow_df == len(fit.groups) - 2


WEIGHTED = "no p-values of linearity, link and Hosmer-Lemeshow"
ROBUST = "score tests of linearity and link take the model's likelihood to be right"


@pytest.mark.parametrize(
    ("asked", "has_p", "sentence"),
    [
        ({}, True, None),
        ({"label": {"column": "label", "class_weights": "balanced"}}, False, WEIGHTED),
        ({"weight": "weight"}, False, WEIGHTED),
        ({"frequency": "weight"}, True, None),
        ({"inference": {"covariance": "hc1"}}, True, ROBUST),
    ],
)
def test_p_values_are_withheld_where_weights_are_no_observations(tmp_path, asked, has_p, sentence):
    rng = np.random.default_rng(1)
    x = rng.uniform(1.0, 100.0, 3_000)
    y = (rng.random(3_000) < 1 / (1 + np.exp(4.0 - 1.2 * np.log(x)))).astype(float)
    _, rows = fitted_locally(pa.table({"x": x, "label": y}), tmp_path, config={**CHECKS, **asked})
    model = with_row_checks(small_model(), rows)
    [bent], fit = model.checks.linearity, model.checks.fit
    assert None not in (bent.statistic, fit.link, fit.hosmer_lemeshow)
    found = (bent.p_value, bent.p_value_bh, bent.suggestion, fit.link_p_value, fit.hosmer_lemeshow_p_value)
    assert [one is not None for one in found] == [has_p] * 5
    notes = [note for note in model.notes if note not in small_model().notes]
    assert len(notes) == (sentence is not None)
    assert sentence is None or notes[0].startswith(sentence)


def test_beside_weights_a_frequency_is_so_many_rows(tmp_path):
    rng = np.random.default_rng(3)
    x = rng.normal(size=400)
    y = (rng.random(400) < 1 / (1 + np.exp(-x))).astype(float)
    once = pa.table({"x": x, "label": y, "weight": rng.uniform(1, 3, 400), "frequency": np.full(400, 10)})
    ten = pa.concat_tables(
        [once.drop_columns("frequency").append_column("frequency", [np.ones(400, dtype=int)])] * 10
    )
    found = []
    for k, table in enumerate((once, ten)):
        config = {**CHECKS, "weight": "weight", "frequency": "frequency"}
        _, rows = fitted_locally(table, tmp_path / str(k), config=config)
        found.append(with_row_checks(small_model(), rows).checks)
    of_ten, of_times = (
        [(b.n, b.events, b.logit) for b in one.linearity[0].bins] for one in (found[1], found[0])
    )
    assert sum(n for n, _, _ in of_ten) == pytest.approx(4_000)
    assert sum(n for n, _, _ in of_times) == pytest.approx(4_000)


@pytest.mark.parametrize("unit", [1e-4, 1e3])
def test_bins_and_groups_do_not_depend_on_the_unit_of_the_weights(tmp_path, unit):
    rng = np.random.default_rng(1)
    x = rng.uniform(1.0, 100.0, 3_000)
    y = (rng.random(3_000) < 1 / (1 + np.exp(4.0 - 1.2 * np.log(x)))).astype(float)
    found = []
    for k, weight in enumerate((np.ones(3_000), np.full(3_000, unit))):
        table = pa.table({"x": x, "label": y, "weight": weight})
        _, rows = fitted_locally(table, tmp_path / str(k), config={**CHECKS, "weight": "weight"})
        found.append(with_row_checks(small_model(), rows).checks)
    one, other = found
    assert len(one.fit.groups) == len(other.fit.groups) == 10
    pairs = [*zip(one.fit.groups, other.fit.groups, strict=True)]
    pairs += zip(one.linearity[0].bins, other.linearity[0].bins, strict=True)
    for ours, theirs in pairs:
        numbers = {name: value for name, value in vars(ours).items() if value is not None}
        assert {name: getattr(theirs, name) for name in numbers} == pytest.approx(numbers, rel=1e-8)


def test_dispersion_is_told_of_groups_of_trials_only(found):
    fit = found["grouped"].fit
    np.testing.assert_allclose(fit.dispersion, ORACLE["grouped"]["pearson"] / 83, rtol=DIGITS)
    assert found["single"].fit.dispersion is None
    assert found["weighted"].fit.dispersion is None


def test_hosmer_lemeshow_is_that_of_the_textbook(found):
    fit, oracle = found["single"].fit, ORACLE["single"]
    ours = [(group.n, group.observed, group.expected) for group in fit.groups]
    np.testing.assert_allclose(ours, oracle["groups"], rtol=DIGITS)
    np.testing.assert_allclose(fit.hosmer_lemeshow, oracle["hosmer_lemeshow"], rtol=DIGITS)
    np.testing.assert_allclose(fit.hosmer_lemeshow_p_value, oracle["hosmer_lemeshow_p"], rtol=DIGITS)
    assert fit.hosmer_lemeshow_df == 8


def test_groups_of_trials_are_cut_by_their_trials(found):
    fit, table = found["grouped"].fit, tables.grouped()
    trials = table["trials"].to_numpy()
    assert sum(group.n for group in fit.groups) == trials.sum()
    # A group ends with the row that reaches its tenth of the trials.
    ends = np.cumsum([group.n for group in fit.groups])
    goals = trials.sum() * np.arange(1, 11) / 10
    assert ((ends >= goals - 1e-9) & (ends < goals + trials.max())).all()


@pytest.mark.parametrize("case", CASES)
def test_the_recalibration_is_that_of_r(found, case):
    fit = found[case].fit
    expected = ORACLE[case]["recalibration"]
    np.testing.assert_allclose(
        [fit.calibration_intercept, fit.calibration_slope], expected, rtol=1e-8, atol=1e-9
    )


def test_a_fit_without_a_penalty_costs_one_pass_and_one_for_the_sample(tmp_path):
    _, rows = fitted_locally(logistic_table(200, 3), tmp_path, config=CHECKS, n_splits=2)
    with_row_checks(small_model(), rows)
    assert rows.passes.staged.n_passes == 2


def test_a_fit_that_left_out_what_separates_is_tested_as_any_of_maximum_likelihood(tmp_path):
    _, rows = fitted_locally(logistic_table(200, 3), tmp_path, config=CHECKS)
    plain, dropped = (
        with_row_checks(replace(small_model(), estimator=estimator), rows).checks
        for estimator in ("maximum_likelihood", "dropped")
    )
    assert dropped == plain
    assert dropped.linearity[0].statistic is not None


def test_shrunk_estimates_are_recalibrated_and_not_tested(tmp_path):
    table = logistic_table(500, 4)
    found, rows = fitted_locally(table, tmp_path, config=CHECKS, l2=0.05, inference=False)
    checks = with_row_checks(replace(small_model(), estimator="penalised"), rows).checks
    assert checks.fit.calibration_slope > 1.05  # the estimates are too near to 0
    eta = found["intercept"] + found["x1"] * table["x1"].to_numpy() + found["x2"] * table["x2"].to_numpy()
    y, mu = table["label"].to_numpy(), None
    mu = 1 / (1 + np.exp(-checks.fit.calibration_intercept - checks.fit.calibration_slope * eta))
    assert abs((y - mu).sum()) < 1e-8
    assert abs((y - mu) @ eta) < 1e-8
    assert checks.fit.link is None
    assert [one.statistic for one in checks.linearity] == [None, None]
    assert all(one.bins and one.suggestion is None for one in checks.linearity)


def test_an_offset_has_no_slope_and_an_intercept_that_is_missing_is_found(tmp_path):
    table = tables.weighted().drop_columns(["plan"])
    config = {**CHECKS, "weight": "weight", "offset": "offset"}
    found, rows = fitted_locally(table, tmp_path, config=config, l2=0.05, inference=False)
    fit = with_row_checks(replace(small_model(), estimator="penalised"), rows).checks.fit
    terms = ("income", "score", "year", "visits")
    eta = found["intercept"] + sum(found[name] * table[name].to_numpy() for name in terms)
    line = fit.calibration_intercept + fit.calibration_slope * eta
    mu = 1 / (1 + np.exp(-line - table["offset"].to_numpy()))
    residual = table["weight"].to_numpy() * (table["label"].to_numpy() - mu)
    assert np.abs([residual.sum(), residual @ eta]).max() < 1e-8
    without = checked(logistic_table(500, 4), tmp_path / "through 0", intercept=False).fit
    assert abs(without.calibration_intercept) > 0.01


def test_bins_are_sums_over_their_rows(found):
    table = tables.single()
    x, y = table["income"].to_numpy(), table["label"].to_numpy()
    bins = next(one for one in found["single"].linearity if one.column == "income").bins
    assert len(bins) == 10
    assert bins[0].low is None
    assert bins[-1].high is None
    for one in bins:
        own = (x > (one.low or -np.inf)) & (x <= (one.high or np.inf))
        assert one.n == own.sum()
        assert one.events == y[own].sum()
        np.testing.assert_allclose(one.mean, x[own].mean(), rtol=1e-12)
        np.testing.assert_allclose(one.logit, np.log((one.events + 0.5) / (one.n - one.events + 0.5)))


def test_no_edge_is_the_value_of_a_row(found):
    table = tables.single()
    for one in found["single"].linearity:
        edges = {bin_.high for bin_ in one.bins[:-1]}
        assert not edges & set(table[one.column].to_pylist())


def test_a_bin_has_as_many_rows_as_a_level_needs(tmp_path):
    checks = checked(logistic_table(130, 5), tmp_path)
    assert all(bin_.n >= 20 for one in checks.linearity for bin_ in one.bins)
    fewer = {"features": {"defaults": {"min_level_count": 5}}}
    checks = checked(logistic_table(130, 5), tmp_path / "fewer", config=fewer)
    assert all(len(one.bins) == 10 for one in checks.linearity)


def flat(checks: Checks) -> np.ndarray:
    """Everything that is a sum, or a function of sums."""
    fit = checks.fit
    bins = [(b.n, b.events, b.mean, b.logit, b.fitted) for one in checks.linearity for b in one.bins]
    groups = [(g.n, g.observed, g.expected) for g in fit.groups]
    single = [one.statistic for one in checks.linearity]
    single += [fit.pearson, fit.residual_df, fit.tjur_r2, fit.hosmer_lemeshow, fit.link]
    return np.concatenate([np.ravel(bins), np.ravel(groups), single])


def test_splits_and_the_order_of_rows_change_nothing(tmp_path, found):
    expected = flat(found["single"])
    table = tables.single()
    shuffled = table.take(np.random.default_rng(0).permutation(table.num_rows))
    np.testing.assert_allclose(flat(checked(table, tmp_path / "one")), expected, rtol=1e-9)
    again = checked(shuffled, tmp_path / "shuffled", n_splits=5)
    np.testing.assert_allclose(flat(again), expected, rtol=1e-9)


def test_a_row_of_frequency_k_counts_as_k_rows(tmp_path):
    table = tables.single(200)
    k = np.random.default_rng(2).integers(1, 4, 200)
    repeated = checked(table.take(np.repeat(np.arange(200), k)), tmp_path / "rows")
    counted = checked(
        table.append_column("frequency", pa.array(k)),
        tmp_path / "frequencies",
        config={"frequency": "frequency"},
    )
    np.testing.assert_allclose(flat(counted), flat(repeated), rtol=1e-8)


def test_groups_of_trials_are_their_single_trials_but_for_pearson(tmp_path):
    table = tables.grouped(60)
    events, trials = (table[name].to_numpy().astype(int) for name in ("events", "trials"))
    place = np.repeat(np.arange(60), trials)
    label = np.concatenate([np.arange(t) < e for e, t in zip(events, trials, strict=True)]).astype(float)
    single = table.take(place).drop_columns(["events", "trials"]).append_column("label", pa.array(label))
    of_groups, of_rows = of_trials(table, tmp_path / "groups"), checked(single, tmp_path / "rows")
    for name in ("tjur_r2", "hosmer_lemeshow", "link"):
        np.testing.assert_allclose(getattr(of_groups.fit, name), getattr(of_rows.fit, name), rtol=1e-8)
    ours = [one.statistic for one in of_groups.linearity]
    np.testing.assert_allclose(ours, [one.statistic for one in of_rows.linearity], rtol=1e-8)


def test_units_change_no_test(tmp_path, found):
    table = tables.single()
    scaled = table.set_column(
        table.column_names.index("income"), "income", pa.array(table["income"].to_numpy() * 1e6)
    )
    first, second = flat(checked(scaled, tmp_path / "scaled")), flat(found["single"])
    np.testing.assert_allclose(first[-9:], second[-9:], rtol=1e-9)  # not the means of the bins


def test_a_column_far_from_0_keeps_its_digits(tmp_path):
    # Days since long ago: x log x is nearly a parabola there, by a part in a million.
    table = logistic_table(300, 8, p=1)
    day = np.round(table["x1"].to_numpy() * 10)
    near = pa.table({"day": day, "label": table["label"]})
    far = pa.table({"day": day + 20_261_120.0, "label": table["label"]})
    quadratic = checked(near, tmp_path / "near").linearity[0]
    box_tidwell = checked(far, tmp_path / "far").linearity[0]
    assert (quadratic.test, box_tidwell.test) == ("quadratic", "box_tidwell")
    np.testing.assert_allclose(box_tidwell.statistic, quadratic.statistic, rtol=1e-5)


def test_a_model_without_intercept_is_tested_by_the_square_itself(tmp_path):
    rng = np.random.default_rng(3)
    x = rng.normal(1.0, 1.0, 300)
    y = (rng.random(300) < 1 / (1 + np.exp(-0.5 * x + 0.3 * x**2))).astype(float)
    table = pa.table({"x": x, "label": y})
    ours = checked(table, tmp_path, intercept=False).linearity[0]
    # By hand: one column, then the square beside it.
    beta = 0.0
    for _ in range(30):
        mu = 1 / (1 + np.exp(-beta * x))
        beta += x @ (y - mu) / (x @ (mu * (1 - mu) * x))
    w, z = mu * (1 - mu), x**2
    left = z @ (w * z) - (z @ (w * x)) ** 2 / (x @ (w * x))
    np.testing.assert_allclose(ours.statistic, (z @ (y - mu)) ** 2 / left, rtol=1e-9)


def curve_of(shape, tmp_path, *, n_rows: int = 10_000, values=None) -> str | None:
    rng = np.random.default_rng(1)
    x = rng.uniform(1.0, 100.0, n_rows) if values is None else values(rng, n_rows)
    eta = shape(x)
    table = pa.table({"odd name": x, "label": (rng.random(n_rows) < 1 / (1 + np.exp(-eta))).astype(float)})
    return checked(table, tmp_path).linearity[0].suggestion


def test_the_suggestion_is_the_shape_of_the_curve(tmp_path):
    assert curve_of(lambda x: 1.2 * np.log(x) - 4, tmp_path / "log") == "log(`odd name`)"
    assert curve_of(lambda x: ((x - 50) / 20) ** 2 - 3, tmp_path / "bowl") == "ns(`odd name`, 4)"
    counts = {"values": lambda rng, n: rng.integers(0, 60, n).astype(float)}
    count = curve_of(lambda x: 1.5 * np.log1p(x) - 4, tmp_path / "log1p", **counts)
    assert count == "log1p(`odd name`)"
    steps = curve_of(lambda x: np.where((x > 40.6) & (x < 80.2), 1.5, -1.0), tmp_path / "steps")
    assert steps == "bins(`odd name`, 5)"
    assert curve_of(lambda x: 0.03 * x - 1, tmp_path / "line") is None


@pytest.mark.parametrize("seed", [0, 2, 5])
def test_bins_whose_fitted_probabilities_all_round_to_1_have_no_say(tmp_path, seed):
    rng = np.random.default_rng(seed)
    amount = np.exp(3.5 * rng.normal(size=600))
    y = (rng.random(600) < 1 / (1 + np.exp(-1.5 * np.log(amount)))).astype(float)
    one = checked(pa.table({"amount": amount, "label": y}), tmp_path).linearity[0]
    assert one.bins[-1].fitted == np.log((one.bins[-1].n + 0.5) / 0.5)
    assert one.suggestion in ("log(amount)", "ns(amount, 4)")


def test_a_bend_that_moves_no_bin_is_significant_and_not_worth_a_term(tmp_path):
    rng = np.random.default_rng(1)
    x = rng.uniform(-1.0, 1.0, 40_000)
    y = (rng.random(len(x)) < 1 / (1 + np.exp(-x - 0.15 * x**2))).astype(float)
    one = checked(pa.table({"x": x, "label": y}), tmp_path).linearity[0]
    assert one.p_value_bh < 1e-3
    assert one.suggestion is None


def test_columns_without_a_line_are_left_out_and_named(tmp_path):
    table = logistic_table(300, 6, p=3)
    two = (table["x3"].to_numpy() > 2).astype(float)
    table = table.append_column("two", pa.array(two))
    features = {"terms": ["ns(x2, 3)"]}
    _, rows = fitted_locally(table, tmp_path, config=CHECKS, features=features)
    model = with_row_checks(small_model(), rows)
    assert [one.column for one in model.checks.linearity] == ["x1", "x3"]
    assert (
        model.notes[-1]
        == "linearity was not looked into for columns that only features.terms are made of: x2"
    )


def test_values_that_stand_in_for_missing_ones_decide_whether_there_is_a_logarithm(tmp_path):
    rng = np.random.default_rng(3)
    x = np.where(rng.random(300) < 0.1, np.nan, rng.uniform(1, 9, 300))
    y = (rng.random(300) < 0.4).astype(float)
    table = pa.table({"x": pa.array(x, from_pandas=True), "label": y})
    filled = checked(table, tmp_path / "zero", policies={"x": policy("constant", value=0.0)})
    assert filled.linearity[0].test == "quadratic"
    mean = checked(table, tmp_path / "mean", policies={"x": policy("mean")})
    assert mean.linearity[0].test == "box_tidwell"


def test_p_values_are_adjusted_for_the_columns_that_have_one():
    # p.adjust(pchisq(c(10, 1, 6), 1, lower.tail = FALSE), "BH")
    found = linearities(list("abcd"), ["quadratic"] * 4, [10.0, None, 1.0, 6.0], [()] * 4, [None] * 4)
    expected = [0.00469620677401, 0.31731050786291, 0.02145881765314]
    assert found[1].p_value is found[1].p_value_bh is None
    adjusted = [one.p_value_bh for one in found if one.p_value_bh is not None]
    np.testing.assert_allclose(adjusted, expected, rtol=1e-9)
