"""What checks cost: the options against the configuration, the keyed table, and the rows of the report."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks.checks_cost import (
    ALONE,
    HEADER,
    OPTIONS,
    OptionCost,
    keyed_table,
    measure_options,
    option_rows,
)
from benchmarks.peers.ours import train_settings
from logreg_dist import TrainConfig


@pytest.mark.parametrize("name", OPTIONS)
def test_the_configuration_knows_every_option(small, name):
    settings = train_settings(small("tiny")) | {key: dict(value) for key, value in OPTIONS[name].items()}
    TrainConfig(**settings)


def test_a_keyed_table_has_the_same_rows_with_their_numbers_and_clusters(small):
    table = small("tiny")
    keyed = keyed_table(table)
    plain, found = pq.read_table(table.path), pq.read_table(keyed.path)
    assert found.drop_columns(["row", "cluster"]).equals(plain.cast(found.schema.remove(12).remove(11)))
    np.testing.assert_array_equal(found["row"].to_numpy(), np.arange(plain.num_rows))
    assert len(set(found["cluster"].to_pylist())) > plain.num_rows / 100
    before = keyed.files[0].stat().st_mtime_ns
    assert keyed_table(table).files[0].stat().st_mtime_ns == before


def test_costs_are_differences_to_the_fit_alone():
    alone = OptionCost(ALONE, (2.0, 1.0, 4.0), 4, ("deviance 1 (0.5 s)",))
    hc0 = OptionCost("hc0", (2.5,), 5, ("deviance 1 (0.4 s)", "squared scores (0.30 s)"))
    unknown, refused = OptionCost("hc3", (2.0,), 4), OptionCost("cluster", refused="no such thing")
    rows = [dict(zip(HEADER, row, strict=True)) for row in option_rows([alone, hc0, unknown, refused])]
    assert [row["beside the fit, s"] for row in rows] == ["", "+0.50", "+0.00", ""]
    assert (rows[1]["its passes, s"], rows[1]["which"]) == ("0.30", "squared scores (0.30 s)")
    assert rows[2]["note"] == "no pass of its own: not in this version"
    assert rows[3]["note"] == "refused: no such thing"


@pytest.mark.spark
def test_fits_are_timed_and_their_passes_counted(spark, small):
    found = measure_options(spark, keyed_table(small("tiny")), names=[ALONE], repeat=1)
    assert [option.name for option in found] == [ALONE]
    assert len(found[0].seconds) == 1
    assert found[0].passes == len(found[0].lines)
