"""What separates the label on its own, named and counted."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import reduce
from operator import add

from logreg_dist.checks.records import SeparatingTerm
from logreg_dist.design.derived import LevelPart
from logreg_dist.design.problems import counted, quoted
from logreg_dist.design.spec import CategoricalColumn, DesignSpec
from logreg_dist.fitting.passes import FitPasses
from logreg_dist.fitting.separation_tasks import label_sides_task, threshold_rows_task
from logreg_dist.inference.label_sides import LabelSides, ThresholdRows
from logreg_dist.model.model import LabelRecord
from logreg_dist.staging.profile import CategoricalProfile, TableProfile

log = logging.getLogger(__name__)


# Combinations of levels that a pass counts at most for one interaction.
MAX_CELLS = 1_000_000


@dataclass(frozen=True)
class Alone:
    """What separates on its own.

    Attributes
    ----------
    terms : tuple of SeparatingTerm
        Numbers first, each with the sign of its estimate and its counts. Levels and cells of too few rows are
        named, as the model names them, without counts.
    references : tuple of str
        Levels and cells without a coefficient whose rows all have one label, as sentences: the others then seem to
        separate.
    """

    terms: tuple[SeparatingTerm, ...]
    references: tuple[str, ...]


def look_for_alone(passes: FitPasses, profile: TableProfile, label: LabelRecord, *, min_count: int) -> Alone:
    """Find the numbers, levels and cells of interactions that separate on their own; a pass, and one more for numbers.

    `min_count` is the number of rows from which a level is shown with its count.
    """
    clock, pairs = time.perf_counter(), _pairs(passes.spec)
    task = label_sides_task(passes.design, passes.layout, [pair.places for pair in pairs])
    sides: LabelSides = reduce(add, passes.staged.run_pass(task))
    seconds = time.perf_counter() - clock
    log.info("pass %d: what separates on its own (%.2f s)", passes.staged.n_passes, seconds)
    low, high = quoted(label.negative or "0"), quoted(label.positive or "1")
    names = {
        position: term.name
        for position, term in zip(passes.positions.tolist(), passes.spec.terms(), strict=True)
    }
    terms = [
        SeparatingTerm(names[position], sign, _number(names[position], sign, counts, low, high))
        for position, (sign, counts) in _numbers(passes, sides).items()
        if position in names
    ]

    def text(name: str, sign: str, n: float, what: str = "") -> str | None:
        shown = f"{_all(n)} of {name}{what} {_have(n)} label {high if sign == '+' else low}"
        return shown if n >= max(min_count, 1) else None

    counts_of, of_levels = _plain_counts(passes.spec, profile), sides.of_one_label()
    for where, one_label in zip(passes.shape.slices(), of_levels, strict=False):
        for code, (sign, n_rows) in one_label.items():
            if where.start + code < where.stop:
                name = names[where.start + code]
                # Of a plain column by frequencies and trials, as everywhere; of an interaction its rows.
                terms.append(SeparatingTerm(name, sign, text(name, sign, counts_of.get(name, n_rows))))
    references = []
    for column, profiled in _plain(passes.spec, profile):
        n, events = profiled.levels.get(column.reference or "", (0.0, 0.0))
        if n > 0 and not 0 < events < n:
            sign = "+" if events else "-"
            references.append(text(f"{column.name}[{column.reference}]", sign, n, ", the reference level,"))
    for pair, one_label in zip(pairs, of_levels[len(passes.shape.widths) :], strict=True):
        for code, (sign, n_rows) in one_label.items():
            name = pair.cell(code)
            if name not in names.values():
                references.append(text(name, sign, n_rows, ", a reference cell,"))
    return Alone(tuple(terms), tuple(sentence for sentence in references if sentence is not None))


@dataclass(frozen=True)
class _Pair:
    """An interaction of two categories: their places among the kernel's categorical columns, and their columns."""

    places: tuple[int, int]
    columns: tuple[CategoricalColumn, CategoricalColumn]

    def cell(self, code: int) -> str:
        """Return the name that the term of a combination would have."""
        first, second = self.columns
        i, j = divmod(code, len(second.coefficient_levels) + 1)
        return f"{_level(first, i)}:{_level(second, j)}"


def _level(column: CategoricalColumn, code: int) -> str:
    levels = column.coefficient_levels
    level = levels[code] if code < len(levels) else str(column.reference)
    return LevelPart(column.name, (level,)).label(0)


def _pairs(spec: DesignSpec) -> list[_Pair]:
    plain = [column for column in spec.categorical if column.plain]
    places = {column.name: k for k, column in enumerate(plain)}
    found = []
    for derived in spec.coded_derived:
        parts = [part for part in derived.parts if isinstance(part, LevelPart) and part.column in places]
        if len(parts) == 2 and parts[0].size * parts[1].size <= MAX_CELLS:
            j, k = (places[part.column] for part in parts)
            found.append(_Pair((j, k), (plain[j], plain[k])))
    return found


def _numbers(passes: FitPasses, sides: LabelSides) -> dict[int, tuple[str, tuple[int, int, int]]]:
    """Return the dense columns that separate, by place: the sign, and the rows below, at and above the threshold."""
    signs, ranges = sides.ranges.separators(), sides.ranges
    ends = {"+": (ranges.other_high, ranges.event_low), "-": (ranges.event_high, ranges.other_low)}
    thresholds = {k: (float(ends[sign][0][k]), float(ends[sign][1][k])) for k, sign in signs.items()}
    if not thresholds:
        return {}
    task = threshold_rows_task(passes.design, passes.layout, thresholds)
    rows: ThresholdRows = reduce(add, passes.staged.run_pass(task))
    counts = zip(rows.below.tolist(), rows.tied.tolist(), rows.above.tolist(), strict=True)
    return {k: (sign, count) for (k, sign), count in zip(signs.items(), counts, strict=True)}


def _plain_counts(spec: DesignSpec, profile: TableProfile) -> dict[str, float]:
    return {
        f"{column.name}[{level}]": n
        for column, levels in _plain(spec, profile)
        for level, (n, _) in levels.levels.items()
        if level in column.levels
    }


def _plain(spec: DesignSpec, profile: TableProfile) -> list[tuple[CategoricalColumn, CategoricalProfile]]:
    pairs = zip(spec.categorical, profile.categorical, strict=True)
    return [(column, levels) for column, levels in pairs if column.plain]


def _number(name: str, sign: str, counts: tuple[int, int, int], low: str, high: str) -> str:
    """Say between which rows of a number the threshold lies.

    Examples
    --------
    >>> _number("x", "+", (300, 0, 41), "'no'", "'yes'")
    "all 41 rows above a threshold of x have label 'yes' and all 300 rows below it have label 'no'"
    >>> _number("x", "-", (41, 300, 0), "'no'", "'yes'")
    "all 41 rows below a value of x have label 'yes' (300 rows have that value)"
    """
    below, tied, above = counts
    label_above, label_below = (high, low) if sign == "+" else (low, high)
    at = f"{'value' if tied else 'threshold'} of {name}"
    parts = []
    if above:
        parts.append(f"{_all(above)} above a {at} {_have(above)} label {label_above}")
    if below:
        where = "it" if parts else f"a {at}"
        parts.append(f"{_all(below)} below {where} {_have(below)} label {label_below}")
    return " and ".join(parts) + (f" ({counted(tied, 'row')} {_have(tied)} that value)" if tied else "")


def _all(n: float) -> str:
    return "the only row" if n == 1 else f"all {counted(n, 'row')}"


def _have(n: float) -> str:
    return "has" if n == 1 else "have"
