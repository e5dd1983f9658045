"""What makes columns of vectors and of texts unusable, told by column and not number by number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from logreg_dist.design.asked import AskedColumn
from logreg_dist.design.problems import Problem, config_key, counted, quoted
from logreg_dist.staging.plan import Kind
from logreg_dist.staging.profile import TableProfile
from logreg_dist.staging.sparse_survey import SparseProfile


def vector_problems(profile: TableProfile, asked: Sequence[AskedColumn]) -> list[Problem]:
    """Return the problems of vectors and texts; an empty list when all can be used."""
    sparse = [column for column in asked if column.kind is Kind.SPARSE]
    return [
        *_dense_problems(profile, asked),
        *(
            problem
            for column, found in zip(sparse, profile.sparse, strict=True)
            for problem in _sparse_problems(column, found, profile.rows.n_read)
        ),
    ]


def _dense_problems(profile: TableProfile, asked: Sequence[AskedColumn]) -> list[Problem]:
    problems = []
    numeric = [column for column in asked if column.kind is Kind.NUMERIC]
    firsts = [k for k, column in enumerate(numeric) if column.vector is not None and column.element == 0]
    n_rows = counted(profile.rows.n_read, "row")
    for first in firsts:
        column = numeric[first]
        name = str(column.vector)
        unlike = profile.problems.get(f"unlike.{column.name}", 0)
        if unlike:
            problems.append(_unlike(name, unlike, column.size, n_rows))
            continue
        n_missing = profile.numeric.n_missing[first : first + column.size]
        if column.policy.missing.kind == "error" and n_missing.any():
            problems.append(_missing(name, int(n_missing.max()), n_rows, _places(n_missing)))
        n_infinite = profile.numeric.n_infinite[first : first + column.size]
        if n_infinite.any():
            problems.append(_not_finite(name, int(n_infinite.sum()), n_rows))
    return problems


def _sparse_problems(column: AskedColumn, found: SparseProfile, n_read: int) -> list[Problem]:
    assert column.sparse is not None
    n_rows, problems = counted(n_read, "row"), []
    if found.n_unlike:
        problems.append(_unlike(column.name, found.n_unlike, column.sparse.size, n_rows))
    if found.n_missing and column.policy.missing.kind == "error":
        is_vector = column.sparse.rule.value == "vector"
        problems.append(_missing(column.name, found.n_missing, n_rows, "", is_text=not is_vector))
    if found.n_not_finite:
        problems.append(_not_finite(column.name, found.n_not_finite, n_rows))
    if found.n_too_large:
        n_values = counted(found.n_too_large, "value")
        what = f"column {quoted(column.name)} holds {n_values} beyond 1e100, whose products overflow"
        problems.append(Problem(what, "Mend or rescale it, or exclude it with features.exclude."))
    if found.overflowed:
        problems.append(
            Problem(
                f"text column {quoted(column.name)} has more than {counted(len(found.words), 'different word')}",
                f"Set features.columns.{config_key(column.name)}.buckets, such as 262144: hashed words need no list.",
            )
        )
    return problems


def _unlike(name: str, n: int, size: int, n_rows: str) -> Problem:
    return Problem(
        f"column {quoted(name)} has {counted(n, 'vector')} in {n_rows} that {'is' if n == 1 else 'are'} not of the "
        f"length {size:,} of the first one, or cannot be read",
        "All vectors of a column need one length. Mend them, leave such rows out with input.filter, or exclude the\n"
        "column with features.exclude.",
    )


def _missing(name: str, n: int, n_rows: str, where: str, *, is_text: bool = False) -> Problem:
    or_text = 'or constant("") (no words), ' if is_text else ""
    return Problem(
        f"column {quoted(name)} has {counted(n, 'row')} of {n_rows} with missing values{where}",
        f"Set features.columns.{config_key(name)}.missing to drop, {or_text}or mend them in a view.",
    )


def _places(n_missing: np.ndarray) -> str:
    places = np.flatnonzero(n_missing)
    if len(places) == len(n_missing):
        return ""
    return f" at {counted(len(places), 'place')}, first at [{int(places[0])}]"


def _not_finite(name: str, n: int, n_rows: str) -> Problem:
    return Problem(
        f"column {quoted(name)} has {counted(n, 'number')} in its vectors that {'is' if n == 1 else 'are'} not "
        f"finite, in {n_rows}",
        "Models need finite numbers. Mend them, or leave such rows out with input.filter.",
    )
