"""The serial pass: whether the residuals of rows that follow each other are alike."""

from __future__ import annotations

import logging
import time

from logreg_dist.checks.dependence import lag_one_correlation
from logreg_dist.checks.records import SerialDependence
from logreg_dist.fitting.diagnostics.fitted import FittedRows
from logreg_dist.fitting.diagnostics.serial_tasks import merge_runs, order_sample_task, serial_runs_task
from logreg_dist.fitting.sums import in_kernel_order
from logreg_dist.kernel.serial_runs import RangeSums, even_cuts, joined_ranges

log = logging.getLogger(__name__)

# Of a range's rows, 32 bytes each: some 64 MB.
RANGE_ROWS = 2_000_000
# Keys of rows that cuts are found from, for each range.
SAMPLED_KEYS = 50


def serial_dependence(rows: FittedRows) -> SerialDependence:
    """Return how alike the Pearson residuals of rows are that follow each other in ``checks.order``.

    A row of the table is one member of its series, whatever its frequency. Rows of equal order follow each other as the
    splits hold them. One pass with a shuffle, and one before it that looks at the order alone where there are more
    than `RANGE_ROWS` rows.

    Parameters
    ----------
    rows : FittedRows
        With an order; within its first cluster column where there is one.
    """
    config, passes = rows.config, rows.passes
    assert config.checks.order is not None
    clusters = config.inference.cluster or ()
    within = "cluster[0]" if clusters else None
    clock = time.perf_counter()
    n_rows = sum(split.n_rows for split in passes.staged.splits)
    n_ranges = max(1, -(-n_rows // RANGE_ROWS))
    cuts = []
    if n_ranges > 1:
        step = max(1, RANGE_ROWS // SAMPLED_KEYS)
        cuts = even_cuts(passes.staged.run_pass(order_sample_task(within=within, step=step)), n_ranges)
    task = serial_runs_task(
        passes.design,
        passes.layout,
        in_kernel_order(rows.beta, passes.positions),
        within=within,
        cuts=cuts,
    )
    ranges: list[RangeSums] = passes.staged.bucket_pass(task, merge_runs, n_buckets=len(cuts) + 1)
    pairs = joined_ranges(ranges)
    found = lag_one_correlation(pairs)
    log.info("pass %d: residuals in order (%.2f s)", passes.staged.n_passes, time.perf_counter() - clock)
    return SerialDependence(
        column=config.checks.order,
        within=clusters[0] if clusters else None,
        n_pairs=pairs.n,
        autocorrelation=found.autocorrelation,
        z=found.z,
        p_value=found.p_value,
    )
