"""The confusion of classes as a picture: one SVG, darker where more of a class went."""

from __future__ import annotations

from xml.sax.saxutils import escape

from logreg_dist.assessment.class_result import ClassAssessment

MAX_DRAWN = 40
_TEXT, _INK = "#222222", (31, 95, 168)
_LEFT, _TOP, _MARGIN = 150.0, 110.0, 30.0
_MAX_NAME = 18


def draw_confusion(assessment: ClassAssessment, *, title: str = "Confusion of classes") -> str:
    """Draw the share of each class (row) that was predicted as each class (column).

    Returns
    -------
    str
        A complete SVG document with no script, font or other outside reference; the first `MAX_DRAWN`
        classes of more.
    """
    names = [one.name for one in assessment.classes][:MAX_DRAWN]
    n = len(names)
    cell = max(18.0, min(56.0, 560.0 / n))
    width, height = _LEFT + n * cell + _MARGIN, _TOP + n * cell + _MARGIN
    hidden = len(assessment.classes) - n
    words = title + (f" ({n} of {len(assessment.classes)} classes)" if hidden else "")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" font-family="sans-serif" fill="{_TEXT}">',
        f"<title>{escape(words)}</title>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
        f'<text x="16" y="24" font-size="15" font-weight="bold">{escape(words)}</text>',
        '<text x="16" y="44" font-size="11">share of each actual class (rows) by predicted class (columns)</text>',
    ]
    for i, name in enumerate(names):
        y = _TOP + (i + 0.5) * cell
        x = _LEFT + (i + 0.5) * cell
        printable = "".join(letter if letter.isprintable() else " " for letter in name)
        short = printable if len(printable) <= _MAX_NAME else printable[: _MAX_NAME - 1] + "\u2026"
        label = escape(short)
        parts.append(
            f'<text x="{_LEFT - 8:.1f}" y="{y + 4:.1f}" font-size="11" text-anchor="end">{label}</text>'
        )
        parts.append(
            f'<text transform="translate({x + 4:.1f} {_TOP - 8:.1f}) rotate(-45)" font-size="11">{label}</text>'
        )
        total = sum(assessment.confusion[i])
        for j in range(n):
            share = assessment.confusion[i][j] / total if total else 0.0
            parts.append(_cell(_LEFT + j * cell, _TOP + i * cell, cell, share))
    return "\n".join([*parts, "</svg>", ""])


def _cell(x: float, y: float, side: float, share: float) -> str:
    red, green, blue = (round(255 + (ink - 255) * share) for ink in _INK)
    box = (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{side:.1f}" height="{side:.1f}" fill="rgb({red},{green},{blue})" '
        'stroke="#dddddd"/>'
    )
    if side < 30.0 or share < 0.005:
        return box
    colour = "#ffffff" if share > 0.5 else _TEXT
    middle = f'x="{x + side / 2:.1f}" y="{y + side / 2 + 4:.1f}"'
    return box + f'<text {middle} font-size="11" text-anchor="middle" fill="{colour}">{share:.0%}</text>'
