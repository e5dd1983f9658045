"""Learning the design: the profile of a table decides levels, references, fills and centres."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from logreg_dist.config import ColumnPolicy
from logreg_dist.config.policies import level_text
from logreg_dist.design.asked import AskedColumn
from logreg_dist.design.learn_sparse import learn_sparse
from logreg_dist.design.problems import Problem, counted, level_counts, nearest, quoted
from logreg_dist.design.sparse_column import SparseColumn
from logreg_dist.design.spec import MISSING, OTHER, CategoricalColumn, DesignSpec, NumericColumn
from logreg_dist.design.term_names import equal_names
from logreg_dist.staging.plan import Kind
from logreg_dist.staging.profile import CategoricalProfile, TableProfile

_TEXT_TYPES = ("string", "char", "varchar", "boolean", "date")
_WHOLE = re.compile("-?[0-9]+")


@dataclass(frozen=True)
class LearnedDesign:
    """The design with what a user should know about it.

    Attributes
    ----------
    spec : DesignSpec
    problems : tuple of Problem
        Why the table cannot be used after all; empty when it can.
    notes : tuple of str
        Sentences for the summary: merged levels, columns with a single level.
    """

    spec: DesignSpec
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class NumericFacts:
    """The entries of a `NumericProfile` that the design of one column needs."""

    mean: float
    deviation: float
    n_missing: int


def learn_design(
    asked: Sequence[AskedColumn],
    profile: TableProfile,
    *,
    intercept: bool,
    medians: Mapping[str, float],
) -> LearnedDesign:
    """Decide everything that the table has a say in.

    Parameters
    ----------
    asked : sequence of AskedColumn
        In the order of the terms.
    profile : TableProfile
        Of the rows used; its numeric and categorical parts in the order of `asked`.
    intercept : bool
        Without one the first categorical column keeps all its levels, as in R.
    medians : mapping of str to float
        Weighted medians of the columns whose policy is ``median``.

    Notes
    -----
    Pure: no Spark, no file, no clock.
    """
    deviations = profile.numeric.deviation
    facts = iter(
        NumericFacts(float(mean), float(deviation), int(missing))
        for mean, deviation, missing in zip(
            profile.numeric.mean, deviations, profile.numeric.n_missing, strict=True
        )
    )
    categorical, sparse = iter(profile.categorical), iter(profile.sparse)
    columns: list[NumericColumn | CategoricalColumn | SparseColumn] = []
    problems: list[Problem] = []
    notes: list[str] = []
    keep_all_levels = not intercept
    for column in asked:
        if column.kind is Kind.NUMERIC:
            columns.append(_numeric(column, next(facts), medians))
            continue
        if column.kind is Kind.SPARSE:
            found = learn_sparse(column, next(sparse))
            columns.append(found.column)
            problems += found.problems
            notes += found.notes
            continue
        learned = _categorical(column, next(categorical), keep_all_levels=keep_all_levels and column.plain)
        keep_all_levels = keep_all_levels and not column.plain
        columns.append(learned.column)
        problems += learned.problems
        notes += learned.notes
    spec = DesignSpec(tuple(columns), intercept)
    return LearnedDesign(spec, (*problems, *equal_names(spec)), tuple(notes))


@dataclass(frozen=True)
class _LearnedColumn:
    column: CategoricalColumn
    problems: list[Problem]
    notes: list[str]


def _numeric(column: AskedColumn, facts: NumericFacts, medians: Mapping[str, float]) -> NumericColumn:
    policy = column.policy.missing
    fill: float | None = None
    if policy.kind in ("mean", "indicator"):
        fill = facts.mean
    elif policy.kind == "median":
        fill = medians.get(column.name, facts.mean)
    elif policy.kind == "constant":
        fill = float(policy.value if policy.value is not None else 0.0)
    return NumericColumn(
        name=column.name,
        source_type=column.source_type,
        missing=policy.text,
        unseen=column.policy.unseen,
        fill=fill,
        indicator=policy.kind == "indicator",
        centre=facts.mean,
        scale=facts.deviation,
        plain=column.plain,
        vector=column.vector,
        element=column.element,
        size=column.size,
    )


def _categorical(
    column: AskedColumn, profile: CategoricalProfile, *, keep_all_levels: bool
) -> _LearnedColumn:
    policy, problems, notes = column.policy, [], []
    counts = _counts_with_missing_level(profile, policy)
    frequent = {level: n for level, n in counts.items() if n >= policy.min_level_count and level != OTHER}
    rare = {level: n for level, n in counts.items() if level not in frequent}
    levels = sorted((level for level in frequent if level != MISSING), key=_sort_key(column))
    real = list(levels)
    if rare:
        levels.append(OTHER)
        notes.append(
            f"{quoted(column.name)}: {counted(len(rare), 'level')} with fewer than {policy.min_level_count} rows "
            f"({counted(sum(rare.values()), 'row')} in all) {'was' if len(rare) == 1 else 'were'} merged into {OTHER}"
        )
        if policy.unseen in ("reference", "null"):
            notes.append(
                f"{quoted(column.name)}: merged levels are not stored, so at scoring they are unseen and follow "
                f"unseen: {policy.unseen}, unlike in the fit"
            )
    if MISSING in frequent:
        levels.append(MISSING)
    sizes = {**frequent, OTHER: sum(rare.values())}
    reference = _reference(policy, real or levels, sizes)
    if reference is not None and reference not in levels:
        problems.append(_unknown_reference(column, reference, levels, rare))
        reference = None
    if keep_all_levels:
        reference = None
    if len(levels) == 1 and not keep_all_levels and column.plain:
        notes.append(f"{quoted(column.name)} has a single level and therefore no term")
    missing_level = _missing_level(policy, levels)
    return _LearnedColumn(
        CategoricalColumn(
            name=column.name,
            source_type=column.source_type,
            missing=policy.missing.text,
            unseen=policy.unseen,
            levels=tuple(levels),
            reference=reference,
            missing_level=missing_level,
            plain=column.plain,
        ),
        problems,
        notes,
    )


def _counts_with_missing_level(profile: CategoricalProfile, policy: ColumnPolicy) -> dict[str, float]:
    counts = {level: n for level, (n, _) in profile.levels.items() if n > 0}
    n_missing = profile.missing[0]
    if n_missing > 0 and policy.missing.kind == "level":
        counts[MISSING] = counts.get(MISSING, 0.0) + n_missing
    if n_missing > 0 and policy.missing.kind == "constant":
        value = level_text(policy.missing.value)
        counts[value] = counts.get(value, 0.0) + n_missing
    return counts


def _missing_level(policy: ColumnPolicy, levels: Sequence[str]) -> str | None:
    if policy.missing.kind not in ("level", "constant"):
        return None
    wanted = MISSING if policy.missing.kind == "level" else level_text(policy.missing.value)
    if wanted in levels:
        return wanted
    # Too rare for a level of its own, or never met in training.
    return OTHER if OTHER in levels else None


def _reference(policy: ColumnPolicy, levels: Sequence[str], sizes: Mapping[str, float]) -> str | None:
    if not levels:
        return None
    if policy.reference == "most_frequent":
        return max(levels, key=lambda level: sizes[level])  # of equals the first in order
    if policy.reference == "first":
        return levels[0]
    if policy.reference == "last":
        return levels[-1]
    return policy.reference


def _unknown_reference(
    column: AskedColumn, reference: str, levels: Sequence[str], rare: Mapping[str, float]
) -> Problem:
    if reference in rare:
        what = (
            f"the reference level of column {quoted(column.name)} has {counted(rare[reference], 'row')}, fewer "
            f"than min_level_count ({column.policy.min_level_count})"
        )
    else:
        what = f"the reference level of column {quoted(column.name)} does not occur in the table"
    shown = level_counts({level: None for level in levels})
    return Problem(what, f"Its levels: {shown}.{nearest(reference, levels)}")


def _sort_key(column: AskedColumn) -> Callable[[str], tuple[int, int, str]]:
    """Sort the levels of a numeric type by value, texts that fill it behind them; others by letter."""
    if column.source_type.startswith(_TEXT_TYPES):
        return lambda level: (0, 0, level)
    return lambda level: (0, int(level), level) if _WHOLE.fullmatch(level) else (1, 0, level)
