"""One picture of an assessment: ROC curve, cumulative gains and calibration, as a single SVG.

Written by hand rather than with matplotlib: the jobs then need no drawing library, and a report
can hold the picture inline.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape

from logreg_dist.assessment.result import Assessment

_SIDE = 220.0  # of the square in which data are drawn, pixels
_LEFT, _TOP, _PITCH, _HEIGHT = 64.0, 74.0, 310.0, 346.0
_LINE, _GUIDE, _TEXT = "#1f5fa8", "#9a9a9a", "#222222"

Point = tuple[float, float]


def draw(assessment: Assessment, *, title: str = "Assessment") -> str:
    """Draw the three panels.

    Parameters
    ----------
    assessment : Assessment
        Of any table; a panel whose numbers are not defined says so.
    title : str
        Heading; escaped, like all text.

    Returns
    -------
    str
        A complete SVG document, 960 x 346 pixels, with no script, font or other outside reference.
    """
    panels = [_roc(assessment), _gains(assessment), _calibration(assessment)]
    width = _LEFT + 2 * _PITCH + _SIDE + 56.0
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width:.0f} {_HEIGHT:.0f}" '
            f'width="{width:.0f}" height="{_HEIGHT:.0f}" font-family="sans-serif" fill="{_TEXT}">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width:.0f}" height="{_HEIGHT:.0f}" fill="#ffffff"/>',
            _text(_LEFT, 24.0, title, size=15, bold=True),
            *(
                f'<g transform="translate({_LEFT + k * _PITCH:.0f} {_TOP:.0f})">\n{panel}\n</g>'
                for k, panel in enumerate(panels)
            ),
            "</svg>",
            "",
        ]
    )


def _roc(assessment: Assessment) -> str:
    heading = f"ROC: AUC {_number(assessment.auc)}, KS {_number(assessment.ks)}"
    curve = [(point.fpr, point.tpr) for point in assessment.roc]
    return _panel(heading, "false positive rate", "true positive rate", _line(curve))


def _gains(assessment: Assessment) -> str:
    """Cumulative gains, exactly at the points of the ROC curve: x mixes its two rates."""
    rate = assessment.event_rate
    curve = [(rate * point.tpr + (1.0 - rate) * point.fpr, point.tpr) for point in assessment.roc]
    heading = f"Gains: lift of the first decile {_number(assessment.gains[0].lift, digits=2)}"
    ideal = _line([(0.0, 0.0), (rate, 1.0), (1.0, 1.0)], guide=True) if curve else ""
    return _panel(
        heading, "share of weight, highest scores first", "share of events found", ideal + _line(curve)
    )


def _calibration(assessment: Assessment) -> str:
    slope = _number(assessment.calibration_slope, digits=2)
    heading = f"Calibration: slope {slope}, intercept {_number(assessment.calibration_intercept, digits=2)}"
    points = [
        (row.mean_predicted, row.observed_rate)
        for row in assessment.calibration
        if row.mean_predicted is not None and row.observed_rate is not None
    ]
    # Rare events would sit in a corner of the unit square: the axes end at a round number above them.
    top = _round_up(max(value for point in points for value in point))
    scaled = [(x / top, y / top) for x, y in points]
    dots = "".join(f'<circle cx="{_x(x):.1f}" cy="{_y(y):.1f}" r="3.5" fill="{_LINE}"/>' for x, y in scaled)
    return _panel(heading, "mean predicted probability", "observed rate", _line(scaled) + dots, top=top)


def _panel(heading: str, x_label: str, y_label: str, content: str, *, top: float = 1.0) -> str:
    middle = _SIDE / 2.0
    parts = [_text(0.0, -14.0, heading, size=12, bold=True)]
    parts.append(f'<rect width="{_SIDE}" height="{_SIDE}" fill="none" stroke="{_GUIDE}"/>')
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(_text(_x(tick), _SIDE + 16.0, f"{tick * top:.3g}", anchor="middle"))
        parts.append(_text(-7.0, _y(tick) + 4.0, f"{tick * top:.3g}", anchor="end"))
    parts.append(_text(middle, _SIDE + 38.0, x_label, anchor="middle"))
    parts.append(f'<g transform="rotate(-90)">{_text(-middle, -44.0, y_label, anchor="middle")}</g>')
    parts.append(_line([(0.0, 0.0), (1.0, 1.0)], guide=True))
    parts.append(content or _text(middle, middle, "not defined: one class only", anchor="middle"))
    return "\n".join(parts)


def _line(points: Iterable[Point], *, guide: bool = False) -> str:
    path = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)
    style = f'stroke="{_GUIDE}" stroke-dasharray="4 3"' if guide else f'stroke="{_LINE}" stroke-width="1.8"'
    return f'<polyline points="{path}" fill="none" {style}/>' if path else ""


def _text(
    x: float, y: float, words: str, *, anchor: str = "start", size: int = 11, bold: bool = False
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{weight}'
    return f"<text {place}>{escape(words)}</text>"


def _x(share: float) -> float:
    return share * _SIDE


def _y(share: float) -> float:
    return (1.0 - share) * _SIDE


def _number(value: float | None, *, digits: int = 4) -> str:
    return "none" if value is None else f"{value:.{digits}f}"


def _round_up(value: float) -> float:
    """Return the first of 1, 0.8, 0.6, 0.4, 0.2, 0.1, 0.05, ... that still holds the value."""
    steps = [1.0, 0.8, 0.6, 0.4, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001]
    return min(step for step in steps if step >= min(value, 1.0))
