"""Whether there are enough rows of each label: events per parameter, and levels that hardly have any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from logreg_dist.checks.records import Cell, SampleSize

FEW = 5
N_NAMED = 20

# Of a category its levels, each with its observations and how many of them have label 1.
Counts = Mapping[str, tuple[float, float]]


def sample_size(
    n_parameters: int, n_rarer: float, *, categories: Mapping[str, Counts] | None, min_level_count: int
) -> SampleSize:
    """Return events per parameter, and the cells of level and label that are empty or tiny.

    Parameters
    ----------
    n_parameters : int
        Estimated terms without the intercept; of the class that has the most, where there are several.
    n_rarer : float
        Observations of the rarer label, or of the rarest class.
    categories : mapping of str to mapping, or None
        Of each categorical column the levels of the design; None where levels are not counted by label.
    min_level_count : int
        Levels with fewer observations are counted, but never named.

    Notes
    -----
    Peduzzi et al. (1996), J. Clin. Epidemiol. 49, 1373-1379, ask for 10 events per parameter; Vittinghoff and
    McCulloch (2007), Am. J. Epidemiol. 165(6), 710-718, find 5 to 9 often enough. With several classes the rarest one
    counts (de Jong et al. 2019, Statist. Med. 38, 1601-1619).

    Examples
    --------
    >>> levels = {"a": (900.0, 40.0), "b": (50.0, 3.0), "c": (50.0, 0.0), "d": (3.0, 0.0)}
    >>> found = sample_size(4, 43.0, categories={"plan": levels}, min_level_count=20)
    >>> found.events_per_parameter, [cell.level for cell in found.tiny_cells]
    (10.75, ['b'])
    >>> [cell.level for cell in found.empty_cells], found.n_empty_cells
    (['c'], 2)
    """
    cells = [
        Cell(column, level, n, events)
        for column, levels in (categories or {}).items()
        for level, (n, events) in levels.items()
        if n > 0
    ]
    empty = [cell for cell in cells if _fewest(cell) == 0]
    tiny = [cell for cell in cells if 0 < _fewest(cell) < FEW]
    return SampleSize(
        n_parameters=n_parameters,
        n_rarer=n_rarer,
        events_per_parameter=n_rarer / n_parameters if n_parameters else None,
        empty_cells=_named(empty, min_level_count),
        tiny_cells=_named(tiny, min_level_count),
        n_empty_cells=None if categories is None else len(empty),
        n_tiny_cells=None if categories is None else len(tiny),
    )


def _fewest(cell: Cell) -> float:
    return min(cell.events, cell.n - cell.events)


def _named(cells: Sequence[Cell], min_level_count: int) -> tuple[Cell, ...]:
    frequent = [cell for cell in cells if cell.n >= min_level_count]
    return tuple(sorted(frequent, key=lambda cell: -cell.n)[:N_NAMED])
