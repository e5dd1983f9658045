"""Newton's step, corrected by what a sample says of how the score bends along it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.endings import FAST
from logreg_dist.solver.halving import if_better
from logreg_dist.solver.result import Point, Sums
from logreg_dist.solver.ridge import penalised_score

FloatArray = NDArray[np.float64]

# ``(at, beta, step)``, all (p,), to ``score(beta + step) - score(beta) + information(at) step`` and the diagonal of
# that information, both of a sample whose rows are weighted by those that they stand for.
Remainder = Callable[[FloatArray, FloatArray, FloatArray], tuple[FloatArray, FloatArray]]

MAX_CORRECTIONS = 4
# Of the step, in standard errors: a larger correction is none, the sample's score bends too much to be followed.
TRUSTED = 0.25
# Of the first correction: smaller ones are lost in what a sample does not know.
NEGLIGIBLE = 1e-3
# A term of which all rows have so much more information than their sample is one that it says too little of.
MOST_SCALED = 1.5


@dataclass(frozen=True)
class Surrogate:
    """A likelihood with the score and the information of all rows at a point, and what is beyond of a sample.

    Newton's step leaves of a distance d a multiple of d squared; the step to the optimum of the surrogate leaves
    the share of that by which the sample errs. Where it errs is decided by the next score, which is of all rows.

    Attributes
    ----------
    at : ndarray (p,)
        The point.
    diagonal : ndarray (p,)
        Of the information there.
    solve : callable
        Score (p,) to step (p,), by the information there, with the ridge where there is one.
    remainder : Remainder

    Notes
    -----
    Jordan, Lee and Yang (2019), Communication-efficient distributed statistical inference, Journal of the American
    Statistical Association 114, section 2, with the information of all rows instead of the sample's. Of each term
    the remainder is scaled by its information in all rows to that in the sample, a ratio estimate: of a level
    with few rows a sample may have twice its share, or half.

    Examples
    --------
    The root of ``1 - exp(x)`` from 0.2, all rows being in the sample; Newton's step leads to 0.019:

    >>> at = np.array([0.2])
    >>> def remainder(at, beta, step):
    ...     return np.exp(beta) - np.exp(beta + step) + np.exp(at) * step, np.exp(at)
    >>> surrogate = Surrogate(at, np.exp(at), lambda score: score / np.exp(at), remainder)
    >>> (at + surrogate.step(1.0 - np.exp(at), at)).round(3).tolist()
    [0.0]
    """

    at: FloatArray
    diagonal: FloatArray
    solve: Callable[[FloatArray], FloatArray]
    remainder: Remainder

    def step(self, score: FloatArray, beta: FloatArray) -> FloatArray | None:
        """Return the step (p,) from `beta` (p,), where the score (p,) is that of all rows.

        None where the sample's corrections of Newton's step, or the chord's, are too large to be trusted or grow.
        """
        plain = self.solve(score)
        step, known = plain, np.zeros_like(score)
        limit, first = TRUSTED**2 * float(score @ plain), 0.0
        for number in range(MAX_CORRECTIONS):
            rest = self._scaled_remainder(beta, step)
            if not np.isfinite(rest).all():
                return None
            correction = self.solve(rest - known)
            size = float((rest - known) @ correction)
            if size > limit:
                return None
            first = first if number else size
            step, known, limit = step + correction, rest, size
            if size <= NEGLIGIBLE**2 * first:
                break
        return step

    def _scaled_remainder(self, beta: FloatArray, step: FloatArray) -> FloatArray:
        rest, sampled = self.remainder(self.at, beta, step)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(sampled > 0.0, self.diagonal / sampled, 0.0)
        return rest * np.minimum(ratio, MOST_SCALED)


def surrogate_point(
    evaluate: Callable[[FloatArray], Sums], surrogate: Surrogate, point: Point, *, ridge: FloatArray | None
) -> Point | None:
    """Return where the surrogate's optimum is; None where there is none, or it came hardly nearer to that of all rows.

    The second is a pass in vain.

    A sample may know next to nothing of some levels, and the surrogate lead far away from their estimates: what is
    found from there would be found late, or a separated label pass for an optimum. Newton's own step is taken then.
    """
    score = penalised_score(point, ridge)
    step = surrogate.step(score, point.beta)
    if step is None:
        return None
    beta = point.beta + step
    trial = if_better(Point(beta, evaluate(beta)), point, ridge)
    if trial is None:
        return None
    left = penalised_score(trial, ridge)
    before, after = float(score @ surrogate.solve(score)), float(left @ surrogate.solve(left))
    return trial if after <= FAST**2 * before else None
