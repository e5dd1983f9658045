"""The passes of a cross-validation: the coefficients of several fits in, the sums of each over its rows out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from logreg_dist.fitting.class_passes import ClassPasses
from logreg_dist.fitting.class_sums import class_sums
from logreg_dist.fitting.fold_tasks import (
    BlocksOf,
    Evaluate,
    FoldStates,
    binary_kernel,
    class_kernel,
    evaluate_folds_task,
    fold_totals_task,
    staged_blocks,
    staged_class_blocks,
)
from logreg_dist.fitting.passes import FitPasses
from logreg_dist.fitting.sums import in_kernel_order, in_term_order
from logreg_dist.kernel.block import FloatArray
from logreg_dist.kernel.multinomial import multinomial_bytes
from logreg_dist.kernel.state import state_bytes
from logreg_dist.solver.information import whole_matrix
from logreg_dist.solver.result import Sums
from logreg_dist.staging.passes import StagedTable

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoldPoint:
    """The sums of one fit over the rows it learns from, and its deviance at the rows it leaves out."""

    sums: Sums
    held_out: float


class FoldPasses:
    """The passes of a model of either family, of all folds at once.

    Parameters
    ----------
    passes : FitPasses or ClassPasses
        Of the model.
    n_folds : int
    """

    def __init__(self, passes: FitPasses | ClassPasses, n_folds: int) -> None:
        self.staged: StagedTable = passes.staged
        self.journal = passes.journal.within("cross-validation")
        self.n_folds, self._passes = n_folds, passes
        shape, positions = passes.shape, passes.positions
        self._blocks_of: BlocksOf
        self._evaluate: Evaluate
        self._sums: Callable[[Any], Sums]
        self._kernel: Callable[[FloatArray], FloatArray]
        if isinstance(passes, ClassPasses):
            n_free = passes.n_free
            self.n_outcomes = n_free + 1
            self._blocks_of = staged_class_blocks(passes.design, passes.layout)
            self._evaluate = class_kernel(shape)
            self._kernel = passes.in_kernel
            self._sums = lambda state: class_sums(state, shape, positions)
            self._state_bytes = multinomial_bytes(shape, n_free)
        else:
            self.n_outcomes = 2
            self._blocks_of = staged_blocks(passes.design, passes.layout)
            self._evaluate = binary_kernel(shape)
            self._kernel = partial(in_kernel_order, positions=positions)
            self._sums = lambda state: in_term_order(state, shape, positions)
            self._state_bytes = state_bytes(shape)

    def evaluate_many(self, asked: Mapping[int, FloatArray]) -> dict[int, FoldPoint]:
        """Return, by the fold left out, what each fit has at its coefficients (p,); one pass."""
        clock = time.perf_counter()
        betas = {fold: self._kernel(beta) for fold, beta in asked.items()}
        task = evaluate_folds_task(self._blocks_of, self._evaluate, betas, self.n_folds)
        found: FoldStates = self.staged.sum_pass(task, result_bytes=len(asked) * self._state_bytes)
        log.info(
            "pass %d: %d fits at once (%.2f s)", self.staged.n_passes, len(asked), time.perf_counter() - clock
        )
        points = {}
        for fold, state, held_out in zip(asked, found.training, found.held_out.tolist(), strict=True):
            points[fold] = FoldPoint(_with_whole_matrix(self._sums(state)), held_out)
        return points

    def totals(self) -> FloatArray:
        """Return the weight of each fold by outcome, shape (n_folds, n_outcomes); one pass."""
        parts = self.staged.run_pass(fold_totals_task(self._blocks_of, self.n_folds, self.n_outcomes))
        total: FloatArray = np.sum(parts, axis=0)
        return total


def _with_whole_matrix(sums: Sums) -> Sums:
    assert sums.information is not None
    return Sums(sums.n_rows, sums.weight_sum, sums.deviance, sums.score, whole_matrix(sums.information))
