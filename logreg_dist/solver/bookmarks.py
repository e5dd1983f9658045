"""Where a search is, so that it can go on from there: what each solver needs at the top of its loop, without any sums.

The sums at a bookmark's ``beta`` are evaluated again, in a pass that gives the same bits; so is everything that
follows from them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from logreg_dist.solver.linear_system import Dependence
from logreg_dist.solver.result import Iteration

FloatArray = NDArray[np.float64]
Bookmark = TypeVar("Bookmark")


@dataclass(frozen=True)
class Page(Generic[Bookmark]):
    """What a search is told of an earlier run that was interrupted, and what it tells the next one.

    Attributes
    ----------
    resume : Bookmark or None
        Where to go on; None to begin at the beginning.
    keep : callable
        Told, in each iteration, where the search is.
    """

    resume: Bookmark | None = None
    keep: Callable[[Bookmark], None] = lambda bookmark: None


@dataclass(frozen=True)
class Pair:
    """A step and how much it changed the score (downwards), both (p,), with ``1 / step'change``."""

    step: FloatArray
    change: FloatArray
    inverse: float


@dataclass(frozen=True)
class LbfgsBookmark:
    """Where L-BFGS is.

    Attributes
    ----------
    beta : ndarray (p,)
    history : tuple of Iteration
        Of the points before it.
    trials : int
        That were not accepted before this point.
    next_question : int
        The iteration after which separation is asked about.
    pairs : tuple of Pair
        What stands for the information matrix, the oldest first.
    """

    beta: FloatArray
    history: tuple[Iteration, ...]
    trials: int
    next_question: int
    pairs: tuple[Pair, ...]

    @property
    def iteration(self) -> int:
        """The number of the point."""
        return len(self.history)

    @property
    def n_numbers(self) -> int:
        """How many numbers it holds, but for a few."""
        return (1 + 2 * len(self.pairs)) * len(self.beta)


@dataclass(frozen=True)
class NewtonBookmark:
    """Where Newton's method is.

    Attributes
    ----------
    beta : ndarray (p,)
    direction : ndarray (p,)
        The last step, which is asked about where there is no next one.
    history : tuple of Iteration
        Of the points before it.
    halvings : int
        Trials that were not accepted before this point.
    asked_at : int
        The iteration at which separation was asked about.
    dependences : tuple of Dependence
    earlier : tuple of Iteration
        The steps with a rough matrix before the first true one.
    near : LbfgsBookmark or None
        Where these are; `beta` is then where they began, and the rest is empty.
    """

    beta: FloatArray
    direction: FloatArray
    history: tuple[Iteration, ...] = ()
    halvings: int = 0
    asked_at: int = 0
    dependences: tuple[Dependence, ...] = ()
    earlier: tuple[Iteration, ...] = ()
    near: LbfgsBookmark | None = None

    @property
    def iteration(self) -> int:
        """The number of the point."""
        return len(self.earlier) + len(self.history) + (0 if self.near is None else self.near.iteration)

    @property
    def n_numbers(self) -> int:
        """How many numbers it holds, but for a few."""
        near = 0 if self.near is None else self.near.n_numbers
        return 2 * len(self.beta) + near + _n_weights(self.dependences)


@dataclass(frozen=True)
class ProximalBookmark:
    """Where proximal Newton is; see `NewtonBookmark`."""

    beta: FloatArray
    history: tuple[Iteration, ...] = ()
    halvings: int = 0
    asked_at: int = 0
    dependences: tuple[Dependence, ...] = ()

    @property
    def iteration(self) -> int:
        """The number of the point."""
        return len(self.history)

    @property
    def n_numbers(self) -> int:
        """How many numbers it holds, but for a few."""
        return len(self.beta) + _n_weights(self.dependences)


@dataclass(frozen=True)
class FirthBookmark:
    """Where the search of Firth's optimum is.

    Attributes
    ----------
    beta : ndarray (p,)
    history : tuple of Iteration
        Of the points before it.
    halvings : int
    dependences : tuple of Dependence
    pairs : tuple of pairs of ndarray (p,)
        Steps, and what the adjusted score lost by each, the oldest first.
    before : pair of ndarray (p,) or None
        The estimates before the last step, and their adjusted score.
    """

    beta: FloatArray
    history: tuple[Iteration, ...] = ()
    halvings: int = 0
    dependences: tuple[Dependence, ...] = ()
    pairs: tuple[tuple[FloatArray, FloatArray], ...] = ()
    before: tuple[FloatArray, FloatArray] | None = None

    @property
    def iteration(self) -> int:
        """The number of the point."""
        return len(self.history)

    @property
    def n_numbers(self) -> int:
        """How many numbers it holds, but for a few."""
        return (3 + 2 * len(self.pairs)) * len(self.beta) + _n_weights(self.dependences)


def _n_weights(dependences: Sequence[Dependence]) -> int:
    return sum(2 * len(one.weights) for one in dependences)
