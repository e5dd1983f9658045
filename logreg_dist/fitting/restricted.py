"""A likelihood with some of its coefficients held at 0: the staged data stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from logreg_dist.fitting.search import Likelihood, Start
from logreg_dist.inference.separation import DirectionCounts
from logreg_dist.solver.information import embedded, whole_matrix
from logreg_dist.solver.linear_system import Dependence
from logreg_dist.solver.result import Point, SolverResult, Sums

FloatArray = NDArray[np.float64]


def part_of(sums: Sums, kept: NDArray[np.bool_]) -> Sums:
    """Return the sums of the terms `kept` (p,) alone."""
    information = None
    if sums.information is not None:
        # Whole: an arrow without the levels that make it one is none. Where it is too large nothing is restricted.
        information = whole_matrix(sums.information)[np.ix_(kept, kept)]
    return replace(sums, score=sums.score[kept], information=information)


def embedded_result(result: SolverResult, kept: NDArray[np.bool_]) -> SolverResult:
    """Return the result of the terms `kept` (p,) among all; the others depend on nothing and have no estimate."""
    places = np.flatnonzero(kept)
    left_out = [Dependence(int(k), {}) for k in np.flatnonzero(~kept)]
    dependences = [
        replace(one, position=int(places[one.position]), weights=_at(one.weights, places))
        for one in result.dependences
    ]
    point, information = result.point, None
    if point.sums.information is not None:
        information = np.zeros((len(kept), len(kept)))
        information[np.ix_(kept, kept)] = whole_matrix(point.sums.information)
    sums = replace(point.sums, score=embedded(point.sums.score, kept), information=information)
    return replace(
        result,
        point=Point(embedded(point.beta, kept), sums),
        dependences=sorted([*dependences, *left_out], key=lambda one: one.position),
        direction=None if result.direction is None else embedded(result.direction, kept),
    )


def _at(weights: Mapping[int, float], places: NDArray[np.intp]) -> dict[int, float]:
    return {int(places[k]): weight for k, weight in weights.items()}


def restricted(likelihood: Likelihood, kept: NDArray[np.bool_], start: FloatArray) -> Likelihood:
    """Return the likelihood of the terms `kept` (p,) alone, started from their entries in `start` (p,)."""

    def prove(direction: FloatArray, *, with_information: bool) -> DirectionCounts:
        return likelihood.prove(embedded(direction, kept), with_information=with_information)

    return replace(
        likelihood,
        evaluate=lambda beta: part_of(likelihood.evaluate(embedded(beta, kept)), kept),
        evaluate_score=lambda beta: part_of(likelihood.evaluate_score(embedded(beta, kept)), kept),
        information_diagonal=lambda beta: likelihood.information_diagonal(embedded(beta, kept))[kept],
        prove=prove,
        scale=likelihood.scale[kept],
        of_column=likelihood.of_column[kept],
        sample_start=lambda: Start(start[kept]),
        flat_start=likelihood.flat_start[kept],
        suspects=(),
    )
