"""What the pass for linearity and fit looks at: the columns, their bins and the groups of risk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from logreg_dist.checks.added_columns import Added, AddedColumn
from logreg_dist.checks.row_sums import BinnedColumn, RowPlan
from logreg_dist.design.knots import Quantile
from logreg_dist.design.problems import first_few
from logreg_dist.design.spec import DesignSpec, NumericColumn
from logreg_dist.fitting.diagnostics.fitted import FittedRows
from logreg_dist.fitting.start import sample_blocks
from logreg_dist.fitting.sums import in_kernel_order
from logreg_dist.fitting.tasks import FirstLook, SampleRows, first_look_task
from logreg_dist.kernel.block import Block
from logreg_dist.kernel.evaluate import linear_predictor

FloatArray = NDArray[np.float64]

MAX_BINS = 10
N_GROUPS = 10
# Elements of longer vectors are no columns that somebody would transform one by one.
MAX_ELEMENTS = 50
MAX_NAMED = 10
# Of the mean: what centring leaves of smaller values has too few digits for a logarithm.
_LEAST_FOR_LOG = 1e-12
# A mean above it, and centring leaves of 0 what is not near 0.
_MOST_FOR_LOG1P = 1e9
# Of a share of the weight: sums of weights are rounded.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class LookedAt:
    """A numeric column that is looked at.

    Attributes
    ----------
    column : NumericColumn
    position : int
        Of its term.
    is_positive : bool
        Whether all its values are above 0, those that stand in for missing ones too.
    binned : BinnedColumn
    """

    column: NumericColumn
    position: int
    is_positive: bool
    binned: BinnedColumn


def numeric_columns(rows: FittedRows) -> tuple[list[tuple[NumericColumn, int]], list[str]]:
    """Return the numeric columns that have an estimate of their own with the place of their term, and what is left out.

    Left out with a sentence are columns that only transforms and interactions are made of, and elements of vectors
    of more than `MAX_ELEMENTS`.
    """
    place = {name: k for k, name in enumerate(rows.names)}
    found, only_inside, long = [], [], {}
    for column in rows.passes.spec.numeric:
        if not column.plain:
            only_inside.append(column.name)
        elif column.vector is not None and column.size > MAX_ELEMENTS:
            long[column.vector] = column.size
        elif rows.estimable[place[column.name]]:
            found.append((column, place[column.name]))
    notes = []
    if only_inside:
        names = first_few(only_inside, MAX_NAMED)
        notes.append(
            f"linearity was not looked into for columns that only features.terms are made of: {names}"
        )
    if long:
        names = first_few([f"{name} ({size:,})" for name, size in long.items()], MAX_NAMED)
        notes.append(
            f"linearity was not looked into for vectors of more than {MAX_ELEMENTS} numbers: {names}"
        )
    return found, notes


def samples_of(rows: FittedRows) -> tuple[SampleRows, ...]:
    """Return the samples that the fit started from; where it had none they are read, in a pass."""
    if rows.samples:
        return rows.samples
    # Unweighted by label until events are told from others, as they were drawn.
    layout = replace(rows.passes.layout, label_weights=None)
    task = first_look_task(layout, sample_rows=rows.passes.staged.sample_share)
    looks: list[FirstLook] = rows.passes.staged.glance(task)
    samples = tuple(look.sample for look in looks if look.sample is not None)
    weights = rows.passes.layout.label_weights
    return samples if weights is None else tuple(sample.weighted_by(weights) for sample in samples)


def look_at(
    rows: FittedRows, columns: Sequence[tuple[NumericColumn, int]], samples: Sequence[SampleRows]
) -> list[LookedAt]:
    """Return the columns with at least three values in the sample, with the edges of their bins."""
    spec, profile = rows.passes.spec, rows.profile.numeric
    of_profile = {column.name: k for k, column in enumerate(spec.numeric)}
    without = replace(spec, columns=tuple(spec.scalars.values()), derived=())
    dense_rows = [int(rows.passes.positions[position]) for _, position in columns]
    parts, weights = [], []
    for block in _blocks(samples, without):
        parts.append(block.dense[dense_rows])
        weights.append(np.ones(block.n_rows) if block.weight is None else block.weight)
    if not parts or not columns:
        return []
    values, weight = np.hstack(parts), np.concatenate(weights)
    found = []
    for (column, position), row, x in zip(columns, dense_rows, values, strict=True):
        centred = column.centre if spec.intercept else 0.0
        if column.scale <= 0.0 or len(np.unique(x)) < 3:
            continue
        k = of_profile[column.name]
        least = float(profile.minimum[k])
        if column.fill is not None and profile.n_missing[k] > 0:
            least = min(least, column.fill)
        edges = tuple(_short_edges(x + centred, weight, MAX_BINS))
        found.append(
            LookedAt(
                column,
                position,
                least > 0.0,
                BinnedColumn(row, centred, edges, _logarithm(least, column.centre)),
            )
        )
    return found


def added_columns(columns: Sequence[LookedAt]) -> tuple[AddedColumn, ...]:
    """Return what the score test of each column adds: ``x log x`` where that is defined, or else the square.

    Box and Tidwell (1962), Technometrics 4(4), for the first.
    """
    return tuple(
        AddedColumn(
            one.binned.row,
            Added.X_LOG_X if one.is_positive else Added.SQUARE,
            # The square of a model without intercept is that of the column itself: nothing is subtracted.
            shift=one.column.centre if one.is_positive or one.binned.centred else 0.0,
            scale=one.column.scale,
            centred=one.binned.centred,
        )
        for one in columns
    )


def row_plan(
    rows: FittedRows, columns: Sequence[LookedAt], samples: Sequence[SampleRows], *, with_tests: bool
) -> RowPlan:
    """Return what the pass sums; the link's column is added last, after those of `columns`."""
    spec, layout = rows.passes.spec, rows.passes.layout
    beta = in_kernel_order(rows.beta, rows.passes.positions)
    eta, offset, weight = np.zeros(0), np.zeros(0), np.zeros(0)
    if not spec.sparse:  # of whose columns a sample has nothing
        blocks = list(_blocks(samples, spec))
        eta = np.concatenate([eta, *(linear_predictor(beta, block, spec.shape()) for block in blocks)])
        offset = np.concatenate(
            [offset, *(np.zeros(b.n_rows) if b.offset is None else b.offset for b in blocks)]
        )
        weight = np.concatenate(
            [weight, *(np.ones(b.n_rows) if b.weight is None else b.weight for b in blocks)]
        )
    own = eta - offset  # the recalibration leaves the offset as it is
    centre = float(np.average(own, weights=weight)) if len(own) else 0.0
    scale = float(own.std()) if len(own) else 1.0
    scale = scale if scale > 0 else 1.0
    # The linear predictor itself may be subtracted from its square where the terms make it up: without an offset.
    shift = centre if spec.intercept and not layout.has_offset else 0.0
    link = AddedColumn(None, Added.SQUARE, shift=shift, scale=scale)
    return RowPlan(
        added=(*added_columns(columns), link) if with_tests else (),
        columns=tuple(one.binned for one in columns),
        group_edges=tuple(quantile.between for quantile in quantile_gaps(eta, weight, N_GROUPS)),
        eta_centre=centre,
        eta_scale=scale,
    )


def _logarithm(least: float, mean: float) -> str:
    """Return the logarithm that all values from `least` have."""
    if least > 0.0 and least > _LEAST_FOR_LOG * mean:
        return "log"
    return "log1p" if least >= 0.0 and mean < _MOST_FOR_LOG1P else ""


def _short_edges(values: FloatArray, weight: FloatArray, n_bins: int) -> list[float]:
    return sorted({quantile.short for quantile in quantile_gaps(values, weight, n_bins)})


def quantile_gaps(values: FloatArray, weight: FloatArray, n: int) -> Iterator[Quantile]:
    """Yield what lies between n bins of about equal weight, or between all values where there are not more.

    A bin ends with the first value that its share of the weight is reached at; equal values are never parted.

    Parameters
    ----------
    values, weight : ndarray (m,)
    n : int

    Examples
    --------
    >>> [gap.between for gap in quantile_gaps(np.arange(8.0), np.ones(8), 4)]
    [1.5, 3.5, 5.5]
    """
    distinct, code = np.unique(values, return_inverse=True)
    if len(distinct) < 2:
        return
    if len(distinct) <= n:
        ends = np.arange(len(distinct) - 1)
    else:
        reached = np.cumsum(np.bincount(code, weight))
        ends = np.unique(np.searchsorted(reached, np.arange(1, n) * reached[-1] / n * (1.0 - _ROUNDING)))
    for end in ends[ends < len(distinct) - 1].tolist():
        value, above = float(distinct[end]), float(distinct[end + 1])
        yield Quantile(value, above, value)


def _blocks(samples: Sequence[SampleRows], spec: DesignSpec) -> Iterator[Block]:
    for sample in samples:
        yield from sample_blocks(sample, spec)
