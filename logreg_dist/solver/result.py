"""What goes into the iterations and what comes out: sums, points, and how a search ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.information import Information, whole_matrix
from logreg_dist.solver.linear_system import Dependence

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Sums:
    """The sums at one ``beta`` in the order of the terms.

    Attributes
    ----------
    n_rows : int
    weight_sum, deviance : float
    score : ndarray (p,)
    information : ndarray (p, p), ArrowheadInformation or None
        None where only the score was asked for.
    """

    n_rows: int
    weight_sum: float
    deviance: float
    score: FloatArray
    information: Information | None

    def matrix(self) -> FloatArray:
        """Return the information as one array (p, p); only where p is small.

        Raises
        ------
        TypeError
            When only the score was asked for.
        """
        if self.information is None:
            raise TypeError("this needs the information at every point, not the score alone")
        return whole_matrix(self.information)


@dataclass(frozen=True)
class Point:
    """A ``beta`` and its sums, never separated."""

    beta: FloatArray
    sums: Sums


class Method(StrEnum):
    """How the optimum is searched for."""

    NEWTON = "newton"
    LBFGS = "lbfgs"
    PROXIMAL_NEWTON = "proximal_newton"
    FIRTH = "firth"


@dataclass(frozen=True)
class Iteration:
    """One accepted step, or the start when `iteration` is 0.

    Attributes
    ----------
    iteration : int
    deviance : float
        -2 log-likelihood, without penalty.
    change : float
        Newton's decrement at the point, its distance to the optimum in standard errors; L-BFGS
        knows an estimate of it.
    halvings : int
        Trials that were not accepted before this one.
    seconds : float
        Wall time of the step's passes.
    """

    iteration: int
    deviance: float
    change: float
    halvings: int
    seconds: float


class Ending(StrEnum):
    """How the iterations ended."""

    CONVERGED = "the score is zero to within rounding or the tolerance"
    CREEPING = "the steps do not shrink as they do near an optimum; the label is close to separated"
    FAR = "estimates went further than data can tell; the label is close to separated"
    ITERATIONS = "the iterations ran out"
    SINGULAR = "the information matrix became singular"
    STUCK = "no step along the search direction improves the likelihood"
    SEPARATED = "the likelihood rises for ever along a direction"


@dataclass(frozen=True)
class SolverResult:
    """Where the iterations ended.

    Attributes
    ----------
    point : Point
        Aliased terms have ``beta`` 0.
    ending : Ending
    dependences : list of Dependence
        Terms left out as linear combinations of earlier ones; L-BFGS does not look for any.
    history : tuple of Iteration
        Empty when there is no step even at the start.
    direction : ndarray (p,) or None
        With `Ending.SEPARATED` the direction of the endless rise.
    method : Method
    is_ahead : bool
        Whether the estimates of a proximal fit, or of L-BFGS that looked ahead, are the last step beyond the point
        that its sums are of, as Newton's always are.
    """

    point: Point
    ending: Ending
    dependences: list[Dependence]
    history: tuple[Iteration, ...]
    direction: FloatArray | None = None
    method: Method = Method.NEWTON
    is_ahead: bool = False

    @property
    def n_steps(self) -> int:
        """Steps taken; after the last one of a converged fit Newton makes no pass, and Firth's only that of the sums."""
        last_counts = self.method in (Method.NEWTON, Method.FIRTH) and self.ending is Ending.CONVERGED
        polished = self.is_ahead or last_counts
        return max(len(self.history) - 1, 0) + polished
