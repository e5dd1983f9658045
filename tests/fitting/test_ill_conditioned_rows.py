"""Ill-conditioned columns: what is taken from single rows keeps the digits that the information of mixtures has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mpmath
import numpy as np
import pyarrow as pa
import pytest

from logreg_dist.fitting.diagnostics.diagnose import ill_conditioned_notes
from logreg_dist.fitting.diagnostics.effects import with_marginal_effects
from logreg_dist.fitting.diagnostics.influence import with_influence
from logreg_dist.fitting.diagnostics.robust import robust_outcome
from logreg_dist.model.model import Coefficient
from tests.fitting.fitted_alone import fitted
from tests.fitting.local_passes import fitted_locally
from tests.report.models import small_model
from tests.scoring.models import model_of

# Right digits: of 16 the condition of the columns, some 1e7, takes about 7, its square 14.
DIGITS = 7
N, N_CLUSTERS, DEGREE = 300, 40, 5
KINDS = ("hc0", "hc1", "hc2", "hc3", "cluster")


def powers_table(levels: bool = False) -> pa.Table:
    """Return powers of x ~ N(10, 0.5) as columns, a label that they matter to, and clusters of rows."""
    rng = np.random.default_rng(11)
    x = rng.normal(10.0, 0.5, N)
    columns: dict[str, np.ndarray] = {}
    if levels:  # the levels are first among the terms, last in the kernel
        columns["plan"] = np.array(["base", "plus", "pro"], dtype=object)[rng.integers(0, 3, N)]
    columns |= {f"x{k}": x**k for k in range(1, DEGREE + 1)}
    columns["label"] = (rng.random(N) < 1 / (1 + np.exp(-2.0 * (x - 10.0)))).astype(float)
    columns["site"] = np.array([f"s{k}" for k in rng.integers(0, N_CLUSTERS, N)], dtype=object)
    return pa.table(columns)


class Exact:
    """The fit of `powers_table` with 60 digits: Newton's method on the rows, then the sandwich."""

    def __init__(self, table: pa.Table) -> None:
        ones = np.ones(N)
        plan = np.array(table["plan"]) if "plan" in table.column_names else None
        levels = [] if plan is None else [(plan == level) * 1.0 for level in ("plus", "pro")]
        raw = [ones, *levels, *(np.array(table[f"x{k}"]) for k in range(1, DEGREE + 1))]
        X, y = exact(np.column_stack(raw)), exact(np.array(table["label"]))
        p = X.shape[1]
        beta = exact(np.zeros(p))
        with mpmath.mp.workdps(60):
            for _ in range(30):
                mu = np.array([1 / (1 + mpmath.exp(-eta)) for eta in X @ beta], dtype=object)
                inverse = exact_inverse(X.T @ (X * (mu * (1 - mu))[:, None]))
                step = inverse @ (X.T @ (y - mu))
                beta = beta + step
                if max(abs(s / b) for s, b in zip(step, beta, strict=True)) < 1e-40:
                    break
            self.inverse, self.residual = inverse, y - mu
            self.beta, self.mu = beta, mu
            self.leverage = mu * (1 - mu) * ((X @ inverse) * X).sum(axis=1)
            self.X, self.site = X, np.array(table["site"])

    def std_errors(self, kind: str) -> np.ndarray:
        with mpmath.mp.workdps(60):
            scores = self.X * self.residual[:, None]
            factor = mpmath.mpf(1)
            if kind in ("hc2", "hc3"):
                power = {"hc2": mpmath.mpf(1) / 2, "hc3": 1}[kind]
                scores = scores / np.array([(1 - h) ** power for h in self.leverage], dtype=object)[:, None]
            if kind == "hc1":
                factor = mpmath.mpf(N) / (N - self.X.shape[1])
            if kind == "cluster":
                sites = np.unique(self.site)
                scores = np.array([scores[self.site == site].sum(axis=0) for site in sites])
                factor = mpmath.mpf(len(sites)) / (len(sites) - 1)
            spread = factor * (self.inverse @ (scores.T @ scores) @ self.inverse)
            return np.array([float(mpmath.sqrt(v)) for v in np.diag(spread)])

    def slope_std_errors(self) -> np.ndarray:
        """Return those of the mean slopes of the powers, each as if it were a column of its own."""
        with mpmath.mp.workdps(60):
            change = self.mu * (1 - self.mu)
            bent = self.X.T @ (change * (1 - 2 * self.mu)) / N
            p = self.X.shape[1]
            found = []
            for k in range(p - DEGREE, p):
                gradient = self.beta[k] * bent
                gradient[k] += change.sum() / N
                found.append(float(mpmath.sqrt(gradient @ self.inverse @ gradient)))
            return np.array(found)

    def dfbetas(self) -> np.ndarray:
        with mpmath.mp.workdps(60):
            changes = (self.X @ self.inverse) * (self.residual / (1 - self.leverage))[:, None]
            size = np.array([mpmath.sqrt(v) for v in np.diag(self.inverse)], dtype=object)
            return (changes / size).astype(float)


def exact(values: np.ndarray) -> np.ndarray:
    found = np.empty(values.shape, dtype=object)
    found.flat = [mpmath.mpf(float(value)) for value in values.ravel()]
    return found


def exact_inverse(matrix: np.ndarray) -> np.ndarray:
    found = mpmath.inverse(mpmath.matrix(matrix.tolist()))
    return np.array(found.tolist(), dtype=object).reshape(matrix.shape)


def right_digits(found: np.ndarray, expected: np.ndarray) -> float:
    return float(-np.log10(np.abs(found / expected - 1.0).max()))


@pytest.fixture(scope="module", params=[False, True], ids=["powers", "powers and levels"])
def case(request) -> tuple[pa.Table, Exact]:
    table = powers_table(levels=request.param)
    return table, Exact(table)


def robust_std_errors(table: pa.Table, folder: Path, kind: str) -> np.ndarray:
    inference = {"covariance": kind} | ({"cluster": ["site"]} if kind == "cluster" else {})
    rows, outcome = fitted(table, folder, watched={"site": "cluster[0]"}, n_splits=2, inference=inference)
    return np.sqrt(robust_outcome(rows, outcome, rows.passes.spec).outcome.found.variance)


@pytest.mark.parametrize("kind", KINDS)
def test_robust_standard_errors_of_ill_conditioned_columns_have_their_digits(tmp_path, case, kind):
    table, right = case
    found = robust_std_errors(table, tmp_path, kind)
    assert right_digits(found, right.std_errors(kind)) > DIGITS


def test_a_column_without_an_estimate_among_them_changes_nothing(tmp_path, case):
    table, right = case
    at = table.column_names.index("x1") + 1
    more = table.add_column(at, "again", table["x1"])
    found = robust_std_errors(more, tmp_path, "hc3")
    assert np.isnan(found).sum() == 1
    assert right_digits(found[~np.isnan(found)], right.std_errors("hc3")) > DIGITS


def test_two_ways_of_clusters_have_their_digits_too(tmp_path, case):
    # Each row is a cluster of its own in the second way: V1 + V2 - V12 is V1, each with its own factor.
    table, right = case
    both = table.append_column("row", pa.array([f"r{k}" for k in range(N)]))
    inference = {"covariance": "cluster", "cluster": ["site", "row"]}
    watched = {"site": "cluster[0]", "row": "cluster[1]"}
    rows, outcome = fitted(both, tmp_path, watched=watched, inference=inference)
    found = robust_outcome(rows, outcome, rows.passes.spec).outcome.found
    assert right_digits(np.sqrt(found.variance), right.std_errors("cluster")) > DIGITS


def test_leverages_and_dfbetas_of_ill_conditioned_columns_have_their_digits(tmp_path, case):
    table, right = case
    config = {"checks": {"influence": {"rows": N}}}
    _, rows = fitted_locally(table.drop_columns(["site"]), tmp_path, config=config, n_splits=2)
    model = with_influence(small_model(), rows)
    # Rows come by Cook's distance: told apart by their leverage and residual, both once each.
    leverage = right.leverage.astype(float)
    order = np.argsort(model.influential.columns["leverage"])
    own = np.argsort(leverage)
    assert right_digits(model.influential.columns["leverage"][order], leverage[own]) > DIGITS
    np.testing.assert_allclose(
        model.influential.dfbetas[order], right.dfbetas()[own], rtol=0, atol=10.0**-DIGITS
    )


def test_marginal_effects_of_ill_conditioned_columns_have_their_digits(tmp_path, case):
    table, right = case
    fit, rows = fitted_locally(table.drop_columns(["site"]), tmp_path, n_splits=2)
    terms = [
        Coefficient(name, None, None, value, *[None] * 8)
        for name, value in zip(fit.terms, fit.estimate, strict=True)
    ]
    model = replace(model_of(), design=fit.spec, coefficient_rows=tuple(terms), covariance=fit.covariance)

    def std_errors(rows):
        effects = with_marginal_effects(model, rows).marginal_effects
        return np.array([one.std_error for one in effects if one.level is None])

    assert right_digits(std_errors(rows), right.slope_std_errors()) > DIGITS
    twice = replace(rows, robust=2.0 * rows.mixtures.covariance)
    np.testing.assert_allclose(std_errors(twice), np.sqrt(2.0) * std_errors(rows), rtol=1e-12)


def test_a_note_says_what_takes_the_columns_as_they_are(tmp_path, case):
    table, right = case
    config = {"inference": {"tests": "likelihood_ratio"}}
    _, rows = fitted_locally(table.drop_columns(["site"]), tmp_path / "all", config=config)
    with mpmath.mp.workdps(60):
        information = exact_inverse(right.inverse)
        # Of the centred columns: the intercept, and with it the constant, is swept out of the others.
        slopes = information[1:, 1:] - np.outer(information[1:, 0], information[0, 1:]) / information[0, 0]
        size = np.array([mpmath.sqrt(v) for v in np.diag(slopes)], dtype=object)
        values = mpmath.eigsy(mpmath.matrix((slopes / np.outer(size, size)).tolist()), eigvals_only=True)
        condition = float(mpmath.sqrt(max(values) / min(values)))
    assert rows.condition == pytest.approx(
        condition, rel=0.5
    )  # centres are means, not those by working weights
    [note] = ill_conditioned_notes(rows)
    assert "score tests of columns" in note
    digits = int(16 - 2 * np.log10(rows.condition))  # 1 and 2
    assert f"may have no more than {digits} right digit" in note
    _, well = fitted_locally(table.select(["x1", "label"]), tmp_path / "one", config=config)
    assert well.condition is None
    assert ill_conditioned_notes(well) == ()
