"""What the checks of linearity and fit sum over the rows at the final estimates. Runs on executors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.checks.added_columns import AddedColumn, added_values
from logreg_dist.kernel.block import Block, BlockShape, FloatArray
from logreg_dist.kernel.evaluate import linear_predictor
from logreg_dist.kernel.level_sums import LevelTotals
from logreg_dist.kernel.merge import merge_columns
from logreg_dist.kernel.residuals import pearson_residuals, probabilities
from logreg_dist.kernel.rows import RowTerms, row_terms

# The sums of a bin, see `RowSums`.
N_ROWS, WEIGHT, EVENTS, FITTED, VALUES, WORKING, WORKING_VALUES, WORKING_LOGS = range(8)
N_BIN_SUMS = 8
N_GROUP_SUMS = 4  # the first of them
_LOGARITHMS = {"log": np.log, "log1p": np.log1p}


@dataclass(frozen=True)
class BinnedColumn:
    """A numeric column with the edges of its bins.

    Attributes
    ----------
    row : int
        Its dense row in the blocks.
    centred : float
        What was subtracted from it: 0 without an intercept.
    edges : tuple of float
        Ascending, units of the column; a value at an edge is in the bin below.
    logarithm : str
        The function that has a value for all values: ``log``, ``log1p`` or none, ''. For ``log`` none may be so near
        to 0 that centring has lost it.
    """

    row: int
    centred: float
    edges: tuple[float, ...]
    logarithm: str


@dataclass(frozen=True)
class RowPlan:
    """What to sum; small, and sent to every task.

    Attributes
    ----------
    added : tuple of AddedColumn
    columns : tuple of BinnedColumn
    group_edges : tuple of float
        Linear predictors between the groups of risk; a row at an edge is in the group below.
    eta_centre, eta_scale : float
        About mean and standard deviation of the linear predictor without the offset; they change no result but its digits.
    """

    added: tuple[AddedColumn, ...]
    columns: tuple[BinnedColumn, ...]
    group_edges: tuple[float, ...]
    eta_centre: float
    eta_scale: float


@dataclass(frozen=True)
class RowSums:
    """Sums over rows at one ``beta``; those of disjoint rows add. k added columns, c binned ones, g groups.

    Attributes
    ----------
    added_score, added_information : ndarray (k,)
        Score of each added column, and its information with itself.
    added_cross : ndarray (k, p)
        Its information with the terms of the model, in the kernel's order.
    bins : ndarray (8, b)
        Of the bins of all columns, one column after the other: rows, weight, events, fitted events, weighted sum of
        the column, sum of working weights, the column and its logarithm weighted by those.
    groups : ndarray (4, g)
        Rows, weight, events and fitted events of the groups of risk, as of the bins.
    totals : ndarray (5,)
        Weight of events, of others; fitted probabilities weighted by them; squared Pearson residuals.
    line_score : ndarray (2,)
    line_information : ndarray (2, 2)
        Of an intercept and the linear predictor without the offset (less `eta_centre`, in units of `eta_scale`) as the
        only columns.
    deviance : float
    n_rows : int
    """

    added_score: FloatArray
    added_information: FloatArray
    added_cross: FloatArray
    bins: FloatArray
    groups: FloatArray
    totals: FloatArray
    line_score: FloatArray
    line_information: FloatArray
    deviance: float
    n_rows: int

    def __add__(self, other: RowSums) -> RowSums:
        pairs = ((getattr(self, name), getattr(other, name)) for name in self.__dataclass_fields__)
        return RowSums(*(a + b for a, b in pairs))


def sum_rows(beta: FloatArray, blocks: Iterable[Block], shape: BlockShape, plan: RowPlan) -> RowSums:
    """Sum what the checks of linearity and fit need over blocks, in the order given.

    Parameters
    ----------
    beta : ndarray (p,)
        Final estimates in the order of `shape`.
    blocks : iterable of Block
    shape : BlockShape
    plan : RowPlan

    Examples
    --------
    >>> block = Block(dense=np.array([[1.0, 1.0], [-1.0, 1.0]]), codes=(), y=np.array([0.0, 1.0]))
    >>> from logreg_dist.checks.added_columns import Added
    >>> square = AddedColumn(1, Added.SQUARE, shift=0.0, scale=1.0)
    >>> halves = BinnedColumn(1, 0.0, (0.0,), "")
    >>> found = sum_rows(np.zeros(2), [block], BlockShape(2), RowPlan((square,), (halves,), (), 0.0, 1.0))
    >>> found.added_score.tolist(), found.added_information.tolist(), found.added_cross.tolist()
    ([0.0], [0.5], [[0.5, 0.0]])
    >>> found.bins[[WEIGHT, EVENTS, FITTED]].tolist()
    [[1.0, 1.0], [0.0, 1.0], [0.5, 0.5]]
    """
    sums = _Sums(beta, shape, plan)
    for block in blocks:
        sums.add(block)
    return sums.result()


class _Sums:
    """The running sums of one call; a builder."""

    def __init__(self, beta: FloatArray, shape: BlockShape, plan: RowPlan) -> None:
        self.beta, self.shape, self.plan = beta, shape, plan
        n_added, n_groups = len(plan.added), len(plan.group_edges) + 1
        self.score, self.information = np.zeros(n_added), np.zeros(n_added)
        self.dense_cross = np.zeros((n_added, shape.n_dense))
        self.merged = merge_columns(shape.widths) if n_added else ()
        self.level_cross = LevelTotals(self.merged, n_added)
        self.bins = [np.zeros((N_BIN_SUMS, len(column.edges) + 1)) for column in plan.columns]
        self.groups = np.zeros((N_GROUP_SUMS, n_groups))
        self.totals, self.line_score, self.line_information = np.zeros(5), np.zeros(2), np.zeros((2, 2))
        self.deviance, self.n_rows = 0.0, 0

    def add(self, block: Block) -> None:
        eta = linear_predictor(self.beta, block, self.shape)
        terms = row_terms(eta, block.y, block.weight)
        weight = np.ones(block.n_rows) if block.weight is None else block.weight
        mu, events = probabilities(eta)[0], weight * block.y
        fitted, others = weight * mu, weight - events
        self.deviance += terms.deviance
        self.n_rows += block.n_rows
        with np.errstate(over="ignore"):
            pearson = float((pearson_residuals(eta, block.y, block.weight) ** 2).sum())
        self.totals += np.array([events.sum(), others.sum(), events @ mu, others @ mu, pearson])
        self._add_line(eta, block.offset, terms)
        counts = (np.ones(block.n_rows), weight, events, fitted)
        self._add_groups(eta, counts)
        self._add_bins(block, counts, terms.working_weight)
        if self.plan.added:
            self._add_columns(block, eta, terms.residual, terms.working_weight)

    def _add_line(self, eta: FloatArray, offset: FloatArray | None, terms: RowTerms) -> None:
        line = line_columns(eta, offset, self.plan)
        self.line_score += line @ terms.residual
        self.line_information += (line * terms.working_weight) @ line.T

    def _add_groups(self, eta: FloatArray, values: tuple[FloatArray, ...]) -> None:
        group = _bin_numbers(eta, self.plan.group_edges)
        for total, value in zip(self.groups, values, strict=True):
            total += np.bincount(group, value, minlength=len(total))

    def _add_bins(self, block: Block, values: tuple[FloatArray, ...], working_weight: FloatArray) -> None:
        weight = values[WEIGHT]
        for column, table in zip(self.plan.columns, self.bins, strict=True):
            x = block.dense[column.row] + column.centred
            own = [*values, weight * x, working_weight, working_weight * x]
            if column.logarithm:
                own.append(working_weight * _LOGARITHMS[column.logarithm](x))
            number = _bin_numbers(x, column.edges)
            recent = np.zeros_like(table)
            for total, value in zip(recent, own, strict=False):  # without a logarithm its sums stay 0
                np.add.at(total, number, value)
            table += recent  # not row by row: a total is not rounded once for every row of the split

    def _add_columns(
        self, block: Block, eta: FloatArray, residual: FloatArray, working_weight: FloatArray
    ) -> None:
        added = np.stack(
            [
                added_values(eta if column.row is None else block.dense[column.row], column)
                for column in self.plan.added
            ]
        )
        self.score += added @ residual
        weighted = added * working_weight
        self.information += np.einsum("ij,ij->i", weighted, added)
        self.dense_cross += weighted @ block.dense.T
        if self.merged:
            codes = np.empty((len(self.merged), block.n_rows), dtype=np.intp)
            joint = np.empty(block.n_rows, dtype=np.int32)
            for column, out in zip(self.merged, codes, strict=True):
                column.merge_codes(block.codes, joint, out)
            self.level_cross.add(codes, weighted)

    def result(self) -> RowSums:
        crosses = [self.dense_cross, *(self.level_cross.by_column() if self.merged else ())]
        return RowSums(
            added_score=self.score,
            added_information=self.information,
            added_cross=np.hstack(crosses),
            bins=np.hstack([np.zeros((N_BIN_SUMS, 0)), *self.bins]),
            groups=self.groups,
            totals=self.totals,
            line_score=self.line_score,
            line_information=self.line_information,
            deviance=self.deviance,
            n_rows=self.n_rows,
        )


def line_columns(eta: FloatArray, offset: FloatArray | None, plan: RowPlan) -> FloatArray:
    """Return the columns of the recalibration, shape (2, m): 1 and the linear predictor in the units of the plan.

    Without the offset, which is known and has no slope: it stays an offset.
    """
    own = eta if offset is None else eta - offset
    return np.stack([np.ones(len(eta)), (own - plan.eta_centre) / plan.eta_scale])


def _bin_numbers(values: FloatArray, edges: Sequence[float]) -> NDArray[np.intp]:
    """Return for each value how many edges lie below it, shape (m,)."""
    # A dozen comparisons of all values take a tenth of the time of a search for each (np.searchsorted).
    number = np.zeros(len(values), dtype=np.int8)
    for edge in edges:
        number += values > edge
    return number.astype(np.intp)  # the fast path of np.add.at
