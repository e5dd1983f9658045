"""The passes of a fit of several classes: trial coefficients in, sums over the whole table out."""

from __future__ import annotations

import logging
import time

import numpy as np
from pyspark import SparkContext

from logreg_dist.design.classes import Classes
from logreg_dist.design.spec import DesignSpec
from logreg_dist.design.term_moments import term_scales
from logreg_dist.fitting.class_sums import class_sums, in_kernel_classes, matrix_in_term_order
from logreg_dist.fitting.class_tasks import (
    ClassDesign,
    class_diagonal_task,
    count_classes_task,
    evaluate_classes_task,
    neutral_classes_task,
)
from logreg_dist.fitting.journal import Journal
from logreg_dist.inference.proof import RowPasses, prove_separation
from logreg_dist.inference.separation import DirectionCounts
from logreg_dist.kernel.block import FloatArray
from logreg_dist.kernel.multinomial import MultinomialState, multinomial_bytes
from logreg_dist.solver.result import Sums
from logreg_dist.staging.passes import StagedTable
from logreg_dist.staging.split_file import RecordLayout

log = logging.getLogger(__name__)


class ClassPasses:
    """The staged table with its design and classes: each method is one pass (one Spark job), or some.

    All coefficients are one vector (k p,), class after class in the order of the terms, on the centred
    columns.
    """

    def __init__(
        self,
        context: SparkContext,
        staged: StagedTable,
        spec: DesignSpec,
        classes: Classes,
        layout: RecordLayout,
        journal: Journal | None = None,
    ) -> None:
        self.journal = journal or Journal()
        self.staged, self.spec, self.classes, self.layout = staged, spec, classes, layout
        self.shape, self.positions, self.n_free = spec.shape(), spec.kernel_positions(), len(classes.free)
        self.design = context.broadcast(ClassDesign(spec, classes))
        self.max_result_bytes = staged.max_result_bytes

    def evaluate(self, beta: FloatArray) -> Sums:
        """Return deviance, score and joint information at `beta`."""
        return self._sums(beta, information=True)

    def evaluate_score(self, beta: FloatArray) -> Sums:
        """Return deviance and score at `beta`, without information."""
        return self._sums(beta, information=False)

    def information_diagonal(self, beta: FloatArray) -> FloatArray:
        """Return the diagonal of the joint information at `beta`, shape (k p,)."""
        clock = time.perf_counter()
        diagonals = self.staged.run_pass(class_diagonal_task(self.design, self.layout, self.in_kernel(beta)))
        self._log("diagonal of the information", clock)
        total: FloatArray = np.sum(diagonals, axis=0)
        return total[:, self.positions].ravel()

    def prove_separation(self, direction: FloatArray, *, with_information: bool) -> DirectionCounts:
        """Count the rows on either side of a direction (k p,); two passes, more before a proof."""
        clock = time.perf_counter()
        scale = np.tile(term_scales(self.spec), self.n_free)
        passes = RowPasses(self._count, self._neutral if with_information else None, scale)
        counts = prove_separation(direction / np.abs(direction).max(), passes)
        self._log(f"looking for separation: {counts.violated:,} rows speak against it", clock)
        return counts

    def _sums(self, beta: FloatArray, *, information: bool) -> Sums:
        clock = time.perf_counter()
        task = evaluate_classes_task(self.design, self.layout, self.in_kernel(beta), information=information)
        size = multinomial_bytes(self.shape, self.n_free) if information else 8 * len(beta)
        state: MultinomialState = self.staged.sum_pass(task, result_bytes=size)
        self._log(f"deviance {state.deviance:.10g}", clock)
        return class_sums(state, self.shape, self.positions)

    def _count(self, direction: FloatArray, blur: FloatArray) -> DirectionCounts:
        task = count_classes_task(self.design, self.layout, self.in_kernel(direction), self.in_kernel(blur))
        return sum(self.staged.run_pass(task), DirectionCounts())

    def _neutral(self, direction: FloatArray, blur: FloatArray) -> FloatArray:
        task = neutral_classes_task(self.design, self.layout, self.in_kernel(direction), self.in_kernel(blur))
        state: MultinomialState = self.staged.sum_pass(
            task, result_bytes=multinomial_bytes(self.shape, self.n_free)
        )
        return matrix_in_term_order(state, self.shape, self.positions)

    def in_kernel(self, beta: FloatArray) -> FloatArray:
        """Return coefficients (k p,) as the kernel wants them, (k, p)."""
        return in_kernel_classes(beta, self.n_free, self.positions)

    def _log(self, what: str, clock: float) -> None:
        log.info("pass %d: %s (%.2f s)", self.staged.n_passes, what, time.perf_counter() - clock)
