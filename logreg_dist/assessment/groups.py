"""The score group: rows of one score as sums, and chunks of such groups in descending order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ScoreGroups:
    """Sums over the rows of each of g scores, highest score first.

    Whatever is assessed is linear in ``y``, so these sums are enough: nothing is lost by adding
    up the rows of a score, and a grouped outcome equals its single trials.

    Attributes
    ----------
    linear_predictor : ndarray (g,)
        Score, log-odds; descending.
    probability : ndarray (g,)
        Probability that goes with the score (the highest, should rounding make them differ).
    n_rows : ndarray (g,)
        Table rows, as doubles (exact to 2**53).
    n_obs, events : ndarray (g,)
        Sum of ``frequency`` and of ``frequency * y``.
    positive, negative : ndarray (g,)
        Sum of ``weight * y`` and of ``weight * (1 - y)``. Kept apart, because their difference
        from the weight would lose the digits of the smaller one.
    """

    linear_predictor: FloatArray
    probability: FloatArray
    n_rows: FloatArray
    n_obs: FloatArray
    events: FloatArray
    positive: FloatArray
    negative: FloatArray

    def __len__(self) -> int:
        return len(self.linear_predictor)

    @property
    def weight(self) -> FloatArray:
        """Sum of ``weight`` of each group, shape (g,)."""
        return self.positive + self.negative

    def columns(self) -> tuple[FloatArray, ...]:
        """Return the seven arrays in the order of the attributes."""
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)

    def part(self, where: slice) -> ScoreGroups:
        """Return the groups at `where`, without copying."""
        return ScoreGroups(*(column[where] for column in self.columns()))


def group_rows(
    y: FloatArray,
    linear_predictor: FloatArray,
    probability: FloatArray,
    weight: FloatArray,
    frequency: FloatArray,
) -> ScoreGroups:
    """Add up the rows that share a score.

    Parameters
    ----------
    y, linear_predictor, probability, weight, frequency : ndarray (n,)
        The columns of a scored table, free of problems (see `rows.check_rows`); n may be 0.

    Examples
    --------
    Minus zero and zero are one score:

    >>> one = np.ones(3)
    >>> groups = group_rows(np.array([1.0, 0.0, 1.0]), np.array([-0.0, 0.0, 2.0]), one / 2, one, one)
    >>> groups.linear_predictor.tolist(), groups.positive.tolist(), groups.negative.tolist()
    ([2.0, 0.0], [1.0, 1.0], [0.0, 1.0])
    """
    order = np.argsort(-linear_predictor, kind="stable")
    y, weight, frequency = y[order], weight[order], frequency[order]
    rows = ScoreGroups(
        linear_predictor=linear_predictor[order] + 0.0,  # -0.0 becomes 0.0
        probability=probability[order],
        n_rows=np.ones(len(order)),
        n_obs=frequency,
        events=frequency * y,
        positive=weight * y,
        negative=weight * (1.0 - y),
    )
    return add_ties(rows)


def add_ties(sorted_groups: ScoreGroups) -> ScoreGroups:
    """Add neighbouring groups of equal score into one; the input is sorted by score."""
    if len(sorted_groups) == 0:
        return sorted_groups
    score = sorted_groups.linear_predictor
    starts = np.flatnonzero(np.concatenate(([True], score[1:] != score[:-1])))
    if len(starts) == len(score):
        return sorted_groups
    sums = (np.add.reduceat(column, starts) for column in sorted_groups.columns()[2:])
    return ScoreGroups(score[starts], np.maximum.reduceat(sorted_groups.probability, starts), *sums)


def merge_chunks(chunks: Iterable[ScoreGroups]) -> Iterator[ScoreGroups]:
    """Add up ties within and across chunks that follow each other in descending score.

    The last group of a chunk is held back until the next chunk shows that it is complete. Chunks
    of any size, empty ones included; as much memory as the largest chunk.
    """
    held: ScoreGroups | None = None
    for chunk in chunks:
        if len(chunk) == 0:
            continue
        merged = add_ties(chunk if held is None else concatenate([held, chunk]))
        held = merged.part(slice(-1, None))
        if len(merged) > 1:
            yield merged.part(slice(None, -1))
    if held is not None:
        yield held


def concatenate(chunks: list[ScoreGroups]) -> ScoreGroups:
    """Put at least one chunk of groups behind each other."""
    return ScoreGroups(
        *(np.concatenate(columns) for columns in zip(*(c.columns() for c in chunks), strict=True))
    )
