"""A path of penalties, each fit starting where the last one ended; arrays only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from logreg_dist.fitting.penalty import Penalty, proximal_options
from logreg_dist.solver.bookmarks import Page, ProximalBookmark
from logreg_dist.solver.proximal import proximal_newton
from logreg_dist.solver.result import Ending, Point, Sums

FloatArray = NDArray[np.float64]

# Of the distance to the optimum, in standard errors: the log loss is off by its square.
PATH_TOLERANCE = 1e-6
PATH_ITERATIONS = 25
# Leaves every penalised term out, whatever the table.
_PROHIBITIVE = 1e200
# The share of l1 that a path without any is given its first strength by, as in glmnet.
_LEAST_SHARE = 1e-3


class Evaluated(Protocol):
    """What an evaluation gives: the sums of the rows learned from, and the deviance at those held out."""

    @property
    def sums(self) -> Sums:
        """The sums."""

    @property
    def held_out(self) -> float:
        """The deviance."""


@dataclass(frozen=True)
class PathFit:
    """The optimum at one penalty.

    Attributes
    ----------
    beta : ndarray (p,)
    deviance : float
        At the rows learned from.
    held_out : float
        Deviance at the rows held out.
    """

    beta: FloatArray
    deviance: float
    held_out: float


@dataclass(frozen=True)
class PathBookmark:
    """Where a path is: its finished fits.

    Attributes
    ----------
    betas : tuple of ndarray (p,)
    deviances, held_out : tuple of float
    """

    betas: tuple[FloatArray, ...]
    deviances: tuple[float, ...]
    held_out: tuple[float, ...]

    @property
    def beta(self) -> FloatArray:
        """The last optimum, (p,)."""
        return self.betas[-1]

    @property
    def iteration(self) -> int:
        """The finished fits."""
        return len(self.betas)

    @property
    def n_numbers(self) -> int:
        """How many numbers it holds, but for a few."""
        return (len(self.beta) + 2) * len(self.betas)


def follow_path(
    evaluate: Callable[[FloatArray], Evaluated],
    start: FloatArray,
    penalties: Sequence[Penalty],
    page: Page[PathBookmark] | None = None,
) -> list[PathFit]:
    """Fit one penalty after the other; fewer fits come back where one has no optimum that can be reached.

    Parameters
    ----------
    evaluate : callable
        ``beta`` (p,) to its sums: one pass.
    start : ndarray (p,)
    penalties : sequence of Penalty
        From the strongest to the weakest: the next optimum is then near.
    page : Page of PathBookmark or None
        Where an interrupted path goes on, and what keeps track of this one.

    Notes
    -----
    Friedman, Hastie and Tibshirani (2010), J. Stat. Softw. 33(1), section 2.5.
    """
    page = page or Page()
    done = page.resume
    fits = [] if done is None else list(map(PathFit, done.betas, done.deviances, done.held_out))
    beta, known = fits[-1].beta if fits else start, dict[bytes, Evaluated]()
    for penalty in penalties[len(fits) :]:
        # What was asked about at the end of the last fit is where this one starts.
        known = {key: value for key, value in known.items() if key == beta.tobytes()}

        def remembered(trial: FloatArray, known: dict[bytes, Evaluated] = known) -> Sums:
            key = trial.tobytes()
            if key not in known:
                known[key] = evaluate(trial)
            return known[key].sums

        options = proximal_options(penalty, PATH_TOLERANCE, PATH_ITERATIONS)
        result = proximal_newton(remembered, beta, options)
        if result.ending is not Ending.CONVERGED:
            break
        beta = result.point.beta
        sums = remembered(beta)  # a pass only where the solver's last step was taken without looking
        fits.append(PathFit(beta, sums.deviance, known[beta.tobytes()].held_out))
        betas, deviances = tuple(fit.beta for fit in fits), tuple(fit.deviance for fit in fits)
        page.keep(PathBookmark(betas, deviances, tuple(fit.held_out for fit in fits)))
    return fits


def without_penalised(
    evaluate: Callable[[FloatArray], Evaluated],
    start: FloatArray,
    penalty: Penalty,
    page: Page[ProximalBookmark] | None = None,
) -> Point | None:
    """Return the optimum without the terms that a penalty is on, None where there is none; `start` (p,)."""
    on = (penalty.lasso > 0) | (penalty.ridge > 0)
    lasso = np.where(on, _PROHIBITIVE, 0.0)
    alone = replace(penalty, lasso=lasso, ridge=np.zeros_like(lasso), columns=())
    options = proximal_options(alone, PATH_TOLERANCE, PATH_ITERATIONS)
    result = proximal_newton(lambda beta: evaluate(beta).sums, start, options, page=page)
    return result.point if result.ending is Ending.CONVERGED else None


def strengths_from(first: float, smallest: float, points: int) -> list[float]:
    """Return strengths that fall from `first` to the share `smallest` of it by equal factors.

    Examples
    --------
    >>> [round(s, 6) for s in strengths_from(2.0, 0.01, 3)]
    [2.0, 0.2, 0.02]
    """
    return [first * smallest ** (k / (points - 1)) for k in range(points)]


def first_strength(score: FloatArray, unit: Penalty, l1_share: float) -> float:
    """Return the smallest strength at which no penalised term enters.

    Parameters
    ----------
    score : ndarray (p,)
        At the optimum without the penalised terms.
    unit : Penalty
        With ``l1 = 1``: its `lasso` is what a term's score must exceed to enter, of a group in the sum of squares.
    l1_share : float
        Of the path; a path of ridges begins where one with a thousandth of l1 would.

    Examples
    --------
    >>> unit = Penalty(np.zeros(3), np.array([0.0, 10.0, 10.0]), np.array([False, True, True]))
    >>> first_strength(np.array([0.0, -6.0, 8.0]), unit, 0.5)
    1.6
    >>> first_strength(np.array([0.0, -6.0, 8.0]), replace(unit, columns=(np.array([1, 2]),)), 0.5)
    2.0
    """
    on = unit.lasso > 0
    shares = np.divide(np.abs(score), unit.lasso, out=np.zeros_like(score), where=on)
    # Each member of a group is smaller than the group.
    entries = [
        float(shares.max(initial=0.0)),
        *(float(np.linalg.norm(shares[group])) for group in unit.groups),
    ]
    return max(entries) / max(l1_share, _LEAST_SHARE)
