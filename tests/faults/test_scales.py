"""Columns of sizes that rounding is feared for, and a start far out: the digits of 50-digit arithmetic."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from logreg_dist import fit
from tests.certified.lre import lre
from tests.faults.tables import config, good_rows

pytestmark = pytest.mark.spark

DIGITS = 8


def certified(rows, names) -> tuple[list[str], list[str]]:
    """Return estimates and standard errors by Newton's method with 50 digits, from zero, as decimals."""
    with mp.workdps(50):
        X = mp.matrix([[1, *(mp.mpf(float(value)) for value in row)] for row in rows[names].to_numpy()])
        # Columns are centred and divided first, exactly enough, so that the start is a good one.
        p, n = X.cols, X.rows
        centre = [mp.mpf(0), *(mp.fsum(X[:, k]) / n for k in range(1, p))]
        scale = [mp.mpf(1), *(max(abs(X[i, k] - centre[k]) for i in range(n)) for k in range(1, p))]
        Z = mp.matrix(n, p)
        for i in range(n):
            for k in range(p):
                Z[i, k] = (X[i, k] - centre[k]) / scale[k]
        beta = mp.zeros(p, 1)
        for _ in range(12):
            mu = [1 / (1 + mp.exp(-eta)) for eta in Z * beta]
            score = Z.T * mp.matrix([mp.mpf(int(y)) - m for y, m in zip(rows.y, mu, strict=True)])
            information = Z.T * mp.matrix([[m * (1 - m) * z for z in Z[i, :]] for i, m in enumerate(mu)])
            step = mp.lu_solve(information, score)
            beta += step
        assert mp.norm(step) < mp.mpf(10) ** -40
        undo = mp.diag([1 / s for s in scale])
        for k in range(1, p):
            undo[0, k] = -centre[k] / scale[k]
        covariance = undo * information**-1 * undo.T
        errors = [mp.sqrt(covariance[k, k]) for k in range(p)]
        return [mp.nstr(b, 40) for b in undo * beta], [mp.nstr(e, 40) for e in errors]


def test_columns_of_1e12_and_1e_minus_12_and_a_date_like_one_have_eight_digits(spark):
    rows = good_rows(200)
    rng = np.random.default_rng(4)
    rows = rows.assign(x=rows.x * 1e12, z=rows.z * 1e-12, day=20_261_120 + rng.integers(-30, 31, 200))
    model = fit(spark.createDataFrame(rows), config())
    assert model.converged
    estimates, errors = certified(rows, ["x", "z", "day"])
    assert [row.term for row in model.coefficient_rows] == ["intercept", "x", "z", "day"]
    for row, estimate, error in zip(model.coefficient_rows, estimates, errors, strict=True):
        assert lre(row.estimate, estimate) >= DIGITS, row.term
        assert lre(row.std_error, error) >= DIGITS, row.term


def test_too_few_iterations_end_without_convergence_and_tell_the_last_change(spark):
    solver = {"max_iterations": 1, "start": "zero", "tolerance": 1e-14}
    model = fit(spark.createDataFrame(good_rows().assign(x=lambda t: t.x * 4)), config(solver=solver))
    assert (model.status, model.converged) == ("not_converged", False)
    assert f"{model.history[-1].change:.2g}" in model.status_text, model.status_text
