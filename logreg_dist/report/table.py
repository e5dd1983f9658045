"""Tables as plain text: aligned columns that survive a terminal, a log and a mail."""

from __future__ import annotations

from collections.abc import Sequence

from logreg_dist.printable import printable


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Align rows under a header: the first `left` columns to the left, the others to the right; a row stays one line.

    Examples
    --------
    >>> print(text_table(["term", "n"], [["a", "1"], ["long", "20"]]))
    term   n
    a      1
    long  20
    """
    shown = [[printable(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[k]) for row in shown) for k in range(len(header))]
    lines = []
    for row in shown:
        cells = [
            cell.ljust(width) if k < left else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def number(value: float | None, digits: int = 5) -> str:
    """Write a number with `digits` significant digits; a dash when there is none.

    Examples
    --------
    >>> number(1234.5678), number(0.000012345678), number(None), number(0.1)
    ('1234.6', '1.2346e-05', '-', '0.1')
    """
    return "-" if value is None else f"{value:.{digits}g}"


def p_value(value: float | None) -> str:
    """Write a p-value: three decimals where that says something, powers of ten below.

    Examples
    --------
    >>> p_value(0.0312), p_value(3e-40), p_value(None), p_value(0.0)
    ('0.0312', '3e-40', '-', '<1e-300')
    """
    if value is None:
        return "-"
    if value < 1e-300:
        return "<1e-300"
    return f"{value:.4f}" if value >= 1e-3 else f"{value:.2g}"


def one_line(name: str, limit: int = 60) -> str:
    r"""Return a name that cannot break a table: on one line and not endless.

    Examples
    --------
    >>> one_line("a\nb"), one_line("x" * 70)[-3:]
    ('a\\nb', 'xx…')
    """
    text = printable(name[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"
