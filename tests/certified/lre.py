"""The measure of agreement with a certified value: how many digits are right."""

from __future__ import annotations

from decimal import Decimal, localcontext


def lre(actual: float, certified: str) -> float:
    """Return the log relative error, -log10(|actual - certified| / |certified|).

    About the number of right significant digits (McCullough 1998, The American Statistician 52(4),
    section 3). Where the certified value is 0 the error is absolute; where `actual` equals the certified
    value the answer is infinity; where `actual` is `nan` or infinite it is minus infinity.

    Parameters
    ----------
    actual
        The number to judge.
    certified
        Decimal digits of the right one. A string, because a float would round it.

    Examples
    --------
    >>> lre(1.001, "1")
    3.0
    >>> lre(0.25, "0.25"), lre(float("nan"), "0.25")
    (inf, -inf)
    >>> round(lre(1e-12, "0"), 6)
    12.0
    """
    with localcontext() as context:
        context.prec = 60
        got, right = Decimal(actual), Decimal(certified)
        if not got.is_finite():
            return float("-inf")
        error = abs(got - right)
        if right != 0:
            error /= abs(right)
        return float("inf") if error == 0 else round(float(-error.log10()), 12)
