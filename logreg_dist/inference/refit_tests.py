"""Likelihood-ratio and score test of a block of terms, from a refit without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from logreg_dist.inference.candidates import QuadraticModel
from logreg_dist.inference.column_tests import chi_squared_p
from logreg_dist.inference.profile import Summit
from logreg_dist.inference.records import ColumnTest
from logreg_dist.solver.information import embedded
from logreg_dist.solver.newton import NewtonOptions, newton
from logreg_dist.solver.result import Ending, Point, Sums

FloatArray = NDArray[np.float64]

# The statistics are off by less: the score's by about as much as the refit, the likelihood ratio's by the square.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Refit:
    """The tests of a block being 0, from the fit without it.

    Attributes
    ----------
    df : int
        Terms of the block.
    lr, lr_p_value : float
        The deviance without the block minus that with it, and its chi-squared test.
    score, score_p_value : float or None
        Rao's statistic at the fit without the block; None where the information there is singular.
    """

    df: int
    lr: float
    lr_p_value: float
    score: float | None
    score_p_value: float | None


def refit_without(
    evaluate: Callable[[FloatArray], Sums], summit: Summit, block: NDArray[np.bool_]
) -> Refit | None:
    """Refit without the terms of `block` (k,) and test them; None where the iterations do not converge.

    Terms are left out by holding them at 0, and nothing else changes: terms that had no estimate because they
    depended on others stay without. Where the likelihood of all terms has a finite optimum so has that of fewer,
    which is a section of it: a refit is never separated.

    Parameters
    ----------
    evaluate : callable
        ``beta`` (k,) of all estimated terms to `Sums` with their information.
    summit : Summit
        The fit of all terms.
    block : ndarray (k,) of bool

    Notes
    -----
    Wilks (1938) for the likelihood ratio; Rao (1948) for the score test, which needs the information of all terms
    at the smaller fit: its last evaluation has it. The refit starts where the quadratic model of the full fit has
    its optimum without the block (Lawless and Singhal 1978, Biometrics 34(2)).

    Examples
    --------
    Of a quadratic deviance all tests are Wald's, here ``3**2 / 4``:

    >>> precision = np.diag([0.25, 1.0])
    >>> top = np.array([3.0, 1.0])
    >>> def evaluate(beta):
    ...     away = beta - top
    ...     return Sums(1, 1.0, float(away @ precision @ away), -precision @ away, precision)
    >>> found = refit_without(evaluate, Summit(top, 0.0, np.diag([4.0, 1.0])), np.array([True, False]))
    >>> found.df, found.lr, found.score
    (1, 2.25, 2.25)
    """
    rest, spread = ~block, summit.covariance
    beyond = np.linalg.solve(spread[np.ix_(block, block)], summit.beta[block])
    start = summit.beta[rest] - spread[np.ix_(rest, block)] @ beyond
    last: Point | None = None

    def evaluate_rest(beta: FloatArray) -> Sums:
        nonlocal last
        whole = embedded(beta, rest)
        last = Point(whole, evaluate(whole))
        information = last.sums.matrix()[np.ix_(rest, rest)]
        return replace(last.sums, score=last.sums.score[rest], information=information)

    result = newton(evaluate_rest, start, NewtonOptions(TOLERANCE, alias=False))
    if result.ending is not Ending.CONVERGED or last is None:
        return None
    # A search that converged evaluated its last point last; the step that it still took changes no sums.
    df, lr = int(block.sum()), max(last.sums.deviance - summit.deviance, 0.0)
    score = _score_statistic(last, rest)
    return Refit(
        df=df,
        lr=lr,
        lr_p_value=float(stats.chi2.sf(lr, df)),
        score=score,
        score_p_value=chi_squared_p(score, df),
    )


def with_refits(tests: Sequence[ColumnTest], refits: Mapping[str, Refit | None]) -> tuple[ColumnTest, ...]:
    """Return the tests of columns with what refits say; columns that have no test yet get one without Wald's part.

    Parameters
    ----------
    tests : sequence of ColumnTest
        In the order of the columns; may be empty.
    refits : mapping of str to Refit or None
        By column; None leaves its tests as they are.

    Examples
    --------
    >>> [found] = with_refits((), {"x": Refit(1, 4.0, 0.0455, 3.9, 0.0483)})
    >>> found.column, found.df, found.wald, found.lr, found.score
    ('x', 1, None, 4.0, 3.9)
    """
    known = {test.column: test for test in tests}
    for column, refit in refits.items():
        if refit is None:
            continue
        bare = ColumnTest(column, refit.df, None, None, None, None)
        known[column] = replace(
            known.get(column, bare),
            lr=refit.lr,
            lr_p_value=refit.lr_p_value,
            score=refit.score,
            score_p_value=refit.score_p_value,
        )
    return tuple(known.values())


def _score_statistic(point: Point, rest: NDArray[np.bool_]) -> float | None:
    """Return Rao's statistic of the terms not in `rest` (k,), None where some of them depend on others."""
    found = QuadraticModel(point.beta, point.sums.score, point.sums.matrix(), rest).with_(~rest)
    return found.statistic if found is not None and found.df == int((~rest).sum()) else None
