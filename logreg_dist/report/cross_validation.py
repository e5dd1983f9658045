"""A cross-validation as ``cv.json`` and as a picture: the log loss and the estimates along the path."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape

from logreg_dist.design.spec import INTERCEPT
from logreg_dist.model.cross_validation import CrossValidation
from logreg_dist.printable import printable_json
from logreg_dist.report.table import one_line

MAX_LINES = 40
# Names of lines that end nearer to each other than this could not be read.
_APART = 11.0
_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 560.0, 210.0, 70.0, 60.0, 70.0
_MAIN, _GUIDE, _TEXT = "#1f5fa8", "#9a9a9a", "#222222"
_COLOURS = ("#1f5fa8", "#b5482a", "#3b8a4d", "#7a4da0", "#8a6d1f", "#2a8f98", "#a03a6b", "#555555")

Point = tuple[float, float]


def cross_validation_json(record: CrossValidation) -> str:
    """Return the text of ``cv.json``: every penalty with its log loss by fold and the estimates of all rows."""
    text = json.dumps(asdict(record), indent=1, ensure_ascii=False, allow_nan=False)
    return printable_json(text) + "\n"


def draw_cross_validation(record: CrossValidation, *, deviations: Mapping[str, float]) -> str:
    """Return the log loss with its standard errors above the estimates, along the path, as one SVG.

    Parameters
    ----------
    record : CrossValidation
    deviations : mapping of str to float
        Standard deviation of the columns of numbers by name: their estimates are drawn per standard deviation, so
        that columns in different units can be compared. The `MAX_LINES` largest estimates are drawn.
    """
    strengths = [math.log10(max(point.l1 + point.l2, 1e-300)) for point in record.points]
    x = [_LEFT + _share(s, strengths, falling=True) * _WIDTH for s in strengths]
    below = _TOP + _HEIGHT + _GAP
    height = below + _HEIGHT + 60
    chosen = record.points[record.chosen]
    title = (
        f"Cross-validation of {record.folds} folds: log loss {chosen.log_loss:.5g} +- {chosen.std_error:.2g} "
        f"at l1 {chosen.l1:.4g}, l2 {chosen.l2:.4g}"
    )
    width = _LEFT + _WIDTH + 190
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" font-family="sans-serif" font-size="11" fill="{_TEXT}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
        _text(16, 24, title, size=14, bold=True),
        *_losses(record, x),
        *_estimates(record, x, below, deviations),
        *_strength_axis(strengths, x, below + _HEIGHT),
        "</svg>",
        "",
    ]
    return "\n".join(parts)


def _losses(record: CrossValidation, x: Sequence[float]) -> list[str]:
    lows = [p.log_loss - p.std_error for p in record.points]
    highs = [p.log_loss + p.std_error for p in record.points]
    ends = [*lows, *highs]

    def y(value: float) -> float:
        return _TOP + (1.0 - _share(value, ends)) * _HEIGHT

    parts = [*_frame(_TOP, "log loss", (min(ends), max(ends))), *_guides(record, x, _TOP)]
    for k, point in enumerate(record.points):
        parts.append(
            f'<line x1="{x[k]:.1f}" x2="{x[k]:.1f}" y1="{y(lows[k]):.1f}" y2="{y(highs[k]):.1f}" stroke="{_GUIDE}"/>'
        )
        parts.append(f'<circle cx="{x[k]:.1f}" cy="{y(point.log_loss):.1f}" r="2.6" fill="{_MAIN}"/>')
    for k in _few(len(record.points), 10):
        parts.append(_text(x[k], _TOP - 6, str(record.points[k].n_nonzero), anchor="middle"))
    parts.append(_text(_LEFT + _WIDTH + 24, _TOP - 6, "coefficients not 0"))
    return parts


def _estimates(
    record: CrossValidation, x: Sequence[float], top: float, deviations: Mapping[str, float]
) -> list[str]:
    last = record.points[-1].estimates
    names = [name for name in last if name.rpartition(":")[2] != INTERCEPT]
    scale = {name: deviations.get(name, deviations.get(name.partition(":")[2], 1.0)) for name in names}
    shown = sorted(names, key=lambda name: -abs(last[name]) * scale[name])[:MAX_LINES]
    lines = {name: [p.estimates[name] * scale[name] for p in record.points] for name in shown}
    ends = [0.0, *(value for line in lines.values() for value in line)]

    def y(value: float) -> float:
        return top + (1.0 - _share(value, ends)) * _HEIGHT

    caption = "estimate per standard deviation"
    parts = [*_frame(top, caption, (min(ends), max(ends))), *_guides(record, x, top)]
    if len(names) > MAX_LINES:
        parts.append(_text(_LEFT + 4, top - 6, f"the {MAX_LINES} largest of {len(names):,} coefficients"))
    named: list[float] = []
    for k, (name, line) in enumerate(lines.items()):
        colour = _COLOURS[k % len(_COLOURS)]
        path = " ".join(f"{a:.1f},{y(b):.1f}" for a, b in zip(x, line, strict=True))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.2"/>')
        end = y(line[-1])
        if k < len(_COLOURS) and all(abs(end - other) >= _APART for other in named):
            named.append(end)
            place = f'x="{_LEFT + _WIDTH + 6:.1f}" y="{end + 4:.1f}" fill="{colour}"'
            parts.append(f"<text {place}>{escape(one_line(name)[:28])}</text>")
    return parts


def _guides(record: CrossValidation, x: Sequence[float], top: float) -> list[str]:
    """Draw a line at the penalty that was chosen, and a thinner one at the other candidate."""
    other = record.one_standard_error if record.chosen == record.minimum else record.minimum
    return [
        f'<line x1="{x[k]:.1f}" x2="{x[k]:.1f}" y1="{top}" y2="{top + _HEIGHT}" stroke="{_TEXT}" '
        f'stroke-width="{width}" stroke-dasharray="5 3"/>'
        for k, width in ((other, 0.5), (record.chosen, 1.2))
    ]


def _frame(top: float, caption: str, ends: tuple[float, float]) -> list[str]:
    middle = top + _HEIGHT / 2
    return [
        f'<rect x="{_LEFT}" y="{top}" width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="{_GUIDE}"/>',
        _text(_LEFT - 6, top + _HEIGHT, f"{ends[0]:.4g}", anchor="end"),
        _text(_LEFT - 6, top + 10, f"{ends[1]:.4g}", anchor="end"),
        f'<g transform="translate({_LEFT - 50:.0f} {middle:.0f}) rotate(-90)">'
        f"{_text(0, 0, caption, anchor='middle')}</g>",
    ]


def _strength_axis(strengths: Sequence[float], x: Sequence[float], bottom: float) -> list[str]:
    parts = [
        _text(x[k], bottom + 16, f"{10 ** strengths[k]:.3g}", anchor="middle")
        for k in _few(len(strengths), 6)
    ]
    words = "penalty l1 + l2, the strongest on the left; thick dashes: chosen"
    return [*parts, _text(_LEFT + _WIDTH / 2, bottom + 36, words, anchor="middle")]


def _few(n: int, most: int) -> list[int]:
    """Return some of ``0 .. n - 1``, evenly apart, first and last included."""
    return sorted({round(k * (n - 1) / max(min(most, n) - 1, 1)) for k in range(min(most, n))})


def _share(value: float, among: Sequence[float], *, falling: bool = False) -> float:
    low, high = min(among), max(among)
    share = (value - low) / (high - low) if high > low else 0.5
    return 1.0 - share if falling else share


def _text(
    x: float, y: float, words: str, *, anchor: str = "start", size: int = 11, bold: bool = False
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{weight}'
    return f"<text {place}>{escape(words)}</text>"
