"""Fitting on mixtures of the columns, where the columns themselves are ill-conditioned."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from logreg_dist.fitting.sums import in_kernel_order
from logreg_dist.solver.bookmarks import Page
from logreg_dist.solver.mixed import MixedInformation, mixing_for
from logreg_dist.solver.result import Sums

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]

# Each takes a pass, and about eight digits off the condition of the columns.
MAX_ROUNDS = 3


@dataclass(frozen=True)
class MixingBookmark:
    """Where it was decided what is mixed: the mixing itself (p, p) is found there again.

    Attributes
    ----------
    beta : ndarray (p,)
        Of the first evaluation.
    rounds : int
        Of mixing; 0 where the columns are evaluated as they are.
    """

    beta: FloatArray
    rounds: int

    @property
    def iteration(self) -> int:
        """None lies behind."""
        return 0

    @property
    def n_numbers(self) -> int:
        """How many numbers it holds, but for a few."""
        return len(self.beta)


def on_mixtures(
    evaluate: Callable[[FloatArray], Sums],
    evaluate_mixed: Callable[[FloatArray, FloatArray], Sums],
    is_dense: NDArray[np.bool_],
    page: Page[MixingBookmark] | None = None,
) -> Callable[[FloatArray], Sums]:
    """Return an evaluation that goes over to mixtures where the first matrix shows ill-conditioned columns.

    Well-conditioned columns are evaluated as they are, at no cost; others cost a pass more, or two, and from then on the
    product of each row with the mixing.

    Parameters
    ----------
    evaluate : callable
        ``beta`` (p,) to `Sums` with their information; where that is an arrow nothing is mixed.
    evaluate_mixed : callable
        ``beta`` (p,) and a mixing (p, p) to the same sums by mixtures.
    is_dense : ndarray (p,) of bool
        The terms that can be mixed: levels are codes.
    page : Page of MixingBookmark or None
        Where an interrupted fit decided, and what keeps track of this one.
    """
    page = page or Page()
    mixing: FloatArray | None = None
    is_first = True

    def evaluate_first(beta: FloatArray) -> tuple[Sums, int]:
        nonlocal mixing
        sums = evaluate(beta)
        for rounds in range(MAX_ROUNDS):
            matrix = _matrix(sums)
            more = None if matrix is None else mixing_for(matrix, is_dense)
            if more is None:
                return sums, rounds
            log.info("columns are ill-conditioned: from here on mixtures of them are summed")
            mixing = more if mixing is None else mixing @ more
            sums = evaluate_mixed(beta, mixing)
        return sums, MAX_ROUNDS

    def evaluate_well(beta: FloatArray) -> Sums:
        nonlocal is_first
        if is_first:
            is_first = False
            decided = page.resume
            if decided is None:
                sums, rounds = evaluate_first(beta)
                page.keep(MixingBookmark(beta, rounds))
                return sums
            if decided.rounds:
                sums, _ = evaluate_first(decided.beta)
                if np.array_equal(beta, decided.beta):
                    return sums
        return evaluate(beta) if mixing is None else evaluate_mixed(beta, mixing)

    return evaluate_well


def in_mixtures(
    beta: FloatArray, mixing: FloatArray, positions: NDArray[np.intp], n_dense: int
) -> tuple[FloatArray, FloatArray]:
    """Return the coefficients of mixtures (p,), and the mixing of dense columns (n_dense, n_dense), in the kernel's order.

    Parameters
    ----------
    beta : ndarray (p,)
        Of the columns, in term order.
    mixing : ndarray (p, p)
        Upper triangular, in term order; levels are not mixed.
    positions : ndarray (p,)
        Each term's place in the kernel's order.
    n_dense : int
    """
    terms = np.argsort(positions)[:n_dense]
    of_mixtures = linalg.solve_triangular(mixing, beta)
    return in_kernel_order(of_mixtures, positions), mixing[np.ix_(terms, terms)]


def of_columns(sums: Sums, mixing: FloatArray) -> Sums:
    """Return the sums of mixtures as those of the columns that they were made of."""
    matrix = _matrix(sums)
    assert matrix is not None
    score = linalg.solve_triangular(mixing, sums.score, trans="T")
    return replace(sums, score=score, information=MixedInformation(matrix, mixing))


def _matrix(sums: Sums) -> FloatArray | None:
    """Return the matrix of the columns, or of the mixtures; None of an arrow."""
    information = sums.information
    if isinstance(information, MixedInformation):
        return information.matrix
    return information if isinstance(information, np.ndarray) else None
