"""Firth's penalised likelihood on the staged rows."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from logreg_dist.config.train import SolverConfig
from logreg_dist.fitting.cells import CellSums, cell_blocks, cell_sums_task, collapsing_pays
from logreg_dist.fitting.many_tasks import ManyStates
from logreg_dist.fitting.method import vectors_at_once
from logreg_dist.fitting.optimum import flat_start
from logreg_dist.fitting.passes import FitPasses
from logreg_dist.fitting.separation_tasks import evaluate_adjusted_task
from logreg_dist.fitting.start import sample_blocks, says_enough
from logreg_dist.fitting.sums import in_kernel_order, in_term_order, matrix_in_kernel_order
from logreg_dist.fitting.tasks import SampleRows
from logreg_dist.kernel.block import Block, BlockShape
from logreg_dist.kernel.evaluate import evaluate
from logreg_dist.kernel.leverage import with_half_events
from logreg_dist.kernel.state import state_bytes
from logreg_dist.solver.bookmarks import FirthBookmark
from logreg_dist.solver.firth import FirthOptions, FirthResult, firth
from logreg_dist.solver.linear_system import Dependence
from logreg_dist.solver.result import Ending, Iteration, Sums
from logreg_dist.staging.profile import TableProfile

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]

# A step here costs two passes and shrinks what is left by a factor, where Newton's squares it.
STEPS_PER_ITERATION = 4


@dataclass(frozen=True)
class AdjustableRows:
    """The likelihood of some rows, and the same with their leverage added to it.

    Attributes
    ----------
    evaluate_many : callable
        By number ``beta`` (p,) to `Sums` with information.
    evaluate_adjusted_many : callable
        By number ``beta`` (p,) and the covariance there (p, p) to the sums of the rows with half events, see `firth`.
    """

    evaluate_many: Callable[[Mapping[int, FloatArray]], Mapping[int, Sums]]
    evaluate_adjusted_many: Callable[[Mapping[int, tuple[FloatArray, FloatArray]]], Mapping[int, Sums]]

    def evaluate(self, beta: FloatArray) -> Sums:
        """Return the sums at one vector."""
        return self.evaluate_many({0: beta})[0]

    def evaluate_adjusted(self, beta: FloatArray, covariance: FloatArray) -> Sums:
        """Return the sums of the rows with half events at one vector."""
        return self.evaluate_adjusted_many({0: (beta, covariance)})[0]


def fit_firth(
    passes: FitPasses,
    profile: TableProfile,
    samples: Sequence[SampleRows],
    solver: SolverConfig,
    dependences: Sequence[Dependence] | None,
) -> tuple[AdjustableRows, FirthResult]:
    """Maximise Firth's likelihood of a staged table, from the optimum of its sample.

    Parameters
    ----------
    passes : FitPasses
        Of a design whose information matrix fits.
    profile : TableProfile
    samples : sequence of SampleRows
    solver : SolverConfig
    dependences : sequence of Dependence or None
        Terms without an estimate, where they are known; None to look for them.
    """
    rows = staged_rows(passes, profile)
    options = FirthOptions(solver.tolerance, STEPS_PER_ITERATION * solver.max_iterations)
    start = flat_start(passes, profile)
    if dependences is not None:
        start = _sample_start(passes, samples, options, dependences, start)

    def report(iteration: Iteration) -> None:
        log.info("Firth step %d: change %.3g", iteration.iteration, iteration.change)

    found = firth(
        rows.evaluate,
        rows.evaluate_adjusted,
        start,
        options,
        known=dependences,
        report=report,
        page=passes.journal.page("firth", FirthBookmark, len(start)),
    )
    return rows, found


def staged_rows(passes: FitPasses, profile: TableProfile) -> AdjustableRows:
    """Return the rows of a staged table: each evaluation is a pass, or none where it holds few different rows."""
    if collapsing_pays(passes.spec, passes.layout, profile.rows.n_rows):
        parts: list[CellSums] = passes.staged.run_pass(cell_sums_task(passes.design, passes.layout))
        return rows_of_blocks(cell_blocks(reduce(add, parts), passes.shape), passes.shape, passes.positions)
    room = vectors_at_once(
        passes.shape, n_splits=len(passes.staged.splits), max_result_bytes=passes.max_result_bytes
    )

    positions = passes.positions

    def evaluate_adjusted_many(asked: Mapping[int, tuple[FloatArray, FloatArray]]) -> dict[int, Sums]:
        found, numbers = {}, list(asked)
        for first in range(0, len(asked), room):
            clock, some = time.perf_counter(), numbers[first : first + room]
            places = [
                (
                    in_kernel_order(asked[number][0], positions),
                    matrix_in_kernel_order(asked[number][1], positions),
                )
                for number in some
            ]
            task = evaluate_adjusted_task(passes.design, passes.layout, places)
            size = len(some) * state_bytes(passes.shape)
            many: ManyStates = passes.staged.sum_pass(task, result_bytes=size)
            seconds = time.perf_counter() - clock
            log.info("pass %d: leverages at %d vectors (%.2f s)", passes.staged.n_passes, len(some), seconds)
            for number, state in zip(some, many.states, strict=True):
                found[number] = in_term_order(state, passes.shape, positions)
        return found

    def evaluate_many(asked: Mapping[int, FloatArray]) -> Mapping[int, Sums]:
        if len(asked) > 1:
            return passes.evaluate_many(asked)
        return {number: passes.evaluate(beta) for number, beta in asked.items()}

    return AdjustableRows(evaluate_many, evaluate_adjusted_many)


def sampled_rows(passes: FitPasses, samples: Sequence[SampleRows]) -> AdjustableRows:
    """Return the rows of a sample, in memory."""
    blocks = [block for sample in samples for block in sample_blocks(sample, passes.spec)]
    return rows_of_blocks(blocks, passes.shape, passes.positions)


def rows_of_blocks(blocks: Sequence[Block], shape: BlockShape, positions: NDArray[np.intp]) -> AdjustableRows:
    """Return rows that are in memory."""

    def evaluate_blocks(beta: FloatArray) -> Sums:
        return in_term_order(evaluate(in_kernel_order(beta, positions), blocks, shape), shape, positions)

    def evaluate_adjusted(beta: FloatArray, covariance: FloatArray) -> Sums:
        kernel_beta = in_kernel_order(beta, positions)
        kernel = matrix_in_kernel_order(covariance, positions)
        adjusted = with_half_events(kernel_beta, kernel, blocks, shape)
        return in_term_order(evaluate(kernel_beta, adjusted, shape), shape, positions)

    return AdjustableRows(
        lambda asked: {number: evaluate_blocks(beta) for number, beta in asked.items()},
        lambda asked: {number: evaluate_adjusted(*place) for number, place in asked.items()},
    )


def _sample_start(
    passes: FitPasses,
    samples: Sequence[SampleRows],
    options: FirthOptions,
    dependences: Sequence[Dependence],
    flat: FloatArray,
) -> FloatArray:
    """Return the optimum of the sample, (p,), where it has one and every term an estimate that the table has."""
    if not says_enough(list(samples), passes.shape.p):
        return flat
    rows = sampled_rows(passes, samples)
    found = firth(rows.evaluate, rows.evaluate_adjusted, flat, options, known=dependences).solution
    return found.point.beta if found.ending is Ending.CONVERGED else flat
