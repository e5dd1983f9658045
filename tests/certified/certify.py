"""Certify: solve each set by three routes, hold them against each other, write ``values/<set>.json``.

    python -m tests.certified.certify [SET ...]

Needs R and, besides the test extra, python-flint; gmpy2 makes mpmath several times faster. All the sets take
a few minutes.
"""

from __future__ import annotations

import json
import logging
import math
import sys
from typing import Any

import numpy as np
from mpmath import mp, mpf

from tests.certified import route_flint, route_mpmath, route_r
from tests.certified.lre import lre
from tests.certified.route_mpmath import Solution
from tests.certified.rows import bernoulli, condition_number, design_matrix, distinct_rows, null_rows
from tests.certified.sets import SETS, VALUES, load

CERTIFIED_DIGITS = 50
# float64 itself: R had at least 11 digits right on every set but the ill-conditioned ones, which cost it as many
# digits as their condition has beyond a thousand.
R_DIGITS = 10
WELL_CONDITIONED = 1e3

logger = logging.getLogger(__name__)


def certify(name: str) -> dict[str, Any]:
    """Return the certified values of a set, or raise if the routes do not agree."""
    certified, frame = SETS[name], load(name)
    trials = bernoulli(certified, frame)
    rows = distinct_rows(design_matrix(certified, frame), trials)
    null = null_rows(rows)
    solution, null_solution = route_mpmath.solve(rows), route_mpmath.solve(null)
    require_agreement(solution, route_flint.enclose(rows))
    require_agreement(null_solution, route_flint.enclose(null))
    with mp.workdps(route_mpmath.DIGITS):
        deviance = -2 * solution.log_likelihood
    values = {
        "name": name,
        "source": certified.source,
        "n_rows": len(frame),
        "n_obs": int((trials.frequency * trials.trials).sum()),
        "n_events": int((trials.frequency * trials.events).sum()),
        "weight_sum": _digits(_exact(sum(rows.ones) + sum(rows.zeros))),
        "condition": float(f"{condition_number(rows, np.array(solution.estimate, dtype=float)):.2g}"),
        "log_likelihood": _digits(solution.log_likelihood),
        "null_log_likelihood": _digits(null_solution.log_likelihood),
        "offset_log_likelihood": _digits(route_mpmath.at_offset(rows)),
        "deviance": _digits(deviance),
        "coefficients": [
            {"term": term, "estimate": _digits(estimate), "std_error": _digits(std_error)}
            for term, estimate, std_error in zip(
                certified.terms(frame), solution.estimate, solution.std_error, strict=True
            )
        ],
    }
    values["right_digits_of_r"] = _right_digits(values, *route_r.fit(certified, frame, trials))
    return values


def require_agreement(floating: Solution, enclosed: Solution) -> None:
    """Require that the enclosures fix 50 digits and that the first route's digits are those."""
    pairs = zip(
        [*floating.estimate, *floating.std_error, floating.log_likelihood],
        [*enclosed.estimate, *enclosed.std_error, enclosed.log_likelihood],
        strict=True,
    )
    with mp.workdps(route_mpmath.DIGITS):
        for value, interval in pairs:
            middle = mpf(interval.mid().str(route_mpmath.DIGITS, radius=False))
            radius = mpf(interval.rad().str(10, radius=False))
            # Half a unit in the last of the digits written.
            if abs(value - middle) + radius > abs(middle) * mpf(10) ** -CERTIFIED_DIGITS / 2:
                raise ArithmeticError(f"the routes differ: {_digits(value)} is not in {interval.str(60)}")


def _right_digits(values: dict[str, Any], solution: Solution, null_log_likelihood: float) -> dict[str, float]:
    """Count the digits R gets right, the least over the terms."""
    terms = values["coefficients"]
    digits = {
        "estimate": min(lre(r, t["estimate"]) for r, t in zip(solution.estimate, terms, strict=True)),
        "std_error": min(lre(r, t["std_error"]) for r, t in zip(solution.std_error, terms, strict=True)),
        "log_likelihood": lre(solution.log_likelihood, values["log_likelihood"]),
        "null_log_likelihood": lre(null_log_likelihood, values["null_log_likelihood"]),
    }
    expected = R_DIGITS - max(math.log10(values["condition"] / WELL_CONDITIONED), 0)
    if min(digits.values()) < expected:
        raise ArithmeticError(f"R disagrees: it has {digits} digits right, expected at least {expected}")
    return {key: round(min(value, 16.0), 1) for key, value in digits.items()}


def _exact(value: Any) -> Any:
    with mp.workdps(route_mpmath.DIGITS):
        return mpf(value.numerator) / value.denominator


def _digits(value: Any) -> str:
    with mp.workdps(route_mpmath.DIGITS):
        return str(mp.nstr(value, CERTIFIED_DIGITS, strip_zeros=False))


def main(names: list[str]) -> None:
    """Write the values of the named sets, or of all."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    for name in names or list(SETS):
        values = certify(name)
        text = json.dumps(values, indent=1, ensure_ascii=False) + "\n"
        (VALUES / f"{name}.json").write_text(text, encoding="utf-8")
        logger.info(
            "%s: %d terms, R right to %s digits",
            name,
            len(values["coefficients"]),
            values["right_digits_of_r"],
        )


if __name__ == "__main__":
    main(sys.argv[1:])
