"""Why terms have no estimate, spelled out in the units of the columns."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from logreg_dist.design.problems import quoted
from logreg_dist.design.spec import DesignSpec
from logreg_dist.model.model import AliasedTerm
from logreg_dist.solver.linear_system import Dependence

MAX_PARTS = 12
# A residual beyond this share of the column's spread (squared) is more than rounding.
EXACT = 1e-13


def describe_aliases(
    dependences: Sequence[Dependence], spec: DesignSpec, centres: NDArray[np.float64]
) -> list[AliasedTerm]:
    """Return the terms without an estimate, each with the combination of earlier terms that it equals.

    Parameters
    ----------
    dependences : sequence of Dependence
        On the centred columns, in term order.
    spec : DesignSpec
    centres : ndarray (p,)
        What was subtracted from each term's column, units of the column.
    """
    if not dependences:
        return []
    terms = spec.terms()
    names = [quoted(term.name)[1:-1] for term in terms]
    sizes = _sizes(spec)
    return [
        AliasedTerm(
            terms[dependence.position].name, _reason(dependence, names, sizes, centres, spec.intercept)
        )
        for dependence in dependences
    ]


def combination(parts: Sequence[tuple[float, str]]) -> str:
    """Write a sum of multiples as people do, a positive part first; a constant has no name.

    Examples
    --------
    >>> combination([(2.0, "x1"), (-1.0, "x2"), (3.0, "")]), combination([(-1.0, "a"), (1.0, "")])
    ('2*x1 - x2 + 3', '1 - a')
    >>> combination([(-1.0, "a")]), combination([(0.5, "a b"), (-2.0, "")])
    ('-a', '0.5*a b - 2')
    """
    lead = next((k for k, (factor, _) in enumerate(parts) if factor > 0), 0)
    ordered = [parts[lead], *parts[:lead], *parts[lead + 1 :]]
    text = ("-" if ordered[0][0] < 0 else "") + _multiple(*ordered[0])
    for factor, name in ordered[1:]:
        text += (" - " if factor < 0 else " + ") + _multiple(factor, name)
    return text


def _reason(
    dependence: Dependence,
    names: Sequence[str],
    sizes: NDArray[np.float64],
    centres: NDArray[np.float64],
    intercept: bool,
) -> str:
    j = dependence.position
    nearly = "nearly " if dependence.remaining > EXACT else ""
    noise = max(1e-9, 3.0 * math.sqrt(max(dependence.remaining, 0.0))) * sizes[j]
    weights = {k: w for k, w in dependence.weights.items() if k >= intercept and abs(w) * sizes[k] > noise}
    if not weights:
        return f"is {nearly}{'constant' if intercept else 'zero in every row'}"
    parts = [(w, names[k]) for k, w in list(weights.items())[:MAX_PARTS]]
    constant = float(centres[j] - sum(w * centres[k] for k, w in weights.items()))
    constant += dependence.weights.get(0, 0.0) if intercept else 0.0
    rounding = 1e-9 * max(abs(centres[j]), *(abs(w * centres[k]) for k, w in weights.items()))
    if abs(constant) > max(noise, rounding):
        parts.append((constant, ""))
    hidden = len(weights) - MAX_PARTS
    more = f" + ... ({hidden:,} more term{'s' * (hidden > 1)})" if hidden > 0 else ""
    return f"{nearly}equals {combination(parts)}{more}"


def _sizes(spec: DesignSpec) -> NDArray[np.float64]:
    """Return the typical size of each term's column as the solver sees it, shape (p,)."""
    sizes = {
        name: math.hypot(scale, 0.0 if spec.intercept else centre) or 1.0
        for name, (centre, scale) in spec.moments().items()
    }
    return np.array([sizes.get(term.name, 1.0) for term in spec.terms()])


def _multiple(factor: float, name: str) -> str:
    size = f"{abs(factor):.6g}"
    if not name:
        return size
    return name if size == "1" else f"{size}*{name}"
