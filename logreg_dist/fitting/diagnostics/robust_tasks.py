"""The task that sums squared scores of single trials over a split's rows. Runs on executors."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from logreg_dist.fitting.diagnostics.row_blocks import RowBlock, RowEstimates, row_blocks
from logreg_dist.fitting.tasks import SharedDesign
from logreg_dist.kernel.block import Block, BlockShape, FloatArray
from logreg_dist.kernel.evaluate import linear_predictor
from logreg_dist.kernel.residuals import probabilities
from logreg_dist.kernel.row_quadratics import RowQuadratics
from logreg_dist.kernel.state import InformationBlocks
from logreg_dist.kernel.weighted_information import weighted_information
from logreg_dist.staging.pass_timing import Measured, ReadingClock
from logreg_dist.staging.split_file import RecordLayout
from logreg_dist.staging.staged_split import StagedSplit


def squared_scores_task(
    design: SharedDesign,
    layout: RecordLayout,
    estimates: RowEstimates,
    *,
    with_frequency: bool,
    power: int = 0,
) -> Callable[[StagedSplit], Measured[InformationBlocks]]:
    """Return the task that sums ``residual^2 / (1 - h)^power x x'`` over the single trials of a split.

    Parameters
    ----------
    design, layout
    estimates : RowEstimates
        The sums are of the mixtures where there are any.
    with_frequency : bool
        Whether the number of trials of a row is carried.
    power : int
        0, 1 (HC2) or 2 (HC3). Unless it is 0 the covariance is needed: ``h = weight mu (1 - mu) x' V x`` of a single
        trial.
    """
    names = ("frequency",) if with_frequency else ()

    def task(split: StagedSplit) -> Measured[InformationBlocks]:
        clock, spec = ReadingClock(), design.value
        shape = spec.shape()
        form = (
            RowQuadratics(estimates.covariance, shape) if power and estimates.covariance is not None else None
        )
        rows = clock.over(row_blocks(split, spec, layout, names, estimates.mixing))
        sums = weighted_information(_weighted(rows, estimates.beta, shape, form, power), shape)
        return Measured(sums, clock.seconds)

    return task


def _weighted(
    rows: Iterator[RowBlock], beta: FloatArray, shape: BlockShape, form: RowQuadratics | None, power: int
) -> Iterator[tuple[Block, FloatArray]]:
    for row in rows:
        trials = row.trials
        mu, one_minus_mu = probabilities(linear_predictor(beta, row.block, shape))
        of_events = (trials.event_weight * one_minus_mu) ** 2
        of_others = (trials.other_weight * mu) ** 2
        if form is not None:
            spread = mu * one_minus_mu * form.of(row.block)
            # Infinite, and never of the wrong sign, where rounding makes a leverage 1.
            with np.errstate(divide="ignore"):
                of_events /= np.maximum(1.0 - trials.event_weight * spread, 0.0) ** power
                of_others /= np.maximum(1.0 - trials.other_weight * spread, 0.0) ** power
        yield row.block, trials.events * of_events + trials.others * of_others
