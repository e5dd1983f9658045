"""Piecewise polynomials as Spark expressions, by the operations of `curve_values`."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from logreg_dist.design.curves import Curves


def curve_expression(curve: Curves, number: Column) -> Column:
    """Return a curve's value at a number: a CASE of polynomials by Horner's rule.

    Parameters
    ----------
    curve : Curves
        One function.
    number : Column
        A double; null gives null.
    """
    t = {"log": F.log, "log1p": F.log1p}[curve.link](number) if curve.link else number
    [pieces] = curve.coefficients.tolist()
    values = [
        _horner(coefficients, (t - F.lit(origin)) / F.lit(curve.scale))
        for coefficients, origin in zip(pieces, curve.origins.tolist(), strict=True)
    ]
    if len(values) == 1:
        return values[0]
    case = F.when(t <= F.lit(float(curve.breaks[0])), values[0])
    for edge, value in zip(curve.breaks[1:].tolist(), values[1:-1], strict=True):
        case = case.when(t <= F.lit(edge), value)
    # Without ELSE a null stays null.
    return case.when(t > F.lit(float(curve.breaks[-1])), values[-1])


def table_entry(table: tuple[float, ...], place: Column) -> Column:
    """Return the table's entry at a whole number given as double; null gives null.

    One text literal that Spark folds: an expression for each entry would take seconds to plan.
    """
    entries = F.split(F.lit(" ".join(map(repr, table))), " ").cast("array<double>")
    return F.element_at(entries, place.cast("int") + 1)


def _horner(coefficients: list[float], u: Column) -> Column:
    total = F.lit(coefficients[-1])
    for lower in reversed(coefficients[:-1]):
        total = total * u + F.lit(lower)
    return total
