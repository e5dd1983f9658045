"""The passes of a fit: trial coefficients in, sums over the whole table out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray
from pyspark import SparkContext

from logreg_dist.design.spec import DesignSpec
from logreg_dist.design.term_moments import term_scales
from logreg_dist.fitting.cells import CellSums, cell_blocks, cell_sums_task
from logreg_dist.fitting.journal import Journal
from logreg_dist.fitting.many_tasks import ManyStates, evaluate_many_task
from logreg_dist.fitting.method import vectors_at_once
from logreg_dist.fitting.mixtures import in_mixtures, of_columns
from logreg_dist.fitting.score_tasks import (
    entry_labels_task,
    evaluate_score_task,
    information_diagonal_task,
)
from logreg_dist.fitting.sums import (
    in_kernel_order,
    in_term_order,
    information_in_term_order,
    sum_scores,
)
from logreg_dist.fitting.tasks import (
    NULL_SHAPE,
    count_along_task,
    evaluate_mixed_task,
    evaluate_null_task,
    evaluate_task,
    neutral_information_task,
)
from logreg_dist.inference.proof import RowPasses, prove_separation
from logreg_dist.inference.separation import DirectionCounts
from logreg_dist.kernel.evaluate import evaluate
from logreg_dist.kernel.state import LogisticState, state_bytes
from logreg_dist.solver.information import Information
from logreg_dist.solver.result import Sums
from logreg_dist.staging.passes import StagedTable
from logreg_dist.staging.split_file import RecordLayout

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]


class FitPasses:
    """The staged table with its design: each method is one pass (one Spark job), or two.

    All coefficients are in the order of the terms, on the centred columns. The journal says how far the searches
    came that ask for passes.
    """

    def __init__(
        self,
        context: SparkContext,
        staged: StagedTable,
        spec: DesignSpec,
        layout: RecordLayout,
        journal: Journal | None = None,
    ) -> None:
        self.staged, self.spec, self.layout, self.journal = staged, spec, layout, journal or Journal()
        self.shape, self.positions = spec.shape(), spec.kernel_positions()
        self.design = context.broadcast(spec)
        self.max_result_bytes = staged.max_result_bytes

    def evaluate(self, beta: FloatArray) -> Sums:
        """Return deviance, score and information at `beta` (p,)."""
        clock = time.perf_counter()
        task = evaluate_task(self.design, self.layout, in_kernel_order(beta, self.positions))
        state: LogisticState = self.staged.sum_pass(task, result_bytes=state_bytes(self.shape))
        self._log(f"deviance {state.deviance:.10g}", clock)
        return in_term_order(state, self.shape, self.positions)

    def evaluate_mixed(self, beta: FloatArray, mixing: FloatArray) -> Sums:
        """Return the same sums by mixtures of the dense columns, see `on_mixtures`; `mixing` is (p, p), in term order."""
        clock = time.perf_counter()
        of_mixtures, by_kernel = in_mixtures(beta, mixing, self.positions, self.shape.n_dense)
        task = evaluate_mixed_task(self.design, self.layout, of_mixtures, by_kernel)
        state: LogisticState = self.staged.sum_pass(task, result_bytes=state_bytes(self.shape))
        self._log(f"deviance {state.deviance:.10g}, by mixtures", clock)
        return of_columns(in_term_order(state, self.shape, self.positions), mixing)

    def evaluate_many(self, asked: Mapping[int, FloatArray]) -> dict[int, Sums]:
        """Return the sums at each of several coefficient vectors (p,), by their numbers; one pass.

        Several passes where so many matrices have no room, see `vectors_at_once`. The sums of each are the same
        bits in whatever company they are asked for.
        """
        size = vectors_at_once(
            self.shape, n_splits=len(self.staged.splits), max_result_bytes=self.max_result_bytes
        )
        found: dict[int, Sums] = {}
        for first in range(0, len(asked), size):
            clock, numbers = time.perf_counter(), list(asked)[first : first + size]
            betas = [in_kernel_order(asked[number], self.positions) for number in numbers]
            task = evaluate_many_task(self.design, self.layout, betas)
            many: ManyStates = self.staged.sum_pass(task, result_bytes=len(betas) * state_bytes(self.shape))
            self._log(f"{len(betas):,} coefficient vectors at once", clock)
            for number, state in zip(numbers, many.states, strict=True):
                found[number] = in_term_order(state, self.shape, self.positions)
        return found

    def evaluate_by_cell(self) -> Callable[[FloatArray], Sums]:
        """Return `evaluate` for a table of categories alone: one pass now, and none when it is called."""
        clock = time.perf_counter()
        parts: list[CellSums] = self.staged.run_pass(cell_sums_task(self.design, self.layout))
        cells = reduce(add, parts)
        blocks = cell_blocks(cells, self.shape)
        n_cells, n_rows = sum(block.n_rows for block in blocks), sum(s.n_rows for s in self.staged.splits)
        self._log(f"{n_rows:,} rows are {n_cells:,} different ones", clock)

        def evaluate_cells(beta: FloatArray) -> Sums:
            state = evaluate(in_kernel_order(beta, self.positions), blocks, self.shape)
            return replace(in_term_order(state, self.shape, self.positions), n_rows=n_rows)

        return evaluate_cells

    def evaluate_score(self, beta: FloatArray) -> Sums:
        """Return deviance and score at `beta` (p,), without information."""
        clock = time.perf_counter()
        task = evaluate_score_task(self.design, self.layout, in_kernel_order(beta, self.positions))
        sums = sum_scores(self.staged.run_pass(task), self.positions)
        self._log(f"deviance {sums.deviance:.10g}", clock)
        return sums

    def information_diagonal(self, beta: FloatArray) -> FloatArray:
        """Return the diagonal of the information at `beta` (p,), shape (p,)."""
        clock = time.perf_counter()
        task = information_diagonal_task(self.design, self.layout, in_kernel_order(beta, self.positions))
        diagonals = self.staged.run_pass(task)
        self._log("diagonal of the information", clock)
        total: FloatArray = np.sum(diagonals, axis=0)
        return total[self.positions]

    def evaluate_null(self, intercept: FloatArray) -> Sums:
        """Return the sums of a model of offset and `intercept` (1,) alone."""
        clock = time.perf_counter()
        task = evaluate_null_task(self.layout, intercept)
        state: LogisticState = self.staged.sum_pass(task, result_bytes=state_bytes(NULL_SHAPE))
        self._log(f"null deviance {state.deviance:.10g}", clock)
        return in_term_order(state, NULL_SHAPE, np.array([0]))

    def prove_separation(self, direction: FloatArray, *, with_information: bool = True) -> DirectionCounts:
        """Count the rows on either side of a direction (p,); two passes, five before a proof.

        Where the information matrix does not fit, only a direction that is exact as it is can be proved.
        """
        clock = time.perf_counter()
        information = self._neutral_information if with_information else None
        passes = RowPasses(self._count_along, information, term_scales(self.spec))
        counts = prove_separation(direction / np.abs(direction).max(), passes)
        self._log(f"looking for separation: {counts.violated:,} rows speak against it", clock)
        return counts

    def entries_by_label(self) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Return for each term (p,) the sign of a sparse column whose entries are of one label, and if it has none; a pass.

        The likelihood rises for ever along the signs: they are on the right side of every row that has such
        an entry, and 0 for all others.
        """
        clock = time.perf_counter()
        found = reduce(add, self.staged.run_pass(entry_labels_task(self.design, self.layout)))
        signs, is_empty = np.zeros(self.shape.p), np.zeros(self.shape.p, dtype=bool)
        first = self.shape.p - sum(self.shape.sparse)
        signs[first:], is_empty[first:] = found.signs(), found.is_empty
        n_alone, n_empty = np.count_nonzero(signs), np.count_nonzero(is_empty)
        self._log(f"{n_alone:,} sparse columns are of one label, {n_empty:,} have no entry", clock)
        return signs[self.positions], is_empty[self.positions]

    def _count_along(self, direction: FloatArray, blur: FloatArray) -> DirectionCounts:
        along = in_kernel_order(direction, self.positions)
        task = count_along_task(self.design, self.layout, along, in_kernel_order(blur, self.positions))
        return sum(self.staged.run_pass(task), DirectionCounts())

    def _neutral_information(self, direction: FloatArray, blur: FloatArray) -> Information:
        along = in_kernel_order(direction, self.positions)
        task = neutral_information_task(
            self.design, self.layout, along, in_kernel_order(blur, self.positions)
        )
        state: LogisticState = self.staged.sum_pass(task, result_bytes=state_bytes(self.shape))
        return information_in_term_order(state, self.shape, self.positions)

    def _log(self, what: str, clock: float) -> None:
        log.info("pass %d: %s (%.2f s)", self.staged.n_passes, what, time.perf_counter() - clock)
