"""The coefficients drawn: odds ratios with their intervals on a logarithmic axis, as one SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from logreg_dist.model.model import LogisticModel
from logreg_dist.report.table import one_line

MAX_TERMS = 40
_LEFT, _WIDTH, _ROW, _TOP = 330, 420, 22, 70
# An interval may be endless; the axis is not. Log-odds.
_MAX_REACH = math.log(1000.0)


@dataclass(frozen=True)
class Effect:
    """What one row of the drawing shows.

    Attributes
    ----------
    name : str
    centre, low, high : float
        Log-odds: of a level against the reference, or of one standard deviation of a number.
    z : float
        Of the Wald test; orders the rows.
    """

    name: str
    centre: float
    low: float
    high: float
    z: float


def draw_effects(model: LogisticModel) -> str:
    """Return the odds ratios of a model as an SVG, the clearest first; '' without inference.

    Numbers are shown per standard deviation, so that columns in different units can be compared;
    the tables of the model are per unit.
    """
    found = effects(model)
    if not found:
        return ""
    shown = found[:MAX_TERMS]
    reach = min(max(max(abs(e.low), abs(e.high)) for e in shown) * 1.05, _MAX_REACH)
    height = _TOP + _ROW * len(shown) + 40
    more = f", the {MAX_TERMS} clearest of {len(found)} terms" if len(found) > MAX_TERMS else ""
    confidence = model.config.get("inference", {}).get("confidence", 0.95)
    ratios = "Odds ratios" if model.label.classes is None else "Relative-risk ratios"
    title = f"{ratios} with {confidence:.0%} intervals{more}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 {height}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="12">',
        f'<rect width="800" height="{height}" fill="#fff"/>',
        f'<text x="16" y="26" font-size="16" font-weight="bold">{escape(title)}</text>',
        '<text x="16" y="44" fill="#666">levels against their reference; numbers per standard deviation</text>',
        *_axis(reach, height),
        *(line for k, effect in enumerate(shown) for line in _row(effect, k, reach)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def effects(model: LogisticModel) -> list[Effect]:
    """Return what can be drawn, the largest ``|z|`` first."""
    scales = {name: scale for name, (_, scale) in model.design.moments().items()}
    found = []
    for row in model.coefficient_rows:
        numbers = (row.estimate, row.conf_low, row.conf_high, row.z)
        if row.column is None or any(number is None for number in numbers):
            continue
        estimate, low, high, z = (number for number in numbers if number is not None)
        term = row.term if row.class_name is None else row.term.removeprefix(f"{row.class_name}:")
        is_number = term in scales
        unit = scales.get(term, 1.0)
        name = f"{one_line(row.term, 40)} (per sd)" if is_number else one_line(row.term, 48)
        found.append(Effect(name, estimate * unit, low * unit, high * unit, z))
    return sorted(found, key=lambda effect: -abs(effect.z))


def _axis(reach: float, height: int) -> Sequence[str]:
    bottom = height - 34
    lines = []
    for ratio in (0.001, 0.01, 0.1, 0.5, 1.0, 2.0, 10.0, 100.0, 1000.0):
        if abs(math.log(ratio)) > reach:
            continue
        x = _x(math.log(ratio), reach)
        colour = "#888" if ratio == 1.0 else "#e4e4e4"
        lines.append(f'<line x1="{x:.1f}" y1="{_TOP - 10}" x2="{x:.1f}" y2="{bottom}" stroke="{colour}"/>')
        lines.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle" fill="#444">{ratio:g}</text>')
    return lines


def _row(effect: Effect, k: int, reach: float) -> Sequence[str]:
    y = _TOP + _ROW * k + 4
    clear = effect.low > 0 or effect.high < 0
    colour = "#1f5fa8" if clear else "#9a9a9a"
    low, centre, high = (_x(value, reach) for value in (effect.low, effect.centre, effect.high))
    return (
        f'<text x="{_LEFT - 14}" y="{y + 4}" text-anchor="end">{escape(effect.name)}</text>',
        f'<line x1="{low:.1f}" y1="{y}" x2="{high:.1f}" y2="{y}" stroke="{colour}" stroke-width="2"/>',
        f'<circle cx="{centre:.1f}" cy="{y}" r="4" fill="{colour}"/>',
    )


def _x(log_odds: float, reach: float) -> float:
    inside = max(-reach, min(reach, log_odds))
    return _LEFT + _WIDTH * (inside + reach) / (2 * reach)
