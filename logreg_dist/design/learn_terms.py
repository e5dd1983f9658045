"""Learning what is derived: from quantiles and a survey of the rows to transforms and interactions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from logreg_dist.design.asked_terms import AskedDerived
from logreg_dist.design.derived import DerivedColumn, LevelPart, Part, Transform, all_cells
from logreg_dist.design.derived_survey import DerivedSurvey
from logreg_dist.design.knots import Quantile, bin_edges, bin_shares, spline_knots, spline_shares
from logreg_dist.design.problems import Problem, counted, quoted
from logreg_dist.design.spec import CategoricalColumn, DesignSpec, NumericColumn
from logreg_dist.formula import TermPart
from logreg_dist.staging.profile import TableProfile
from logreg_dist.staging.row_rules import MAX_MAGNITUDE

# Dense columns are worked out for every row of every pass; categories beside categories cost next to nothing.
MAX_DERIVED_COLUMNS = 1_000
MAX_CELLS = 1_000_000
# Share of a power that earlier ones leave unexplained, squared: below it there is nothing but rounding.
NOTHING_LEFT = 1e-10


def wanted_quantiles(asked: AskedDerived, n_obs: float) -> dict[str, set[float]]:
    """Return the shares of all knots and edges by column."""
    wanted: dict[str, set[float]] = {}
    for part in asked.parts:
        wanted.setdefault(part.column, set()).update(_shares(part, asked.min_count / n_obs))
    return {name: shares for name, shares in wanted.items() if shares}


def learn_parts(
    asked: AskedDerived,
    spec: DesignSpec,
    profile: TableProfile,
    quantiles: Mapping[str, Mapping[float, Quantile]],
) -> tuple[dict[TermPart, Part], list[Problem], list[str]]:
    """Return what every part is, but for the polynomials, which are powers up to twice their degree so far."""
    columns = spec.scalars
    minimum = dict(
        zip((column.name for column in spec.numeric), profile.numeric.minimum.tolist(), strict=True)
    )
    parts: dict[TermPart, Part] = {}
    problems: list[Problem] = []
    notes: list[str] = []
    for part in asked.parts:
        column = columns[part.column]
        if isinstance(column, CategoricalColumn):
            parts[part] = LevelPart(part.column, column.levels)
            continue
        shares = _shares(part, asked.min_count / profile.rows.n_obs)
        if shares and part.column not in quantiles:
            problems.append(_does_not_vary(part, "has no value at all"))
            continue
        found = _transform(part, column, quantiles.get(part.column, {}), shares, minimum[part.column])
        parts[part] = found
        if part.function in ("ns", "bs") and not found.boundary[0] < found.boundary[1]:
            problems.append(_does_not_vary(part, "does not vary enough for a spline"))
        elif part.function == "bins" and not found.knots:
            problems.append(_does_not_vary(part, "does not vary enough for two bins"))
        elif part.function == "poly" and not column.scale > 0:
            problems.append(_does_not_vary(part, "does not vary"))
        elif part.function in ("ns", "bs", "bins") and found.size < part.numbers[0]:
            what = "bins" if part.function == "bins" else "functions"
            notes.append(
                f"{part.text} has {found.size} {what} instead of {part.numbers[0]}: many rows of column "
                f"{quoted(part.column)} have one value, so that quantiles are equal"
            )
    return parts, problems, notes


def orthogonal_polynomials(
    powers: Mapping[TermPart, Transform], moments: Mapping[TermPart, NDArray[np.float64]]
) -> tuple[dict[TermPart, Transform], list[Problem]]:
    """Return polynomials of weighted mean 0, mean square 1 and no correlation, and those that cannot be made.

    Parameters
    ----------
    powers : mapping of TermPart to Transform
        As from `learn_parts`.
    moments : mapping of TermPart to ndarray (2 degree,)
        Weighted means of the powers of the standardised column, from the first.

    Notes
    -----
    Columns are those of R's ``poly`` times the root of the number of rows: the basis of a table does not
    change when each row is there twice. By Cholesky's decomposition of the powers' mean products.
    """
    found: dict[TermPart, Transform] = {}
    problems = []
    for part, transform in powers.items():
        degree = part.numbers[0]
        all_moments = np.concatenate([[1.0], moments[part]])
        products = all_moments[np.add.outer(np.arange(degree + 1), np.arange(degree + 1))]
        rows = _orthonormal_rows(products)
        if rows is None:
            what = f"has too few different values, or too extreme ones, for degree {degree}"
            problems.append(_does_not_vary(part, what))
            continue
        found[part] = replace(transform, rows=tuple(tuple(row) for row in rows[1:].tolist()))
    return found, problems


def derived_columns(
    asked: AskedDerived, spec: DesignSpec, parts: Mapping[TermPart, Part]
) -> tuple[list[DerivedColumn], list[Problem]]:
    """Return what is derived with every coefficient that it can have, before any row was counted.

    As in R: of a category the reference has no coefficient where the other part is a term itself, and
    every level has one where it is not (Chambers and Hastie 1992, Statistical Models in S, section 2.4).
    """
    own = spec.scalars
    singles = {terms[0].text for terms in asked.terms if len(terms) == 1}
    mains = singles | {TermPart("", name).text for name, column in own.items() if column.plain}
    needs_all = not spec.intercept and not any(column.plain for column in spec.categorical)
    found, problems = [], []
    for terms in asked.terms:
        pieces = tuple(parts[part] for part in terms)
        dropped: list[int | None] = []
        for k, piece in enumerate(pieces):
            has_margin = terms[1 - k].text in mains if len(pieces) == 2 else not needs_all
            dropped.append(_baseline(piece, own) if piece.is_levels and has_margin else None)
        if len(pieces) == 1 and pieces[0].is_levels:
            needs_all = False  # the levels of the first category stand for the intercept
        n = int(np.prod([piece.size - (one is not None) for piece, one in zip(pieces, dropped, strict=True)]))
        is_coded = all(piece.is_levels for piece in pieces)
        if n > (MAX_CELLS if is_coded else MAX_DERIVED_COLUMNS):
            problems.append(_too_many(terms, n, is_coded=is_coded))
            continue
        cells = tuple(
            cell for cell in all_cells(pieces) if all(k != one for k, one in zip(cell, dropped, strict=True))
        )
        moments = () if is_coded else (0.0,) * len(cells)
        found.append(DerivedColumn(pieces, cells, moments, tuple(1.0 for _ in moments)))
    n_dense = sum(len(column.cells) for column in found if not column.is_coded)
    if not problems and n_dense > MAX_DERIVED_COLUMNS:
        problems.append(_too_many((), n_dense, is_coded=False))
    return found, problems


def settle(
    asked: AskedDerived, spec: DesignSpec, survey: DerivedSurvey
) -> tuple[DesignSpec, list[Problem], list[str]]:
    """Return the design with centres and scales, and without the joint levels that are too rare.

    A combination of levels of fewer than `min_level_count` rows of the table has no coefficient: there only
    the terms of the two categories themselves apply. It is not named anywhere.
    """
    profile, counts = survey.numbers, iter(survey.rows)
    deviation, place = profile.deviation, 0
    columns, problems, notes = [], [], []
    for column in spec.derived:
        if not column.cells:
            notes.append(f"{column.text} has no term: a column of it has a single level")
        if not column.is_coded:
            where = slice(place, place + len(column.cells))
            place = where.stop
            largest = np.maximum(np.abs(profile.minimum[where]), np.abs(profile.maximum[where]))
            if not (largest <= MAX_MAGNITUDE).all():
                what = f"{column.text} has values beyond 1e100, whose products overflow"
                problems.append(Problem(what, "Rescale its columns, or remove the term."))
            columns.append(
                replace(
                    column,
                    centres=tuple(profile.mean[where].tolist()),
                    scales=tuple(deviation[where].tolist()),
                )
            )
            continue
        rows = next(counts)
        if len(column.parts) == 1:
            columns.append(column)
            continue
        least = max(asked.columns[name].policy.min_level_count for name in column.columns)
        kept = tuple(cell for cell, n in zip(column.cells, rows.tolist(), strict=True) if n >= least)
        n_rare = len(column.cells) - len(kept)
        if n_rare:
            notes.append(
                f"{column.text}: {n_rare:,} of {counted(len(column.cells), 'combination')} "
                f"{'has' if n_rare == 1 else 'have'} fewer than {least} rows ({counted(_in_rare(rows, least), 'row')} "
                f"in all) and no term of {'its' if n_rare == 1 else 'their'} own"
            )
        columns.append(replace(column, cells=kept))
    return replace(spec, derived=tuple(columns)), problems, notes


def replaced_notes(replaced: Mapping[str, str], spec: DesignSpec) -> list[str]:
    """Say which columns have no term of their own because a transform stands for them."""
    return [
        f"{quoted(name)} enters as {text} and not as it is; add {TermPart('', name).text} to features.terms to keep both"
        for name, text in replaced.items()
        if any(column.name == name and not column.plain for column in spec.columns)
    ]


def _shares(part: TermPart, tail: float) -> tuple[float, ...]:
    if part.function == "bins":
        return bin_shares(part.numbers[0])
    if part.function == "ns":
        return spline_shares(part.numbers[0] - 1, tail)
    if part.function == "bs":
        return spline_shares(part.numbers[0] - part.numbers[1], tail)
    return ()


def _transform(
    part: TermPart,
    column: NumericColumn,
    found: Mapping[float, Quantile],
    shares: Sequence[float],
    minimum: float,
) -> Transform:
    blank = Transform(part.text, part.column, part.function)
    if part.function == "bins":
        return replace(blank, knots=bin_edges(found, shares))
    if part.function in ("ns", "bs"):
        knots, boundary = spline_knots(found, shares, minimum)
        degree = part.numbers[1] if part.function == "bs" else 3
        return replace(blank, knots=knots, boundary=boundary, degree=degree)
    if part.function == "poly":
        degree = part.numbers[0]
        powers = np.eye(2 * degree + 1)[1:]
        rows = tuple(tuple(row) for row in powers.tolist())
        return replace(blank, degree=degree, centre=column.centre, scale=column.scale or 1.0, rows=rows)
    return blank


def _orthonormal_rows(products: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the coefficients of orthonormal polynomials from the powers' mean products; None where there are none."""
    if not np.isfinite(products).all():
        return None
    size = np.sqrt(np.diag(products))
    if not (size > 0).all():
        return None
    try:
        lower = np.linalg.cholesky(products / np.outer(size, size))
    except np.linalg.LinAlgError:
        return None
    if (np.diag(lower) ** 2 < NOTHING_LEFT).any():
        return None
    rows: NDArray[np.float64] = np.linalg.inv(lower) / size
    return rows


def _baseline(part: Part, own: Mapping[str, NumericColumn | CategoricalColumn]) -> int:
    """Return the level without a coefficient: the column's reference, of bins the first one."""
    column = own[part.column]
    if isinstance(part, LevelPart) and isinstance(column, CategoricalColumn) and column.reference is not None:
        return part.levels.index(column.reference)
    return 0


def _in_rare(rows: NDArray[np.float64], least: int) -> int:
    return int(rows[rows < least].sum())


def _too_many(terms: Collection[TermPart], n: int, *, is_coded: bool) -> Problem:
    text = ":".join(part.text for part in terms) or "features.terms"
    limit = MAX_CELLS if is_coded else MAX_DERIVED_COLUMNS
    return Problem(
        f"{text} would be {n:,} columns, more than {limit:,}",
        "Raise min_level_count so that rare levels merge, or remove the term.",
    )


def _does_not_vary(part: TermPart, what: str) -> Problem:
    return Problem(
        f"{part.text}: column {quoted(part.column)} {what}", "Use the column as it is, or remove the term."
    )
