"""Counting what is odd about the scored rows, in the same job that scores them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from pyspark.sql import Column
from pyspark.sql import functions as F

from logreg_dist.design.problems import counted, quoted
from logreg_dist.errors import InputRejected
from logreg_dist.scoring.expression import ScorePlan
from logreg_dist.scoring.terms import ScoreTerms, count_names
from logreg_dist.scoring.vector_terms import SparseTerm, VectorTerm


def count_columns(plan: ScorePlan, among: Column | None = None) -> list[Column]:
    """Return aggregates that count missing, unseen and unusable values and rows without a score.

    Their names are those of `count_names`: ``missing_<i>``, ``unseen_<i>``, ``unusable_<i>`` with the
    column's number, ``missing_key_<i>`` with the key's, and ``unscored``.

    Parameters
    ----------
    plan : ScorePlan
    among : Column or None
        Which rows to look at; None looks at all.
    """
    odd = [(c.missing, c.unseen, c.unusable) for c in plan.contributions]
    conditions = [plan.linear_predictor.isNull(), *chain.from_iterable(odd), *plan.missing_keys.values()]
    names = count_names(plan.terms.columns, len(plan.missing_keys))
    return [
        F.count_if(condition if among is None else among & condition).alias(name)
        for condition, name in zip(conditions, names, strict=True)
    ]


@dataclass(frozen=True)
class ScoreCounts:
    """Rows by what was odd about them, for each column that had any.

    Attributes
    ----------
    missing, unseen, unusable, missing_keys : mapping of str to int
    unscored : int
        Rows whose score is null.
    """

    missing: Mapping[str, int]
    unseen: Mapping[str, int]
    unusable: Mapping[str, int]
    missing_keys: Mapping[str, int]
    unscored: int


def read_counts(observed: Mapping[str, int], terms: ScoreTerms, keys: Sequence[str]) -> ScoreCounts:
    """Return what was counted under the names of `count_names`, by column."""
    columns = [term.name for term in terms.columns]

    def of(kind: str, names: Iterable[str]) -> dict[str, int]:
        pairs = ((name, int(observed[f"{kind}_{i}"])) for i, name in enumerate(names))
        return {name: n for name, n in pairs if n}

    return ScoreCounts(
        missing=of("missing", columns),
        unseen=of("unseen", columns),
        unusable=of("unusable", columns),
        missing_keys=of("missing_key", keys),
        unscored=int(observed["unscored"]),
    )


def refuse_forbidden(counts: ScoreCounts, terms: ScoreTerms, n_rows: int) -> None:
    """Raise when rows were met that their policies do not allow to be scored.

    Raises
    ------
    InputRejected
        With every such column, its count and the policy that forbids it.
    """
    problems = [
        f"key column {quoted(name)} has {counted(n, 'missing value')}"
        for name, n in counts.missing_keys.items()
    ]
    for term in terms.columns:
        name = term.name
        column = f"{'offset ' * (name == terms.offset)}column {quoted(name)} has"
        if term.missing_is_error and counts.missing.get(name):
            why = "" if name == terms.offset else " (policy missing: error)"
            problems.append(f"{column} {counted(counts.missing[name], 'missing value')}{why}")
        if term.unseen_is_error and counts.unseen.get(name):
            n = counts.unseen[name]
            policy = f"(policy unseen: {term.unseen_policy})"
            problems.append(f"{column} {counted(n, 'value')} that the model has not seen {policy}")
        if counts.unusable.get(name):
            n = counts.unusable[name]
            words = "that is no finite number" if n == 1 else "that are no finite numbers"
            if isinstance(term, (VectorTerm, SparseTerm)):
                words = f"that {'is' if n == 1 else 'are'} {term.unusable}"
            problems.append(f"{column} {counted(n, 'value')} {words}{term.domain}")
    if problems:
        raise InputRejected(_message(problems, counted(n_rows, "row")))


def _message(problems: list[str], n_rows: str) -> str:
    way_out = "  Mend the rows, leave them out with input.filter, or train with another policy."
    if len(problems) == 1:
        return f"{problems[0]} in {n_rows}.\n{way_out}"
    shown = [f"  {problem}" for problem in problems[:3]]
    more = [f"  and {len(problems) - 3:,} more"] if len(problems) > 3 else []
    return "\n".join([f"{len(problems):,} problems in {n_rows}:", *shown, *more, way_out])
