"""What was read back is held against what was written, to rounding."""

from __future__ import annotations

import pytest

from logreg_dist.errors import OutputNotVerified
from logreg_dist.publishing.destination import Destination
from logreg_dist.publishing.totals import N_ROWS, ROWS_OF_DATE, SUM_OF, check_totals

PLACE = Destination(path="scored", format="parquet", run_date="2026-11-21")
NAME = f"{SUM_OF}probability_change"


def totals(total):
    return {N_ROWS: 1000, ROWS_OF_DATE: 1000, NAME: total}


@pytest.mark.parametrize(("written", "found"), [(2e-13, -1e-13), (500.0, 500.0 + 1e-7), (None, None)])
def test_sums_in_another_order_are_the_same_sums(written, found):
    check_totals(totals(found), totals(written), PLACE)


@pytest.mark.parametrize(("written", "found"), [(0.0, 1e-6), (500.0, 500.001), (0.5, None)])
def test_other_sums_are_an_error(written, found):
    with pytest.raises(OutputNotVerified, match="other sums are read back: probability_change"):
        check_totals(totals(found), totals(written), PLACE)
