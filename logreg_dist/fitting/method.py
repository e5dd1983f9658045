"""Which solver a model gets: the documented rule."""

from __future__ import annotations

from dataclasses import dataclass

from logreg_dist.design.problems import Problem, reject
from logreg_dist.design.sparse_column import MAX_DENSE
from logreg_dist.fitting.sums import huge_column
from logreg_dist.kernel.block import BlockShape
from logreg_dist.kernel.state import state_bytes
from logreg_dist.solver.result import Method
from logreg_dist.staging.split_tasks import MAX_SENT_BYTES, group_size

# Of the information matrix on the driver, which works with about four copies of it: 10,000 terms,
# or 40,000 levels of one column beside 2,000 other terms.
MAX_MATRIX_BYTES = 800_000_000
# Spark counts its own envelopes against spark.driver.maxResultSize.
RESULT_SHARE = 0.9

# Of the sums at several coefficient vectors in one task, which holds them about twice.
MAX_TASK_BYTES = 64_000_000
# Of the searches that wait for them on the driver: each has the matrix, its factor and what it came from.
COPIES = 4

# Dense columns from which steps with the sample's matrix pay, see `score_cost`.
SCORE_COLUMNS = 64
# What a pass for the score alone may cost beside one with the matrix, for several steps with one true matrix to pay.
CHORD_COST = 0.4


@dataclass(frozen=True)
class MethodChoice:
    """A solver and why."""

    method: Method
    why: str


def choose_method(asked: str, shape: BlockShape, *, n_splits: int, max_result_bytes: int) -> MethodChoice:
    """Return Newton's method where the information matrix fits, and L-BFGS where it does not.

    Newton's method needs a tenth of the passes and gives standard errors. The matrix must fit on
    the driver (`MAX_MATRIX_BYTES`), and those of all splits into the result of a Spark job.

    Parameters
    ----------
    asked : str
        ``auto``, or a method that is taken at its word.
    shape : BlockShape
    n_splits : int
    max_result_bytes : int
        ``spark.driver.maxResultSize``; 0 for no limit.

    Raises
    ------
    InputRejected
        When Newton's method was asked for and the matrix does not fit.

    Examples
    --------
    >>> one_huge = BlockShape(11, (20_000, 50, 50))
    >>> choose_method("auto", one_huge, n_splits=4, max_result_bytes=2**30).method.value
    'newton'
    >>> choose_method("auto", BlockShape(14, (4_000,) * 25), n_splits=4, max_result_bytes=2**30)
    MethodChoice(method=<Method.LBFGS: 'lbfgs'>, why='the information matrix would take 80.0 GB on the driver')
    """
    if asked == Method.LBFGS:
        return MethodChoice(Method.LBFGS, "solver.method says so")
    obstacle = shape_obstacle(shape, n_splits=n_splits, max_result_bytes=max_result_bytes)
    if obstacle is None:
        return MethodChoice(Method.NEWTON, "the information matrix fits")
    if asked == Method.NEWTON:
        way_out = (
            "Set solver.method to auto, which takes L-BFGS and gives no standard errors, or let rare levels\n"
        )
        reject(
            [
                Problem(
                    f"solver.method is newton, but {obstacle}",
                    f"{way_out}merge: raise min_level_count. Of texts lower vocabulary or buckets.",
                )
            ]
        )
    return MethodChoice(Method.LBFGS, obstacle)


def shape_obstacle(shape: BlockShape, *, n_splits: int, max_result_bytes: int) -> str | None:
    """Return why the information matrix of a shape does not fit, None where it does."""
    if shape.sparse:
        return sparse_obstacle(sum(shape.sparse))
    return matrix_obstacle(
        matrix_bytes(shape), state_bytes(shape), n_splits=n_splits, max_result_bytes=max_result_bytes
    )


def sparse_obstacle(n_terms: int) -> str:
    """Return why sparse columns have no information matrix."""
    return (
        f"{n_terms:,} terms of texts and sparse vectors are more than {MAX_DENSE}, up to which there is an information "
        "matrix"
    )


def score_cost(shape: BlockShape) -> float:
    """Return what a pass for the score alone costs beside one with the matrix, roughly; 1 where it saves too little.

    Below 1 the first steps are taken with the matrix of a sample, where there is one; up to `CHORD_COST` several
    steps with each true matrix.

    Examples
    --------
    >>> [round(score_cost(BlockShape(n)), 2) for n in (31, 101, 201, 1001)]
    [1.0, 0.41, 0.3, 0.22]
    """
    if shape.n_dense < SCORE_COLUMNS:
        return 1.0
    return 0.2 + 21.0 / shape.n_dense


def matrix_bytes(shape: BlockShape) -> int:
    """Return the bytes of the information matrix on the driver.

    Examples
    --------
    >>> matrix_bytes(BlockShape(10_000)), matrix_bytes(BlockShape(11, (20_000, 50, 50)))
    (800000000, 18018568)
    """
    column = huge_column(shape)
    levels = 0 if column is None else shape.widths[column]
    others = shape.p - levels
    return 8 * (levels * (1 + others) + others * others)


def matrix_obstacle(matrix: int, state: int, *, n_splits: int, max_result_bytes: int) -> str | None:
    """Return why a matrix of so many bytes does not fit, of which each split sends `state` bytes; None where it does.

    Examples
    --------
    >>> matrix_obstacle(10**6, 10**6, n_splits=4, max_result_bytes=2**30) is None
    True
    """
    n_results = n_splits
    if n_splits * state > MAX_SENT_BYTES:  # then Spark adds neighbours first
        n_results = -(-n_splits // group_size(n_splits))
    states = n_results * state
    if matrix > MAX_MATRIX_BYTES:
        return f"the information matrix would take {matrix / 1e9:,.1f} GB on the driver"
    # What is small comes in pieces where the limit is smaller still, see `StagedTable`.
    if 0 < RESULT_SHARE * max_result_bytes < states and states > MAX_SENT_BYTES:
        return (
            f"the information matrices of {n_splits} splits would take {states / 1e9:,.1f} GB on their way, and "
            f"spark.driver.maxResultSize is {max_result_bytes / 1e9:,.1f} GB"
        )
    return None


def vectors_at_once(shape: BlockShape, *, n_splits: int, max_result_bytes: int) -> int:
    """Return at how many coefficient vectors one pass may sum: at least one, whose own room is another's question.

    The sums must have room in a task (`MAX_TASK_BYTES`), on their way (``spark.driver.maxResultSize``) and, in
    `COPIES`, on the driver (`MAX_MATRIX_BYTES`).

    Examples
    --------
    >>> [vectors_at_once(BlockShape(p), n_splits=16, max_result_bytes=2**30) for p in (31, 201, 5_000)]
    [8040, 197, 1]
    """
    state, matrix = state_bytes(shape), matrix_bytes(shape)
    n = max(MAX_TASK_BYTES // state, 1)
    while n > 1 and matrix_obstacle(
        COPIES * n * matrix, n * state, n_splits=n_splits, max_result_bytes=max_result_bytes
    ):
        n //= 2
    return n
