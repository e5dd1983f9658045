"""Leverages, and the rows whose leaving out would change the estimates most. Runs on executors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.kernel.block import Block, BlockShape, FloatArray
from logreg_dist.kernel.evaluate import linear_predictor
from logreg_dist.kernel.mixed_rows import mixed_blocks
from logreg_dist.kernel.residuals import pearson_residuals, probabilities
from logreg_dist.kernel.row_quadratics import RowQuadratics
from logreg_dist.kernel.rows import row_terms

# Above it a row has a coefficient of its own: without it there is no estimate to compare with.
_ALONE = 1.0 - 1e-9
HIGH_LEVERAGE = 3.0  # times the mean: a convention, as in Hosmer, Lemeshow and Sturdivant (2013), section 5.3
HIGH_COOK = 4.0  # over the rows


@dataclass(frozen=True)
class InfluencePlan:
    """What to look for.

    Attributes
    ----------
    covariance : ndarray (p, p)
        Of the estimates, in the kernel's order; 0 in rows and columns of terms without an estimate.
    n_parameters, n_rows : int
        Of the whole fit.
    n_kept : int
        Rows to keep of each split.
    mixing : ndarray (d, d) or None
        A column for each mixture of the dense columns, where coefficients and covariance are of such.
    """

    covariance: FloatArray
    n_parameters: int
    n_rows: int
    n_kept: int
    mixing: FloatArray | None = None


@dataclass(frozen=True)
class KeptRows:
    """The rows of a split with the largest Cook's distance, the largest first and of equal ones the first.

    Attributes
    ----------
    row : ndarray (k,) of int
        Its number in the split.
    values : ndarray (5, k)
        Label, probability, leverage, Pearson residual, Cook's distance.
    """

    row: NDArray[np.int64]
    values: FloatArray


@dataclass(frozen=True)
class InfluenceSums:
    """What a split says of the influence of its rows.

    Attributes
    ----------
    leverage : float
        Sum; over all splits the number of terms.
    largest_leverage, largest_cook : float
        0 without rows.
    n_high_leverage, n_high_cook : int
    kept : KeptRows
    """

    leverage: float
    largest_leverage: float
    largest_cook: float
    n_high_leverage: int
    n_high_cook: int
    kept: KeptRows


def find_influence(
    beta: FloatArray, blocks: Iterable[Block], shape: BlockShape, plan: InfluencePlan
) -> InfluenceSums:
    """Measure the influence of the rows of blocks on the estimates.

    The leverage is ``h = weight mu (1 - mu) x' covariance x``, Cook's distance ``r**2 h / (p (1 - h)**2)`` with the
    Pearson residual r. A row of weight k counts as one row of that weight, and is left out as a whole. Rows of
    leverage 1 have no Cook's distance: without them some coefficient has no estimate.

    Notes
    -----
    Pregibon (1981), Logistic Regression Diagnostics, Ann. Statist. 9(4), section 4; as R's ``hatvalues`` and
    ``cooks.distance`` of a binomial ``glm``.
    """
    total = largest = largest_cook = 0.0
    n_high_leverage = n_high_cook = first = 0
    kept = KeptRows(np.zeros(0, dtype=np.int64), np.zeros((5, 0)))
    mean, spread = plan.n_parameters / plan.n_rows, RowQuadratics(plan.covariance, shape)
    for block in blocks if plan.mixing is None else mixed_blocks(blocks, plan.mixing):
        eta = linear_predictor(beta, block, shape)
        leverage = row_terms(eta, block.y, block.weight).working_weight * spread.of(block)
        residual = pearson_residuals(eta, block.y, block.weight)
        cook = _cooks_distances(residual, leverage, plan.n_parameters)
        total += float(leverage.sum())
        largest = max(largest, float(leverage.max(initial=0.0)))
        largest_cook = max(largest_cook, float(np.fmax.reduce(cook, initial=0.0)))
        n_high_leverage += int((leverage > HIGH_LEVERAGE * mean).sum())
        n_high_cook += int((cook > HIGH_COOK / plan.n_rows).sum())
        row = np.arange(first, first + block.n_rows)
        values = np.stack([block.y, probabilities(eta)[0], leverage, residual, cook])
        kept = _largest(kept, KeptRows(row, values), plan.n_kept)
        first += block.n_rows
    return InfluenceSums(total, largest, largest_cook, n_high_leverage, n_high_cook, kept)


def changes_without(
    beta: FloatArray, block: Block, shape: BlockShape, plan: InfluencePlan, rows: NDArray[np.int64]
) -> FloatArray:
    """Return by how much the estimates lie above those without one of some rows of a block, shape (k, p).

    One step of Newton's method from the estimates: ``covariance x weight (y - mu) / (1 - h)``, in the kernel's
    order and on the centred columns, or on their mixtures.

    Parameters
    ----------
    beta, block, shape, plan
        See `find_influence`.
    rows : ndarray (k,) of int
        Numbers within the block.

    Notes
    -----
    Pregibon (1981), section 4.1, equation 9.
    """
    few = Block(
        dense=np.ascontiguousarray(
            block.dense[:, rows] if plan.mixing is None else plan.mixing.T @ block.dense[:, rows]
        ),
        codes=[codes[rows] for codes in block.codes],
        y=block.y[rows],
        weight=None if block.weight is None else block.weight[rows],
        offset=None if block.offset is None else block.offset[rows],
    )
    terms = row_terms(linear_predictor(beta, few, shape), few.y, few.weight)
    leverage = terms.working_weight * RowQuadratics(plan.covariance, shape).of(few)
    product = few.dense.T @ plan.covariance[: shape.n_dense]
    for where, codes in zip(shape.slices(), few.codes, strict=True):
        product += np.vstack([plan.covariance[where], np.zeros((1, shape.p))]).take(codes, axis=0)
    found: FloatArray = product * (terms.residual / (1.0 - leverage))[:, None]
    return found


def _cooks_distances(residual: FloatArray, leverage: FloatArray, n_parameters: int) -> FloatArray:
    """Return Cook's distances (m,), NaN where a row has a coefficient of its own."""
    rest = np.where(leverage > _ALONE, np.nan, 1.0 - leverage)
    with np.errstate(over="ignore"):
        found: FloatArray = residual**2 * leverage / (max(n_parameters, 1) * rest**2)
    return found


def _largest(kept: KeptRows, more: KeptRows, n_kept: int) -> KeptRows:
    row = np.concatenate([kept.row, more.row])
    values = np.hstack([kept.values, more.values])
    order = np.lexsort((row, -values[-1]))[:n_kept]
    order = order[~np.isnan(values[-1, order])]
    return KeptRows(row[order], values[:, order])
