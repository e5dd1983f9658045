"""Rows counted by cell have the sums of the table's own rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from logreg_dist import TrainConfig, fit
from logreg_dist.design.spec import CategoricalColumn, DesignSpec, NumericColumn
from logreg_dist.fitting.cells import (
    MAX_CELLS,
    ROWS_PER_CELL,
    cell_blocks,
    cell_sums,
    collapsing_pays,
    n_cells,
)
from logreg_dist.kernel.block import Block, BlockShape
from logreg_dist.kernel.evaluate import evaluate
from logreg_dist.staging.split_file import RecordLayout

ROUNDING = 1e-12  # sums of the same terms in another order

SHAPE = BlockShape(n_dense=1, widths=(3, 1, 4))


def blocks(n_rows: int, *, weighted: bool, chunk: int = 50, seed: int = 3) -> list[Block]:
    rng = np.random.default_rng(seed)
    codes = [rng.integers(0, width + 1, n_rows).astype(np.int32) for width in SHAPE.widths]
    y, weight = rng.choice([0.0, 0.25, 1.0], n_rows), rng.uniform(0, 3, n_rows)
    parts = [slice(start, start + chunk) for start in range(0, n_rows, chunk)]
    return [
        Block(
            dense=np.ones((1, len(y[rows]))),
            codes=[column[rows] for column in codes],
            y=y[rows],
            weight=weight[rows] if weighted else None,
        )
        for rows in parts
    ]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_rows", [1, 7, 333])
def test_the_cells_have_the_sums_of_their_rows(n_rows, weighted):
    rows, beta = blocks(n_rows, weighted=weighted), np.linspace(-1, 1, SHAPE.p)
    expected = evaluate(beta, rows, SHAPE)
    found = evaluate(beta, cell_blocks(cell_sums(rows, SHAPE), SHAPE), SHAPE)

    assert found.n_rows <= min(n_rows, n_cells(SHAPE))
    largest = np.abs(expected.information.matrix(SHAPE)).max()
    np.testing.assert_allclose(found.weight_sum, expected.weight_sum, rtol=ROUNDING)
    np.testing.assert_allclose(found.deviance, expected.deviance, rtol=ROUNDING)
    np.testing.assert_allclose(found.score, expected.score, atol=ROUNDING * largest)
    np.testing.assert_allclose(
        found.information.matrix(SHAPE), expected.information.matrix(SHAPE), atol=ROUNDING * largest
    )


def test_cells_of_parts_add_up(monkeypatch):
    rows = blocks(500, weighted=True)
    whole = cell_sums(rows, SHAPE)
    monkeypatch.setattr("logreg_dist.fitting.cells.ROWS_AT_ONCE", 120)
    parts = cell_sums(rows[:3], SHAPE) + cell_sums(rows[3:], SHAPE)

    np.testing.assert_allclose(parts.weight, whole.weight, rtol=ROUNDING)
    np.testing.assert_allclose(parts.events, whole.events, rtol=ROUNDING)


def test_a_cell_without_rows_is_no_row():
    empty = cell_sums([], SHAPE)
    assert cell_blocks(empty, SHAPE) == []
    assert evaluate(np.zeros(SHAPE.p), cell_blocks(empty, SHAPE), SHAPE).n_rows == 0


def column(name: str, n_levels: int) -> CategoricalColumn:
    levels = tuple(f"{k}" for k in range(n_levels))
    return CategoricalColumn(name, "string", "error", "error", levels, "0", None)


@pytest.mark.parametrize(
    ("spec", "has_offset", "n_rows", "pays"),
    [
        (DesignSpec((column("a", 10), column("b", 10)), intercept=True), False, 100 * ROWS_PER_CELL, True),
        (DesignSpec((column("a", 10), column("b", 10)), intercept=True), False, 99 * ROWS_PER_CELL, False),
        (DesignSpec((column("a", 10),), intercept=True), True, 10**6, False),
        (DesignSpec((column("a", MAX_CELLS + 1),), intercept=True), False, 10**9, False),
        (DesignSpec((column("a", 3),), intercept=False), False, 10**6, True),
    ],
)
def test_collapsing_pays_for_tables_of_few_cells(spec, has_offset, n_rows, pays):
    assert collapsing_pays(spec, RecordLayout(0, 1, False, has_offset, 64), n_rows) is pays


def test_a_number_among_the_columns_makes_every_row_its_own_cell():
    numeric = NumericColumn("x", "double", "error", "error", None, False, 0.0, 1.0)
    spec = DesignSpec((numeric, column("a", 3)), intercept=True)
    assert not collapsing_pays(spec, RecordLayout(1, 1, False, False, 64), 10**6)


@pytest.mark.spark
def test_a_table_of_few_cells_is_read_once_and_counted_once(spark, tmp_path, monkeypatch):
    rng = np.random.default_rng(5)
    k = rng.integers(0, 3, size=(3, 3_000))
    y = rng.random(3_000) < 1 / (1 + np.exp(1 - 0.7 * k[0] + 0.4 * (k[1] == 2)))
    table = pa.table({name: [f"{name}{v}" for v in values] for name, values in zip("abc", k, strict=True)})
    pq.write_table(table.append_column("y", [y]), tmp_path / "t.parquet")
    config = TrainConfig(label={"column": "y"}, solver={"start": "zero"})
    by_cell = fit(spark.read.parquet(str(tmp_path)), config)
    monkeypatch.setattr("logreg_dist.fitting.cells.MAX_CELLS", 0)
    by_row = fit(spark.read.parquet(str(tmp_path)), config)

    assert (by_cell.converged, by_cell.n_passes, by_cell.n_rows) == (True, 3, 3_000)
    assert by_row.n_passes > 5
    found, expected = ([row.estimate for row in model.coefficient_rows] for model in (by_cell, by_row))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    np.testing.assert_allclose(by_cell.covariance, by_row.covariance, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(by_cell.deviance, by_row.deviance, rtol=ROUNDING)
