"""The cases: what each table looks like and what it shows."""

from __future__ import annotations

from dataclasses import dataclass, replace

# A table made small with --rows keeps a model whose estimates exist: fewer levels, columns and
# rarer events than these would separate the classes.
ROWS_PER_COLUMN = 50
ROWS_PER_LEVEL = 250
EVENTS_PER_TERM = 12
MAX_EVENT_RATE = 0.3


@dataclass(frozen=True)
class Case:
    """A generated table and the model to be fitted to it.

    Attributes
    ----------
    id : str
    rows : int
    shows : str
        Why the case is there.
    n_dense : int
        Standard normal columns ``x1, x2, ...``.
    levels : tuple of int
        Levels of each categorical column ``c1, c2, ...``: strings, Zipf frequencies.
    correlation : float
        Between neighbouring dense columns (Toeplitz: `correlation` to the power of the distance).
    event_rate : float
        Share of events that the intercept is chosen for; of no use with more than two classes.
    prior_precision : float
        Ridge, ``sum(weight) * l2``; 0 for maximum likelihood.
    has_weight, has_offset : bool
        Columns ``weight`` and ``offset``.
    is_sorted : bool
        A column ``time`` orders the files, and drives means and coefficients; it is no feature.
    classes : int
        2, or more for a multinomial model.
    is_scoring : bool
        A table to be scored, with a key ``id``.
    """

    id: str
    rows: int
    shows: str
    n_dense: int = 0
    levels: tuple[int, ...] = ()
    correlation: float = 0.0
    event_rate: float = 0.3
    prior_precision: float = 0.0
    has_weight: bool = False
    has_offset: bool = False
    is_sorted: bool = False
    classes: int = 2
    is_scoring: bool = False

    @property
    def dense_columns(self) -> list[str]:
        """Names of the dense columns."""
        return [f"x{j + 1}" for j in range(self.n_dense)]

    @property
    def categorical_columns(self) -> list[str]:
        """Names of the categorical columns."""
        return [f"c{j + 1}" for j in range(len(self.levels))]

    @property
    def features(self) -> list[str]:
        """Names of all feature columns."""
        return self.dense_columns + self.categorical_columns

    @property
    def n_terms(self) -> int:
        """Coefficients of one class, the intercept included and reference levels left out."""
        return 1 + self.n_dense + sum(self.levels) - len(self.levels)

    @property
    def l2(self) -> float:
        """Ridge on the mean loss; every case with a weight column is unpenalised."""
        return self.prior_precision / self.rows

    def at(self, rows: int | None) -> Case:
        """Return the case with another number of rows, its sizes reduced where they would be too large.

        Examples
        --------
        >>> CASES["CRM"].at(None).n_terms, CASES["CRM"].at(2000).levels[-1]
        (2147, 8)
        """
        if rows is None or rows == self.rows:
            return self
        levels = tuple(min(count, max(2, rows // ROWS_PER_LEVEL)) for count in self.levels)
        n_dense = min(self.n_dense, rows // ROWS_PER_COLUMN)
        smaller = replace(self, rows=rows, levels=levels, n_dense=n_dense)
        enough = min(MAX_EVENT_RATE, EVENTS_PER_TERM * smaller.n_terms / rows)
        return replace(smaller, event_rate=max(self.event_rate, enough))


# 2,156 levels in all, from 2 to 1,000.
_CRM_LEVELS = (2, 2, 2, 2, 3, 3, 4, 5, 6, 8, 10, 12, 20, 27, 50, 100, 150, 250, 500, 1000)
# 26 columns hashed into 100,000 buckets, a range of buckets for each.
_TEXT_LEVELS = (3846,) * 25 + (3850,)

_ALL = (
    Case("D30", 5_000_000, "passes and ingest", n_dense=30),
    Case("D200", 1_000_000, "BLAS", n_dense=200),
    Case(
        "D100c",
        2_000_000,
        "ill-conditioned: Newton against L-BFGS",
        n_dense=100,
        correlation=0.9,
        event_rate=0.05,
    ),
    Case("D1000", 200_000, "compute bound", n_dense=1000),
    Case("CRM", 5_000_000, "the main use: categories", n_dense=10, levels=_CRM_LEVELS, event_rate=0.1),
    Case(
        "AIR",
        10_000_000,
        "the published airline case",
        n_dense=2,
        levels=(12, 31, 7, 22, 300, 300),
        event_rate=0.2,
    ),
    Case(
        "INS",
        600_000,
        "insurance: weights and an offset",
        n_dense=1,
        levels=(5, 6, 10, 11, 20, 40, 80, 150),
        event_rate=0.1,
        has_weight=True,
        has_offset=True,
    ),
    Case(
        "BIGC",
        5_000_000,
        "one huge category, ridge",
        n_dense=10,
        levels=(20_000, 50, 50),
        prior_precision=1.0,
    ),
    Case("RARE", 5_000_000, "rare events", n_dense=30, levels=(30, 30, 30), event_rate=0.001),
    Case("SORT", 5_000_000, "files sorted by time, with drift", n_dense=30, is_sorted=True),
    Case("DUP", 50_000_000, "row collapse", levels=(5, 6, 7, 8, 9, 12), event_rate=0.2),
    Case(
        "TEXT",
        1_000_000,
        "large, sparse: 26 columns hashed to 100,000 buckets, ridge",
        n_dense=13,
        levels=_TEXT_LEVELS,
        prior_precision=1.0,
    ),
    Case("MN5", 500_000, "multinomial, 5 classes", n_dense=50, classes=5),
    Case("MN20", 500_000, "multinomial, 20 classes", n_dense=50, classes=20),
    Case("tiny", 10_000, "fixed overhead; Spark is not the tool here", n_dense=10),
    Case("S30", 20_000_000, "scoring, 30 columns", n_dense=30, is_scoring=True),
    Case("S200", 5_000_000, "scoring, 200 columns", n_dense=200, is_scoring=True),
    Case("S500", 2_000_000, "scoring, 500 columns", n_dense=500, is_scoring=True),
    Case("SCRM", 20_000_000, "scoring, categories", n_dense=10, levels=_CRM_LEVELS, is_scoring=True),
)
CASES = {case.id: case for case in _ALL}
FIT_CASES = [case.id for case in _ALL if not case.is_scoring]
SCORE_CASES = [case.id for case in _ALL if case.is_scoring]
