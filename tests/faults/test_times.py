"""Dates and times as features: the fit and the scores count the same days."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import functions as F

from logreg_dist import fit
from tests.faults.tables import config, good_rows

pytestmark = pytest.mark.spark

# One rounding of each product and sum; the intercept and the slope times 20,000 days nearly cancel.
SCORE_TOLERANCE = 1e-12

MICROSECONDS_PER_DAY = 86_400_000_000
# The hour before and the hour after New York's clocks went back: its wall clocks show 01:30 twice.
CLOCKS_BACK = 1_762_061_400_000_000  # 2025-11-02 05:30 UTC
HOUR = 3_600_000_000


@pytest.fixture
def new_york(spark):
    before = spark.conf.get("spark.sql.session.timeZone")
    spark.conf.set("spark.sql.session.timeZone", "America/New_York")
    yield spark
    spark.conf.set("spark.sql.session.timeZone", before)


@pytest.fixture
def rows():
    rng = np.random.default_rng(11)
    rows = good_rows()
    micros = CLOCKS_BACK + rng.integers(-400, 400, size=400) * (HOUR // 4) + rng.integers(1_000_000, size=400)
    micros[:4] = CLOCKS_BACK + np.array([0, 1, 2, 3]) * HOUR
    micros[4:6] = [-1, -MICROSECONDS_PER_DAY - 1]  # before 1970, where truncating and rounding down differ
    return rows.assign(micros=micros, id=range(400))


def scores(model, table, rows, days):
    eta = model.estimates["intercept"] + model.estimates["moment"] * days
    found = model.score(table, keys=["id"]).toPandas().sort_values("id", ignore_index=True)
    assert model.estimates["moment"] != 0
    np.testing.assert_allclose(found.probability, 1 / (1 + np.exp(-eta)), rtol=0, atol=SCORE_TOLERANCE)
    # The score equation of the column: the fit read the same numbers.
    centred = days - days.mean()
    assert centred @ (found.probability - rows.y) == pytest.approx(0, abs=1e-6 * np.abs(centred).sum())


def fitted_on_moments(table):
    return fit(table.select("y", "moment"), config(features={"columns": {"moment": {"type": "numeric"}}}))


def test_a_timestamp_counts_days_of_86400_seconds_in_utc(new_york, rows):
    table = new_york.createDataFrame(rows).withColumn("moment", F.timestamp_micros("micros"))
    assert table.schema["moment"].dataType.simpleString() == "timestamp"
    scores(fitted_on_moments(table), table, rows, rows.micros.to_numpy() / MICROSECONDS_PER_DAY)


def test_a_timestamp_without_zone_counts_days_of_its_own_wall_clock(new_york, rows):
    wall_clock = F.expr("timestamp_ntz'1970-01-01' + make_dt_interval(0, 0, 0, micros / 1000000bd)")
    table = new_york.createDataFrame(rows).withColumn("moment", wall_clock)
    assert table.schema["moment"].dataType.simpleString() == "timestamp_ntz"
    scores(fitted_on_moments(table), table, rows, rows.micros.to_numpy() / MICROSECONDS_PER_DAY)


def test_a_date_counts_days(new_york, rows):
    days = rows.micros.to_numpy() // MICROSECONDS_PER_DAY
    table = new_york.createDataFrame(rows.assign(days=days)).withColumn(
        "moment", F.date_from_unix_date(F.col("days").cast("int"))
    )
    assert table.schema["moment"].dataType.simpleString() == "date"
    scores(fitted_on_moments(table), table, rows, days.astype(float))


def test_a_date_can_be_a_level(spark):
    days = ["2026-02-28", "2024-02-29", "1969-12-31"]
    rows = good_rows().assign(day=np.array(days)[np.arange(400) % 3], id=range(400))
    table = spark.createDataFrame(rows).withColumn("day", F.col("day").cast("date"))
    model = fit(
        table.select("y", "day"),
        config(features={"columns": {"day": {"type": "categorical", "reference": "first"}}}),
    )
    assert list(model.estimates) == ["intercept", "day[2024-02-29]", "day[2026-02-28]"]
    found = model.score(table, keys=["id"]).toPandas().sort_values("id", ignore_index=True)
    # A saturated model: the probability of a level is its share of events.
    expected = rows.groupby("day").y.transform("mean")
    np.testing.assert_allclose(found.probability, expected, rtol=0, atol=1e-9)
