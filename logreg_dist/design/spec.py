"""The design specification: what each column means, at the fit and at scoring alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from logreg_dist.design.derived import DerivedColumn
from logreg_dist.design.sparse_column import MAX_DENSE, SparseColumn
from logreg_dist.kernel.block import BlockShape

OTHER = "__other__"  # the level that rare levels merge into
MISSING = "__missing__"  # the level of rows without a value, under the policy `level`
INTERCEPT = "intercept"


@dataclass(frozen=True)
class NumericColumn:
    """A column that enters the design as a number.

    Attributes
    ----------
    name, source_type : str
        The column's name and the Spark type it was learned from.
    missing : str
        The policy as configured: ``error``, ``mean``, ``constant(0)``, ...
    unseen : str
        Unused for numbers; kept so that the model file says what was configured.
    fill : float or None
        What stands in for a missing value, units of the column; None under ``error`` and ``drop``.
    indicator : bool
        Whether a 0/1 column says where values were missing.
    centre, scale : float
        Weighted mean and standard deviation, units of the column. The centre is subtracted inside
        the kernel; it changes no result, only its digits.
    plain : bool
        False where the column itself has no term: only transforms and interactions are made of it.
    vector : str or None
        The column of vectors that it is a number of; `name` is then ``vector[element]``.
    element, size : int
        Its place in these vectors, and their length.
    """

    name: str
    source_type: str
    missing: str
    unseen: str
    fill: float | None
    indicator: bool
    centre: float
    scale: float
    plain: bool = True
    vector: str | None = None
    element: int = 0
    size: int = 1


@dataclass(frozen=True)
class CategoricalColumn:
    """A column that enters the design by its levels.

    Attributes
    ----------
    name, source_type : str
    missing, unseen : str
        The policies as configured.
    levels : tuple of str
        All levels, the reference included, in sorted order, `OTHER` and `MISSING` last.
    reference : str or None
        The level without a coefficient; None in a model without intercept, for the column that
        takes the intercept's place.
    missing_level : str or None
        The level that rows without a value get; None under ``error`` and ``drop``.
    plain : bool
        False where the column itself has no terms.
    """

    name: str
    source_type: str
    missing: str
    unseen: str
    levels: tuple[str, ...]
    reference: str | None
    missing_level: str | None
    plain: bool = True

    @property
    def coefficient_levels(self) -> tuple[str, ...]:
        """The levels that have a coefficient, in order."""
        return tuple(level for level in self.levels if level != self.reference)

    @property
    def has_other(self) -> bool:
        """Whether rare levels were merged."""
        return OTHER in self.levels


@dataclass(frozen=True)
class Term:
    """A coefficient's place in the model: ``column``, ``column[level]`` or ``intercept``.

    Of a derived column `column` is its text, such as ``ns(age, 4)``.
    """

    name: str
    column: str | None
    level: str | None


@dataclass(frozen=True)
class DesignSpec:
    """The columns of a model in order, whether there is an intercept, and what is derived from the columns.

    Examples
    --------
    >>> age = NumericColumn("age", "int", "indicator", "error", 40.0, True, 40.0, 9.0)
    >>> plan = CategoricalColumn("plan", "string", "error", "error", ("a", "b"), "a", None)
    >>> spec = DesignSpec(columns=(plan, age), intercept=True)
    >>> [term.name for term in spec.terms()]
    ['intercept', 'plan[b]', 'age', 'age[missing]']
    >>> spec.shape()
    BlockShape(n_dense=3, widths=(1,))
    >>> spec.kernel_positions().tolist()  # intercept, age and age[missing] are dense
    [0, 3, 1, 2]
    """

    columns: tuple[NumericColumn | CategoricalColumn | SparseColumn, ...]
    intercept: bool
    derived: tuple[DerivedColumn, ...] = ()

    @property
    def numeric(self) -> tuple[NumericColumn, ...]:
        """The numeric columns in order, with or without a term."""
        return tuple(column for column in self.columns if isinstance(column, NumericColumn))

    @property
    def categorical(self) -> tuple[CategoricalColumn, ...]:
        """The categorical columns in order, with or without terms."""
        return tuple(column for column in self.columns if isinstance(column, CategoricalColumn))

    @property
    def scalars(self) -> dict[str, NumericColumn | CategoricalColumn]:
        """The columns with one value in each row by name: all but the sparse ones."""
        return {column.name: column for column in self.columns if not isinstance(column, SparseColumn)}

    @property
    def sparse(self) -> tuple[SparseColumn, ...]:
        """The sparse columns in order."""
        return tuple(column for column in self.columns if isinstance(column, SparseColumn))

    @property
    def sparse_is_dense(self) -> bool:
        """Whether the sparse columns are so few that blocks hold them as dense ones."""
        return sum(column.size for column in self.sparse) <= MAX_DENSE

    @property
    def dense_derived(self) -> tuple[DerivedColumn, ...]:
        """What is derived and a number in each row."""
        return tuple(column for column in self.derived if not column.is_coded)

    @property
    def coded_derived(self) -> tuple[DerivedColumn, ...]:
        """What is derived and a level in each row."""
        return tuple(column for column in self.derived if column.is_coded)

    @property
    def centres(self) -> NDArray[np.float64]:
        """What the kernel subtracts from the numeric columns, shape (n_numeric,)."""
        return np.array([column.centre if self.intercept else 0.0 for column in self.numeric])

    @property
    def derived_centres(self) -> NDArray[np.float64]:
        """What the kernel subtracts from the dense derived columns, one for each of their coefficients."""
        centres = [centre for column in self.dense_derived for centre in column.centres]
        return np.array(centres) if self.intercept else np.zeros(len(centres))

    def moments(self) -> dict[str, tuple[float, float]]:
        """Return mean and standard deviation of every term that is a number, by name."""
        found = {column.name: (column.centre, column.scale) for column in self.numeric if column.plain}
        for derived in self.dense_derived:
            found |= dict(
                zip(derived.labels(), zip(derived.centres, derived.scales, strict=True), strict=True)
            )
        return found

    def shape(self) -> BlockShape:
        """Return the sizes of the kernel's blocks."""
        n_numbers = sum(column.plain + column.indicator for column in self.numeric)
        sparse = tuple(column.size for column in self.sparse)
        n_dense_sparse = sum(sparse) if self.sparse_is_dense else 0
        n_derived = sum(len(column.cells) for column in self.dense_derived)
        return BlockShape(
            n_dense=self.intercept + n_numbers + n_dense_sparse + n_derived,
            widths=(
                *(len(column.coefficient_levels) for column in self.categorical if column.plain),
                *(len(column.cells) for column in self.coded_derived),
            ),
            sparse=() if self.sparse_is_dense else sparse,
        )

    def terms(self) -> list[Term]:
        """Return the terms in the order of the columns, the intercept first and what is derived last."""
        return list(self._terms)

    @cached_property
    def _terms(self) -> list[Term]:
        # Kept because a million of them take seconds, and a fit asks a dozen times.
        terms = [Term(INTERCEPT, None, None)] if self.intercept else []
        terms += [term for column in self.columns for term in _terms_of(column)]
        for derived in self.derived:
            labels = zip(derived.labels(), derived.levels(), strict=True)
            terms += [Term(label, derived.text, level) for label, level in labels]
        return terms

    def term_columns(self) -> list[tuple[str, ...]]:
        """Return for each term the columns of the table that it is made of, none for the intercept."""
        found: list[tuple[str, ...]] = [()] if self.intercept else []
        for column in self.columns:
            if isinstance(column, SparseColumn):
                found += [(column.name,)] * column.size
            else:
                found += [(table_column(column),)] * len(_terms_of(column))
        return found + [derived.columns for derived in self.derived for _ in derived.cells]

    def __getstate__(self) -> dict[str, object]:
        # What travels to the executors.
        return {"columns": self.columns, "intercept": self.intercept, "derived": self.derived}

    def kernel_positions(self) -> NDArray[np.intp]:
        """Return each term's position in the kernel's ``beta``, shape (p,).

        The kernel keeps dense columns first: the intercept, the numbers, the indicators, the sparse columns
        where they are few, the derived numbers; then the levels of each categorical column, and those of
        derived ones; then the sparse columns where they are many.
        """
        positions = {INTERCEPT: 0} if self.intercept else {}
        for name in self._kernel_names():
            positions.setdefault(name, len(positions))
        return np.array([positions[term.name] for term in self.terms()], dtype=np.intp)

    def _kernel_names(self) -> Iterator[str]:
        for column in self.numeric:
            if column.plain:
                yield column.name
        for column in self.numeric:
            if column.indicator:
                yield _level_name(column.name, "missing")
        if self.sparse_is_dense:
            yield from self._sparse_names()
        for derived in self.dense_derived:
            yield from derived.labels()
        for categorical in self.categorical:
            if categorical.plain:
                yield from (_level_name(categorical.name, level) for level in categorical.coefficient_levels)
        for derived in self.coded_derived:
            yield from derived.labels()
        if not self.sparse_is_dense:
            yield from self._sparse_names()

    def _sparse_names(self) -> Iterator[str]:
        for column in self.sparse:
            yield from (_level_name(column.name, label) for label in column.labels())


def _terms_of(column: NumericColumn | CategoricalColumn | SparseColumn) -> list[Term]:
    if isinstance(column, SparseColumn):
        return [Term(_level_name(column.name, label), column.name, label) for label in column.labels()]
    if isinstance(column, CategoricalColumn):
        levels = column.coefficient_levels if column.plain else ()
        return [Term(_level_name(column.name, level), column.name, level) for level in levels]
    if column.vector is not None:
        return [Term(column.name, column.vector, str(column.element))]
    terms = [Term(column.name, column.name, None)] if column.plain else []
    if column.indicator:
        terms.append(Term(_level_name(column.name, "missing"), column.name, "missing"))
    return terms


def table_column(column: NumericColumn | CategoricalColumn | SparseColumn) -> str:
    """Return the column of the table that a column of the design is of: of a number in a vector the vector."""
    return column.vector if isinstance(column, NumericColumn) and column.vector is not None else column.name


def _level_name(column: str, level: str) -> str:
    return f"{column}[{level}]"
