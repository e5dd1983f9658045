"""Average marginal effects against R, statsmodels, 40 digits and themselves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import mpmath
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import statsmodels.api as sm

from logreg_dist.design.curves import curve_slopes, curve_values
from logreg_dist.design.splines import bspline_curves
from logreg_dist.fitting.diagnostics.effects import marginal_effects, with_marginal_effects
from logreg_dist.fitting.diagnostics.fitted import fitted_rows
from logreg_dist.fitting.sums import in_kernel_order
from logreg_dist.fitting.tasks import split_blocks
from logreg_dist.inference.records import CovarianceRecord
from logreg_dist.kernel.evaluate import linear_predictor
from logreg_dist.kernel.probability_slopes import probability_change, probability_slopes
from logreg_dist.model.model import Coefficient
from tests.fitting.local_passes import fitted_locally
from tests.in_process import policy, stage
from tests.oracles.effects import effects_table
from tests.scoring.models import model_of

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "effects.json").read_text())
# R's derivatives are numeric, with errors of 1e-11 or so.
EFFECT = 1e-9
STD_ERROR = 1e-8
SAME = 1e-11  # the same sums in another order
STATSMODELS = 1e-7  # its fit ends at a tolerance of its own

PLAIN = ["x", "z", "g", "h", "m", "weight", "label"]
CROSSED = {"terms": ["x*g", "g*h", "poly(z, 2)", "log(z)"]}


def table(frame: pd.DataFrame, columns: list[str]) -> pa.Table:
    """Arrow from a frame, NaN for missing."""
    return pa.Table.from_pandas(frame[columns], preserve_index=False)


def effects_of(rows) -> dict[str, tuple[float, float]]:
    found = marginal_effects(rows, rows.covariance)
    return {
        one.column if one.level is None else f"{one.column}[{one.level}]": (one.effect, one.std_error)
        for one in found.effects
    }


def assert_same(found, expected, effect=SAME, std_error=SAME):
    assert found.keys() == expected.keys()
    for name, (value, error) in expected.items():
        assert found[name][0] == pytest.approx(value, rel=effect, abs=1e-15), name
        assert found[name][1] == pytest.approx(error, rel=std_error, abs=1e-15), name


@pytest.mark.parametrize("n_splits", [1, 3])
def test_effects_and_standard_errors_are_those_of_r(tmp_path, n_splits):
    # R: effects(glm(label ~ x + z + g + h + m + m_missing, binomial, weights = weight)) of oracles/effects.R
    _, rows = fitted_locally(
        table(effects_table(), PLAIN), tmp_path, n_splits=n_splits, policies={"m": policy("indicator")}
    )
    expected = {name: tuple(one.values()) for name, one in ORACLE["plain"]["effects"].items()}
    assert_same(effects_of(rows), expected, EFFECT, STD_ERROR)
    assert rows.passes.n_passes == 1


def test_effects_go_through_transforms_and_interactions(tmp_path):
    # R: effects(glm(label ~ x * g + g * h + poly(z, 2, raw = TRUE) + log(z), ...)) of oracles/effects.R
    columns = ["x", "z", "g", "h", "weight", "label"]
    _, rows = fitted_locally(table(effects_table(), columns), tmp_path, n_splits=2, features=CROSSED)
    expected = {name: tuple(one.values()) for name, one in ORACLE["crossed"]["effects"].items()}
    assert_same(effects_of(rows), expected, EFFECT, STD_ERROR)


def test_effects_are_those_of_statsmodels(tmp_path):
    frame = effects_table()
    frame["two"] = (frame.h == "v").astype(float)
    X = sm.add_constant(frame[["x", "z", "two"]])
    found = sm.Logit(frame.label, X).fit(disp=False, method="newton", tol=1e-12).get_margeff(at="overall")
    _, rows = fitted_locally(table(frame, ["x", "z", "two", "label"]), tmp_path)
    pairs = zip(found.margeff.tolist(), found.margeff_se.tolist(), strict=True)
    expected = dict(zip(["x", "z", "two"], pairs, strict=True))
    assert_same(effects_of(rows), expected, STATSMODELS, STATSMODELS)


def test_effects_have_the_digits_of_a_calculation_with_forty(tmp_path):
    # A column far from 0, probabilities from 1e-6 to 1/2, and frequencies.
    rng = np.random.default_rng(3)
    x = 20261120.0 + np.round(rng.uniform(-30, 30, 60), 2)
    g = rng.choice(["a", "b"], 60)
    eta = -6.0 + 0.25 * (x - 20261120.0) + (g == "b")
    frame = pd.DataFrame(
        {
            "x": x,
            "g": g,
            "frequency": rng.integers(1, 4, 60).astype(float),
            "label": (rng.random(60) < 1 / (1 + np.exp(-eta))).astype(float),
        }
    )
    fit, rows = fitted_locally(table(frame, list(frame)), tmp_path)
    found = effects_of(rows)
    with mpmath.workdps(40):
        expected = _with_forty_digits(frame, fit["x"], fit["g[b]"])
    for name, (effect, error) in expected.items():
        assert found[name][0] == pytest.approx(float(effect), rel=1e-11)
        assert found[name][1] == pytest.approx(float(error), rel=1e-10)


def _with_forty_digits(frame: pd.DataFrame, slope: float, level: float):
    """Newton's method and the delta method on the columns as they are, from near the estimates."""
    rows = [
        (mpmath.matrix([1, mpmath.mpf(x), int(g == "b")]), int(k), int(y))
        for x, g, k, y in zip(frame.x, frame.g, frame.frequency, frame.label, strict=True)
    ]
    beta = mpmath.matrix([-6 - mpmath.mpf(slope) * 20261120, slope, level])
    mu = lambda x: 1 / (1 + mpmath.exp(-(x.T * beta)[0]))  # noqa: E731
    for _ in range(40):
        information, score = mpmath.zeros(3), mpmath.zeros(3, 1)
        for x, k, y in rows:
            information += k * mu(x) * (1 - mu(x)) * x * x.T
            score += k * (y - mu(x)) * x
        spread = information**-1
        step = spread * score
        # Damped at first: the start is rough.
        beta += step * min(1, 1 / mpmath.sqrt((step.T * information * step)[0]))
    assert mpmath.norm(score) < mpmath.mpf(10) ** -20
    n = sum(k for _, k, _ in rows)
    bend = mpmath.zeros(3, 1)
    change_gradient, change, flat = mpmath.zeros(3, 1), mpmath.mpf(0), mpmath.mpf(0)
    for x, k, _ in rows:
        d = mu(x) * (1 - mu(x))
        flat += k * d / n
        bend += k * d * (1 - 2 * mu(x)) * x / n
        one, zero = mpmath.matrix([1, x[1], 1]), mpmath.matrix([1, x[1], 0])
        change += k * (mu(one) - mu(zero)) / n
        change_gradient += k * (mu(one) * (1 - mu(one)) * one - mu(zero) * (1 - mu(zero)) * zero) / n
    slope_gradient = beta[1] * bend
    slope_gradient[1] += flat
    error = lambda gradient: mpmath.sqrt((gradient.T * spread * gradient)[0])  # noqa: E731
    return {"x": (beta[1] * flat, error(slope_gradient)), "g[b]": (change, error(change_gradient))}


SPLINES = {
    "terms": ["ns(x, 4)", "bs(z, 5)", "g:x", "log1p(z):m", "poly(m, 2)", "h"],
    "defaults": {"min_level_count": 1},
}
SPLINE_COLUMNS = ["x", "z", "g", "h", "m", "label"]


@pytest.fixture(scope="module")
def curved(tmp_path_factory):
    """A fit through splines and products of numbers, with missing numbers."""
    folder = tmp_path_factory.mktemp("curved")
    rows = table(effects_table(), SPLINE_COLUMNS)
    return fitted_locally(rows, folder, features=SPLINES, policies={"m": policy("mean")})[1]


@pytest.mark.parametrize("column", ["x", "z", "m"])
def test_a_slope_is_the_change_of_the_mean_probability_when_all_rows_move_a_little(curved, column, tmp_path):
    frame, h = effects_table().fillna({"m": effects_table().m.mean()}), 1e-4

    def mean_probability(by: float) -> float:
        moved = stage(table(frame.assign(**{column: frame[column] + by}), SPLINE_COLUMNS), tmp_path / str(by))
        passes = curved.passes
        beta = in_kernel_order(curved.beta, passes.positions)
        eta = [
            linear_predictor(beta, block, passes.shape)
            for block in split_blocks(moved.splits[0], passes.spec, passes.layout)
        ]
        return float(np.mean(1 / (1 + np.exp(-np.concatenate(eta)))))

    # With four points the error is of the order h**4; rounding leaves 1e-12.
    near, far = (
        (mean_probability(h) - mean_probability(-h)),
        (mean_probability(2 * h) - mean_probability(-2 * h)),
    )
    assert effects_of(curved)[column][0] == pytest.approx((8 * near - far) / (12 * h), rel=1e-7)


def test_standard_errors_are_the_delta_method_with_derivatives_by_every_coefficient(curved):
    known, h = np.flatnonzero(curved.estimable), 1e-4
    gradients, size = [], np.sqrt(np.diag(curved.covariance))
    for k in known:
        step = h * size[k] * np.eye(len(size))[k]
        up, down = (effects_of(replace(curved, beta=curved.beta + sign * step)) for sign in (1, -1))
        gradients.append([(up[name][0] - down[name][0]) / (2 * h * size[k]) for name in up])
    spread = curved.covariance[np.ix_(known, known)]
    errors = np.sqrt(np.einsum("ke,kl,le->e", gradients, spread, gradients))
    found = [error for _, error in effects_of(curved).values()]
    np.testing.assert_allclose(found, errors, rtol=1e-6)


def test_a_kink_has_the_mean_of_both_slopes():
    broken = bspline_curves(np.array([1.0]), (0.0, 3.0), 1)
    at = np.array([1.0, 0.5, 2.0])
    slopes = curve_slopes(broken, at)
    np.testing.assert_allclose(slopes[:, 0], (slopes[:, 1] + slopes[:, 2]) / 2, rtol=1e-14)
    h = 1e-6
    differences = (curve_values(broken, at + h) - curve_values(broken, at - h)) / (2 * h)
    np.testing.assert_allclose(slopes, differences, rtol=1e-8, atol=1e-8)


def test_a_frequency_is_so_many_rows(tmp_path):
    frame = effects_table().assign(frequency=np.arange(400) % 3 + 1.0)
    columns = ["x", "z", "g", "h", "label"]
    repeated = frame.loc[frame.index.repeat(frame.frequency.astype(int))]
    _, once = fitted_locally(table(frame, [*columns, "frequency"]), tmp_path / "a", features=CROSSED)
    _, often = fitted_locally(table(repeated, columns), tmp_path / "b", features=CROSSED)
    assert_same(effects_of(once), effects_of(often), 1e-9, 1e-9)


def test_units_of_a_column_are_those_of_its_effect(tmp_path):
    frame = effects_table()
    columns = ["x", "z", "g", "h", "label"]
    _, rows = fitted_locally(table(frame, columns), tmp_path / "a", features=CROSSED)
    _, scaled = fitted_locally(
        table(frame.assign(x=frame.x * 1000), columns), tmp_path / "b", features=CROSSED
    )
    expected = effects_of(rows)
    expected["x"] = (expected["x"][0] / 1000, expected["x"][1] / 1000)
    assert_same(effects_of(scaled), expected, 1e-9, 1e-9)


def test_flipping_the_label_turns_the_signs(tmp_path):
    frame = effects_table()
    _, rows = fitted_locally(table(frame, PLAIN), tmp_path / "a", policies={"m": policy("indicator")})
    other = table(frame.assign(label=1 - frame.label), PLAIN)
    _, flipped = fitted_locally(other, tmp_path / "b", policies={"m": policy("indicator")})
    expected = {name: (-effect, error) for name, (effect, error) in effects_of(rows).items()}
    assert_same(effects_of(flipped), expected, 1e-9, 1e-9)


def test_differences_keep_their_digits_where_probabilities_are_nearly_one():
    start, end = np.array([30.0, -40.0, 1e4, 3.0, -2.0]), np.array([30.5, -41.0, -1e4, 3.0, -2.0 + 1e-12])
    found = probability_change(start, end)
    with mpmath.workdps(60):
        mu = lambda eta: 1 / (1 + mpmath.exp(-mpmath.mpf(float(eta))))  # noqa: E731
        expected = [float(mu(b) - mu(a)) for a, b in zip(start, end, strict=True)]
        slopes = [float(mu(a) * (1 - mu(a))) for a in start]
        bends = [float(mu(a) * (1 - mu(a)) * (1 - 2 * mu(a))) for a in start]
    np.testing.assert_allclose(found, expected, rtol=1e-15, atol=0)
    np.testing.assert_allclose(probability_slopes(start), [slopes, bends], rtol=1e-15, atol=0)


def test_without_an_intercept_levels_are_against_the_first(tmp_path):
    # The same model in other terms.
    frame, columns = effects_table(), ["x", "g", "label"]
    _, rows = fitted_locally(table(frame, columns), tmp_path / "a")
    _, other = fitted_locally(table(frame, columns), tmp_path / "b", intercept=False)
    assert_same(effects_of(other), effects_of(rows), 1e-9, 1e-9)
    [note] = marginal_effects(other, other.covariance).notes
    assert note == "marginal effects of 'g' are against its level 'a'"


def test_columns_that_depend_on_others_are_as_good_as_left_out(tmp_path):
    frame = effects_table().assign(twice=lambda f: 2 * f.x - 1)
    _, rows = fitted_locally(table(frame, ["x", "g", "label"]), tmp_path / "a")
    _, more = fitted_locally(table(frame, ["x", "twice", "g", "label"]), tmp_path / "b")
    assert_same(effects_of(more), effects_of(rows), 1e-9, 1e-9)
    assert marginal_effects(more, more.covariance).notes == ()
    # A level that is another column's level, as "no internet" is in every column about the internet.
    other = frame.assign(other=np.where(frame.g == "b", "none", np.where(frame.x > 1, "p", "q")))
    _, levels = fitted_locally(table(other, ["x", "g", "other", "label"]), tmp_path / "c")
    assert list(effects_of(levels)) == [
        "x",
        "g[b]",
        "g[c]",
        "other[p]",
    ]  # other[q] is 1 less g[b] and other[p]


def test_what_needs_a_combination_that_no_row_has_is_left_out_and_said(tmp_path):
    frame = effects_table()
    frame = frame[~((frame.g == "c") & (frame.h == "u"))]
    columns = ["x", "z", "g", "h", "label"]
    _, rows = fitted_locally(table(frame, columns), tmp_path, features={"terms": ["x", "z", "g*h"]})
    found = marginal_effects(rows, rows.covariance)
    assert [one.level for one in found.effects] == [None, None, "b"]
    assert found.notes == (
        "no marginal effect of 'g[c]', 'h[v]': it would need the estimate of a combination that no row has",
    )


def test_columns_of_many_levels_and_those_cut_into_bins_have_no_effects_and_it_is_said(tmp_path):
    frame = effects_table().assign(many=[f"l{k % 51:02d}" for k in range(400)])
    columns = ["x", "z", "many", "label"]
    features = {"terms": ["x", "bins(z, 3)", "many"]}
    _, rows = fitted_locally(table(frame, columns), tmp_path, features=features)
    found = marginal_effects(rows, rows.covariance)
    assert [one.column for one in found.effects] == ["x"]
    assert found.notes == (
        "no marginal effect of 'z': it is cut into bins, where the probability jumps",
        "no marginal effects of 'many': it has more than 50 levels",
    )


def test_effects_of_a_population_are_those_of_rows_weighted_as_there(tmp_path):
    frame, rate = effects_table(), 0.05
    columns = ["x", "g", "h", "label"]
    terms = {"features": {"terms": ["x*g", "h"]}}
    _, rows = fitted_locally(
        table(frame, columns), tmp_path, features=terms["features"], config={"population_rate": rate}
    )
    found = marginal_effects(rows, rows.covariance)
    share = frame.label.mean()
    weight = np.where(frame.label == 1, rate / share, (1 - rate) / (1 - share))
    names = rows.names
    unit = dict(zip(names, rows.beta, strict=True))
    # The centred intercept, moved by the difference of the log-odds of both rates.
    centred = unit["intercept"] + np.log(rate / (1 - rate)) - np.log(share / (1 - share))
    x = frame.x - frame.x.mean()
    eta = centred + unit["x"] * x + unit["h[v]"] * (frame.h == "v")
    for level in ("b", "c"):
        is_level = (frame.g == level).astype(float)
        product = frame.x * is_level
        eta += unit[f"g[{level}]"] * is_level + unit[_product(names, level)] * (product - product.mean())
    slope = unit["x"] + sum(unit[_product(names, level)] * (frame.g == level) for level in ("b", "c"))
    mu = 1 / (1 + np.exp(-eta))
    expected = np.average(mu * (1 - mu) * slope, weights=weight)
    assert found.effects[0].effect == pytest.approx(expected, rel=1e-10)
    assert np.average(mu, weights=weight) == pytest.approx(rate, rel=0.2)
    assert any("means over the population" in note for note in found.notes)


def _product(names: list[str], level: str) -> str:
    return next(name for name in names if ":" in name and f"g[{level}]" in name)


def test_without_a_covariance_there_are_no_effects_and_it_is_said(curved):
    found = with_marginal_effects(model_of(), replace(curved, covariance=None))
    assert found.marginal_effects == ()
    assert found.notes == ("no marginal effects: the model has no covariance of its estimates",)


def test_a_covariance_of_another_kind_is_the_one_of_the_table(tmp_path):
    # Twice the covariance is twice the variance, whatever the units that it is stored in.
    fit, rows = fitted_locally(table(effects_table(), ["x", "g", "label"]), tmp_path)
    terms = [
        Coefficient(name, None, None, value, *[None] * 8)
        for name, value in zip(fit.terms, fit.estimate, strict=True)
    ]
    robust = CovarianceRecord("hc0", "")
    model = replace(
        model_of(),
        design=fit.spec,
        coefficient_rows=tuple(terms),
        covariance=2 * fit.covariance,
        covariance_record=robust,
    )
    found = with_marginal_effects(model, rows).marginal_effects
    expected = {name: error * np.sqrt(2) for name, (_, error) in effects_of(rows).items()}
    assert [one.std_error for one in found] == pytest.approx(list(expected.values()), rel=1e-10)


def test_selected_columns_alone_have_effects(tmp_path):
    frame = effects_table()
    fit, rows = fitted_locally(table(frame, ["x", "g", "label"]), tmp_path / "few")
    _, all_columns = fitted_locally(table(frame, ["h", "x", "z", "g", "label"]), tmp_path / "all")
    selected = fitted_rows(
        all_columns.passes,
        fit.result,
        fit.spec,
        profile=all_columns.profile,
        samples=(),
        label=rows.label,
        config=rows.config,
        inference=True,
    )
    terms = [
        Coefficient(name, None, None, value, *[None] * 8)
        for name, value in zip(fit.terms, fit.estimate, strict=True)
    ]
    model = replace(model_of(), design=fit.spec, coefficient_rows=tuple(terms), covariance=fit.covariance)
    found = with_marginal_effects(model, selected).marginal_effects
    names = [one.column if one.level is None else f"{one.column}[{one.level}]" for one in found]
    pairs = [(one.effect, one.std_error) for one in found]
    assert_same(dict(zip(names, pairs, strict=True)), effects_of(rows), 1e-9, 1e-9)
