"""Knots and edges from quantiles: where they lie, and that none of them is the value of a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# A boundary knot further inside would make a spline of less than half of the rows.
MAX_TAIL = 0.25
MAX_DIGITS = 17


@dataclass(frozen=True)
class Quantile:
    """A weighted quantile with what lies beside it.

    Attributes
    ----------
    value : float
        The smallest value up to which the share of the weight is reached.
    above : float
        The next larger value of the column, inf when there is none.
    quantile : float
        `value`, or halfway to `above` where exactly the share ends at `value`.
    """

    value: float
    above: float
    quantile: float

    @property
    def between(self) -> float:
        """Halfway between two neighbouring values: the value of no row. `value` where it is the largest."""
        if self.above == float("inf"):
            return self.value
        return self.value + (self.above - self.value) / 2

    @property
    def short(self) -> float:
        """The number of fewest digits between the two neighbouring values, which names an edge.

        Examples
        --------
        >>> Quantile(37.0, 38.0, 37.0).short, Quantile(51234.17, 51236.02, 51234.17).short
        (37.5, 51235.0)
        """
        middle = self.between
        for digits in range(1, MAX_DIGITS):
            rounded = float(f"{middle:.{digits}g}")
            if self.value < rounded < self.above:
                return rounded
        return middle


def spline_shares(n_interior: int, tail: float) -> tuple[float, ...]:
    """Return the shares of a spline's knots: the boundary knots first and last, the others evenly between 0 and 1.

    Examples
    --------
    >>> spline_shares(3, 0.01)
    (0.01, 0.25, 0.5, 0.75, 0.99)
    """
    return (tail, *((k + 1) / (n_interior + 1) for k in range(n_interior)), 1.0 - tail)


def bin_shares(k: int) -> tuple[float, ...]:
    """Return the shares of the edges of k bins.

    Examples
    --------
    >>> bin_shares(4)
    (0.25, 0.5, 0.75)
    """
    return tuple(j / k for j in range(1, k))


def spline_knots(
    found: Mapping[float, Quantile], shares: Sequence[float], minimum: float
) -> tuple[tuple[float, ...], tuple[float, float]]:
    """Return the interior knots, equal ones once, and the boundary knots.

    The boundary is the smallest value itself where a share of the rows has it, as the largest value is
    above; otherwise knots are values of no row.
    """
    first, last = found[shares[0]], found[shares[-1]]
    low = first.value if first.value == minimum else first.between
    high = last.between
    interior = sorted({found[share].between for share in shares[1:-1]})
    return tuple(knot for knot in interior if low < knot < high), (low, high)


def bin_edges(found: Mapping[float, Quantile], shares: Sequence[float]) -> tuple[float, ...]:
    """Return the edges, equal ones once; above the largest value there is none."""
    edges = {found[share].short for share in shares if found[share].above != float("inf")}
    return tuple(sorted(edges))
