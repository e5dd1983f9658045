"""The log-odds of bins of each numeric column as small pictures: what was observed, and what the model says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from logreg_dist.checks.records import Linearity, LogitBin
from logreg_dist.model.model import LogisticModel
from logreg_dist.report.table import one_line

MAX_PANELS = 12
_COLUMNS, _LEFT, _TOP = 3, 64.0, 84.0
_WIDTH, _HEIGHT, _ACROSS, _DOWN = 220.0, 150.0, 300.0, 242.0
_MAIN, _GUIDE, _TEXT, _WARN = "#1f5fa8", "#9a9a9a", "#222222", "#b5482a"
_NORMAL = 1.96  # of a 95% interval

Point = tuple[float, float]


def draw_linearity(model: LogisticModel) -> str:
    """Return the empirical log-odds of each numeric column with the fitted line as one SVG, the worst first; '' without.

    The bars are 95% intervals of a bin's log-odds. Panels have log-odds axes of their own.
    """
    found = [one for one in (model.checks.linearity or () if model.checks else ()) if len(one.bins) > 1]
    if not found:
        return ""
    shown = sorted(found, key=_rank)[:MAX_PANELS]
    n_rows = math.ceil(len(shown) / _COLUMNS)
    width = _LEFT + (min(len(shown), _COLUMNS) - 1) * _ACROSS + _WIDTH + 30.0
    width, height = max(width, 560.0), _TOP + n_rows * _DOWN
    more = f", the {MAX_PANELS} worst of {len(found):,} columns" if len(found) > MAX_PANELS else ""
    title = f"Are the log-odds linear?{more}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" font-family="Helvetica, Arial, sans-serif" font-size="11" '
        f'fill="{_TEXT}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
        _text(16, 26, title, size=16, bold=True),
        _text(
            16,
            44,
            "dots: log-odds of bins with 95% intervals; line: the mean of the model in these bins",
            colour="#666666",
        ),
    ]
    for k, one in enumerate(shown):
        x, y = _LEFT + k % _COLUMNS * _ACROSS, _TOP + k // _COLUMNS * _DOWN
        parts += [f'<g transform="translate({x:.0f} {y:.0f})">', *_panel(one), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _rank(one: Linearity) -> tuple[bool, float]:
    """Order by what is worth a term, and then by the test: those without one by how far bins are off."""
    size = one.statistic
    if size is None:
        size = max(abs(bin_.logit - bin_.fitted) for bin_ in one.bins)
    return one.suggestion is None, -size


def _panel(one: Linearity) -> list[str]:
    bins = one.bins
    lows, highs = zip(*(_interval(bin_) for bin_ in bins), strict=True)
    x_ends = _padded([bin_.mean for bin_ in bins])
    y_ends = _padded([*lows, *highs, *(bin_.fitted for bin_ in bins)])
    colour = _MAIN if one.suggestion is None else _WARN

    def place(x: float, y: float) -> Point:
        return _share(x, x_ends) * _WIDTH, (1.0 - _share(y, y_ends)) * _HEIGHT

    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(b.mean, b.fitted) for b in bins))
    parts = [
        _text(0, -12, one_line(one.column, 34), size=12, bold=True),
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="{_GUIDE}"/>',
        *_axes(x_ends, y_ends),
        f'<polyline points="{line}" fill="none" stroke="{_GUIDE}" stroke-width="1.8"/>',
    ]
    for bin_, low, high in zip(bins, lows, highs, strict=True):
        x, y = place(bin_.mean, bin_.logit)
        top, bottom = place(bin_.mean, high)[1], place(bin_.mean, low)[1]
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}" stroke="{colour}" stroke-opacity="0.5"/>'
        )
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2" fill="{colour}"/>')
    parts.append(_text(0, _HEIGHT + 34, _verdict(one), colour=colour))
    if one.suggestion is not None:
        parts.append(_text(0, _HEIGHT + 48, f"try {one_line(one.suggestion, 36)}", colour=colour))
    return parts


def _verdict(one: Linearity) -> str:
    if one.statistic is None or one.p_value_bh is None:
        return "no test"
    p = "< 0.0001" if one.p_value_bh < 1e-4 else f"= {one.p_value_bh:.2g}"
    return f"chi-squared {one.statistic:.3g}, adjusted p {p}"


def _axes(x_ends: Point, y_ends: Point) -> list[str]:
    parts = []
    for value in _ticks(x_ends):
        x = _share(value, x_ends) * _WIDTH
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_HEIGHT}" y2="{_HEIGHT + 4}" stroke="{_GUIDE}"/>')
        parts.append(_text(x, _HEIGHT + 16, f"{value:.6g}", anchor="middle", colour="#444444"))
    for value in _ticks(y_ends):
        y = (1.0 - _share(value, y_ends)) * _HEIGHT
        parts.append(f'<line x1="0" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e8e8e8"/>')
        parts.append(_text(-7, y + 4, f"{value:.3g}", anchor="end", colour="#444444"))
    return parts


def _interval(one: LogitBin) -> Point:
    error = math.sqrt(1.0 / (one.events + 0.5) + 1.0 / (one.n - one.events + 0.5))
    return one.logit - _NORMAL * error, one.logit + _NORMAL * error


def _padded(values: Sequence[float]) -> Point:
    low, high = min(values), max(values)
    pad = 0.06 * (high - low) or 0.5 * abs(high) or 0.5
    return low - pad, high + pad


def _ticks(ends: Point) -> list[float]:
    """Return two to five round numbers between two ends."""
    low, high = ends
    rough = (high - low) / 5.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * k for k in (1.0, 2.0, 5.0, 10.0) if power * k >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [k * step for k in range(first, last + 1)]


def _share(value: float, ends: Point) -> float:
    return (value - ends[0]) / (ends[1] - ends[0])


def _text(
    x: float,
    y: float,
    words: str,
    *,
    anchor: str = "start",
    size: int = 11,
    bold: bool = False,
    colour: str = _TEXT,
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}"{weight}'
    return f"<text {place}>{escape(words)}</text>"
