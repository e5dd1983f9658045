"""Where Newton starts: the optimum of a sample, found on the driver."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from logreg_dist.design.encode import encode_chunks
from logreg_dist.design.spec import DesignSpec
from logreg_dist.fitting.penalty import Penalty
from logreg_dist.fitting.search import Start
from logreg_dist.fitting.sums import in_kernel_order, in_term_order
from logreg_dist.fitting.tasks import NULL_SHAPE, SampleRows, null_block
from logreg_dist.kernel.block import Block, BlockShape
from logreg_dist.kernel.evaluate import evaluate
from logreg_dist.kernel.remainder import score_remainder
from logreg_dist.solver.approach import RoughInformation
from logreg_dist.solver.information import factor_of, plus_ridge
from logreg_dist.solver.lbfgs import LbfgsOptions, lbfgs
from logreg_dist.solver.linear_system import SingularInformation
from logreg_dist.solver.newton import NewtonOptions, newton
from logreg_dist.solver.proximal import ProximalOptions, proximal_newton
from logreg_dist.solver.result import Ending, SolverResult, Sums

FloatArray = NDArray[np.float64]

# A sample smaller than this many rows a term says too little to be worth starting from.
ROWS_PER_TERM = 5
# A matrix of fewer is none to step with: with this many a step leaves about a seventh of the distance.
ROWS_PER_TERM_OF_MATRIX = 50
# Of the distance between the sample's optimum and that of all rows: nearer is no nearer. Newton's last
# step, taken without looking, makes it the square of the first; a search without a matrix has no such step.
ROUGH, ROUGH_QUASI = 0.1, 2e-2
# Of the optimum of all rows, known on the driver: one pass confirms it then.
STRICT = 1e-5
# Of a column of spread 1, and of a level: its estimate in the sample is shrunk as if it came from a normal distribution
# of this precision. Of rare levels a sample says little, and they begin near 0 then.
PRECISION = 16.0
# Every so manieth row of a sample: from their optimum it is a step or two to that of the sample. Pays where rows
# take longer than the matrix.
THINNING = 8
# Without a matrix; near enough to start from, or the sample is no help.
MAX_QUASI_STEPS = 60


def sample_start(
    samples: list[SampleRows],
    spec: DesignSpec,
    penalty: Penalty | None,
    *,
    weak_ridge: NDArray[np.float64],
    n_rows: int,
    score_cost: float = 1.0,
) -> Start:
    """Fit the sample and return its estimates in term order; zeros when they are no help.

    The start changes how many passes a fit takes, never where it ends: the score over all rows
    decides that.

    Parameters
    ----------
    samples : list of SampleRows
        Each row weighted by the number of rows it stands for.
    spec : DesignSpec
    penalty : Penalty or None
        Of the fit itself.
    weak_ridge : ndarray (p,)
        How strongly each estimate is shrunk beside the others where the fit has no penalty, or a ridge that is less: a
        rare level may
        have one label only in the sample, and would send its estimate to infinity.
    n_rows : int
        Rows of the table that the sample was drawn from.
    score_cost : float
        A pass without the matrix beside one with it: below 1 the sample's matrix is returned, too, where it has
        rows enough for one to begin with.
    """
    positions, shape = spec.kernel_positions(), spec.shape()
    if not says_enough(samples, shape.p):
        return Start(np.zeros(shape.p))
    blocks = [block for sample in samples for block in sample_blocks(sample, spec)]
    of_sample = _SampleRows(blocks, shape, positions)
    thinned = None
    if says_enough(samples, shape.p, THINNING * ROWS_PER_TERM_OF_MATRIX):
        thinned = _SampleRows([every(THINNING, block) for block in blocks], shape, positions)
    whole = is_whole(samples, n_rows)
    result = optimum_of_sample(
        of_sample.evaluate,
        penalty,
        weak_ridge=weak_ridge,
        rows_for_one=rows_for_one(blocks),
        whole=whole,
        thinned=thinned,
    )
    if result is None:
        return Start(np.zeros(shape.p))
    knows_matrix = says_enough(samples, shape.p, ROWS_PER_TERM_OF_MATRIX) and not whole
    rough = _rough(result.point.sums, score_cost) if knows_matrix and score_cost < 1.0 else None
    return Start(result.point.beta, rough, None if whole else of_sample.remainder)


@dataclass(frozen=True)
class _SampleRows:
    """Rows of a sample, and what a search asks of them; coefficients in the order of the terms."""

    blocks: Sequence[Block]
    shape: BlockShape
    positions: NDArray[np.intp]

    def evaluate(self, beta: FloatArray) -> Sums:
        """Return the sums, with the information."""
        state = evaluate(in_kernel_order(beta, self.positions), self.blocks, self.shape)
        return in_term_order(state, self.shape, self.positions)

    def remainder(self, at: FloatArray, beta: FloatArray, step: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what a `Surrogate` asks for."""
        at, beta, step = (in_kernel_order(one, self.positions) for one in (at, beta, step))
        rest, diagonal = score_remainder(at, beta, step, self.blocks, self.shape)
        return rest[self.positions], diagonal[self.positions]


def every(k: int, block: Block) -> Block:
    """Return every k-th row of a block without sparse columns, k times as heavy.

    Examples
    --------
    >>> thinned = every(2, Block(np.ones((1, 3)), (), y=np.array([0.0, 1.0, 1.0])))
    >>> thinned.y.tolist(), thinned.weight.tolist()
    ([0.0, 1.0], [2.0, 2.0])
    """
    y = np.ascontiguousarray(block.y[::k])
    return Block(
        dense=np.ascontiguousarray(block.dense[:, ::k]),
        codes=[np.ascontiguousarray(codes[::k]) for codes in block.codes],
        y=y,
        weight=np.full(len(y), float(k)) if block.weight is None else k * block.weight[::k],
        offset=None if block.offset is None else np.ascontiguousarray(block.offset[::k]),
    )


def _rough(sums: Sums, score_cost: float = 0.0) -> RoughInformation:
    assert sums.information is not None
    return RoughInformation(sums.information, score_cost)


def rows_for_one(blocks: Sequence[Block]) -> float:
    """Return how many rows a row of a binary sample stands for, where each counts by what it tells of the label.

    The variance of the sample's score beside that of all rows: of rare events, which are drawn more often than
    other rows and tell nearly all, it is that of the events.

    Examples
    --------
    One event in a thousand; all events are drawn, and a tenth of the others:

    >>> y, weight = np.repeat([1.0, 0.0], [10, 999]), np.repeat([1.0, 10.0], [10, 999])
    >>> round(rows_for_one([Block(np.ones((1, 1009)), (), y, weight)]), 2)
    1.01
    """
    y = np.concatenate([block.y for block in blocks])
    weight = np.concatenate(
        [np.ones(block.n_rows) if block.weight is None else block.weight for block in blocks]
    )
    mean = float(np.average(y, weights=weight))
    expected = float(weight.sum()) * mean * (1.0 - mean)
    if expected <= 0.0:
        return float(weight.mean())
    return float(np.square(weight * (y - mean)).sum()) / expected


def is_whole(samples: list[SampleRows], n_rows: int) -> bool:
    """Whether a sample is all of so many rows."""
    return sum(sample.n_rows for sample in samples) >= n_rows


def says_enough(samples: list[SampleRows], p: int, rows_per_term: int = ROWS_PER_TERM) -> bool:
    """Whether samples have enough rows for p terms."""
    return sum(sample.n_rows for sample in samples) >= rows_per_term * p


def optimum_of_sample(
    evaluate_sample: Callable[[NDArray[np.float64]], Sums],
    penalty: Penalty | None,
    *,
    weak_ridge: NDArray[np.float64],
    rows_for_one: float,
    whole: bool,
    thinned: _SampleRows | None = None,
) -> SolverResult | None:
    """Return the optimum of a sample, as near as it is any use; None when it is none.

    Parameters
    ----------
    evaluate_sample : callable
        ``beta`` (p,) to the sums of the sample's rows, each weighted by the rows it stands for.
    penalty, weak_ridge
        See `sample_start`.
    rows_for_one : float
        How many rows a row of the sample stands for, see the function of that name.
    whole : bool
        Whether the sample is all rows: its optimum is theirs then.
    thinned : _SampleRows or None
        A part of the sample's rows, whose optimum is looked for first where that pays.
    """
    cold = np.zeros_like(weak_ridge)
    # In standard errors of all rows, which are smaller than the sample's; each of p terms adds one squared.
    rough = ROUGH * math.sqrt(len(cold) * max(rows_for_one, 1.0))
    near = STRICT if whole else rough
    weak_ridge = (1.0 if whole else PRECISION) * rows_for_one * weak_ridge
    result: SolverResult
    if penalty is not None and penalty.has_corners:
        is_free = (penalty.ridge == 0) & (penalty.lasso == 0)
        ridge = penalty.ridge + np.where(is_free, weak_ridge, 0.0)
        near = rough if is_free.any() else near  # what is shrunk for the start alone is no optimum
        options = ProximalOptions(penalty.lasso, ridge, near, 20, box=penalty.box, groups=penalty.groups)
        result = proximal_newton(evaluate_sample, cold, options)
    elif penalty is not None:
        # Not by its ridge alone, which may be as good as none beside rows that stand for many.
        ridge = penalty.ridge if whole else np.maximum(penalty.ridge, weak_ridge)
        result = _two_steps(evaluate_sample, thinned, NewtonOptions(near, 20, ridge, alias=False), rough)
    else:
        result = _two_steps(evaluate_sample, thinned, NewtonOptions(rough, 20, weak_ridge), rough)
        if whole and result.ending is Ending.CONVERGED:
            # Not roughly: the estimates of a level with one label only must not pass for an optimum on their way out.
            exact = newton(evaluate_sample, result.point.beta, NewtonOptions(STRICT, 6))
            result = exact if exact.ending is Ending.CONVERGED else result
    return result if result.ending is Ending.CONVERGED else None


def _two_steps(
    evaluate_sample: Callable[[FloatArray], Sums],
    thinned: _SampleRows | None,
    options: NewtonOptions,
    rough: float,
) -> SolverResult:
    """Return the optimum of a sample, from that of a part of its rows where there is one."""
    assert options.ridge is not None
    cold = np.zeros_like(options.ridge)
    if thinned is None:
        return newton(evaluate_sample, cold, options)
    first = newton(thinned.evaluate, cold, replace(options, tolerance=rough))
    if first.ending is Ending.CONVERGED:
        result = newton(evaluate_sample, first.point.beta, options, remainder=thinned.remainder)
        if result.ending is Ending.CONVERGED:
            return result
    return newton(evaluate_sample, cold, options)


def near_optimum_of_sample(
    evaluate_sample: Callable[[NDArray[np.float64]], Sums],
    evaluate_score: Callable[[NDArray[np.float64]], Sums],
    at_zero: Sums,
    penalty: Penalty | None,
    *,
    weak_ridge: NDArray[np.float64],
) -> Start:
    """Return the same with one matrix besides that at 0, where a step that forms one costs many times another.

    Parameters
    ----------
    evaluate_sample, evaluate_score : callable
        With the information, and without.
    at_zero : Sums
        With the information.
    penalty, weak_ridge
        See `sample_start`; a penalty on squares.
    """
    cold = np.zeros_like(weak_ridge)
    row_weight = at_zero.weight_sum / at_zero.n_rows
    rough = ROUGH_QUASI * math.sqrt(len(cold) * max(row_weight, 1.0))
    ridge = PRECISION * weak_ridge * row_weight if penalty is None else penalty.ridge
    shrunk = _quasi_newton(evaluate_score, cold, at_zero, LbfgsOptions(rough, MAX_QUASI_STEPS, ridge))
    return Start(cold) if shrunk is None else Start(shrunk, _rough(evaluate_sample(shrunk)))


def _quasi_newton(
    evaluate_score: Callable[[NDArray[np.float64]], Sums],
    start: NDArray[np.float64],
    sums: Sums,
    options: LbfgsOptions,
) -> NDArray[np.float64] | None:
    """Return the optimum near `start`, whose `sums` have the matrix to begin with; None when it is not found."""
    assert sums.information is not None
    try:
        factor = factor_of(plus_ridge(sums.information, options.ridge))
    except SingularInformation:
        return None
    result = lbfgs(evaluate_score, start, factor.solve, options)
    return result.point.beta if result.ending is Ending.CONVERGED else None


def null_start(samples: list[SampleRows]) -> NDArray[np.float64]:
    """Return the intercept, shape (1,), of a sample's model of intercept and offset alone; 0 when it has none."""
    blocks = [null_block(chunk) for sample in samples for chunk in sample.chunks]
    positions = np.array([0])

    def evaluate_sample(intercept: NDArray[np.float64]) -> Sums:
        return in_term_order(evaluate(intercept, blocks, NULL_SHAPE), NULL_SHAPE, positions)

    result = newton(evaluate_sample, np.zeros(1), NewtonOptions(STRICT, 20))
    return result.point.beta if result.ending is Ending.CONVERGED else np.zeros(1)


def sample_blocks(sample: SampleRows, spec: DesignSpec) -> list[Block]:
    """Encode a sample once for all its evaluations: the encoder's blocks share a buffer."""
    encoded = (block for chunk in sample.chunks for block in encode_chunks([chunk], spec, sample.levels))
    return list(encoded)
