"""A table of many numbers: most steps are taken with the matrix that a sample of its rows has."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from logreg_dist import TrainConfig, fit
from logreg_dist.fitting.passes import FitPasses
from logreg_dist.solver.newton import NewtonOptions, newton
from logreg_dist.solver.result import Ending
from tests.solver.arrays import sums_of, with_ones

N_ROWS, N_COLUMNS = 120_000, 70
ESTIMATES = 1e-9  # relative to the standard error: both fits end within 1e-8 and then take a step more
STD_ERRORS = 1e-9  # relative


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    """Numbers of which each is a little like the one before, and a label that some of them tell of."""
    rng = np.random.default_rng(17)
    x = rng.normal(size=(N_ROWS, N_COLUMNS))
    x[:, 1:] += 0.5 * x[:, :-1]
    eta = -2.0 + x[:, ::7] @ rng.normal(scale=0.4, size=len(range(0, N_COLUMNS, 7)))
    return x, (rng.random(N_ROWS) < 1.0 / (1.0 + np.exp(-eta))).astype(float)


def count_calls(monkeypatch, name: str) -> list[None]:
    """Return a list that grows by one with each pass of that name."""
    calls: list[None] = []
    run = getattr(FitPasses, name)

    def counted(passes, beta):
        calls.append(None)
        return run(passes, beta)

    monkeypatch.setattr(FitPasses, name, counted)
    return calls


@pytest.mark.spark
@pytest.mark.parametrize("tolerance", [1e-8, 1e-2])
def test_a_wide_table_takes_most_steps_without_its_matrix(spark, rows, tmp_path, monkeypatch, tolerance):
    x, y = rows
    table = pa.table({f"x{k}": x[:, k] for k in range(N_COLUMNS)} | {"label": y.astype(np.int64)})
    pq.write_table(table, tmp_path / "rows.parquet")
    asked = {name: count_calls(monkeypatch, name) for name in ("evaluate", "evaluate_score")}
    config = TrainConfig(
        input={"path": str(tmp_path)}, label={"column": "label"}, solver={"tolerance": tolerance}
    )
    model = fit(spark.read.parquet(str(tmp_path)), config)

    expected = newton(sums_of(with_ones(x), y), np.zeros(N_COLUMNS + 1), NewtonOptions())
    assert expected.ending is Ending.CONVERGED
    std_error = np.sqrt(np.diag(np.linalg.inv(expected.point.sums.matrix())))
    found = model.coefficients
    assert model.converged
    assert len(asked["evaluate"]) == (2 if tolerance < 1e-3 else 1)
    assert len(asked["evaluate_score"]) >= 2
    if tolerance < 1e-3:
        off = (found["estimate"] - expected.point.beta) / std_error
        assert np.abs(off).max() <= ESTIMATES
        np.testing.assert_allclose(found["std_error"], std_error, rtol=STD_ERRORS)
    else:
        assert np.abs((found["estimate"] - expected.point.beta) / std_error).max() <= tolerance**2
        np.testing.assert_allclose(found["std_error"], std_error, rtol=tolerance**2)
