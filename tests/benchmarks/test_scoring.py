"""The ways of scoring write the same probabilities, and what is off is refused."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import scoring
from benchmarks.phases import Phases


@pytest.fixture(scope="module")
def table(spark, small):
    table = small("SCRM")
    scoring.model_on(spark, table)
    return table


@pytest.mark.spark
def test_all_ways_write_the_same(spark, table, tmp_path):
    scoring.write_ours(spark, table, table.path, str(tmp_path / "ours"))
    scoring.write_mllib(spark, scoring.mllib_models(spark, table), table.path, str(tmp_path / "mllib"))
    scoring.write_lazily(spark, table, table.path, str(tmp_path / "lazy"))
    for way in ("ours", "lazy", "mllib"):
        assert scoring.check_scores(table, str(tmp_path / way)) < scoring.TOLERANCE


@pytest.mark.spark
def test_wrong_and_missing_scores_are_refused(table, tmp_path):
    scoring.WAYS["direct"](table, str(tmp_path / "direct"), Phases())
    file = next(Path(tmp_path, "direct").glob("*.parquet"))
    rows = pq.read_table(file)
    wrong = rows["probability"].to_numpy().copy()
    wrong[7] += 1e-6
    pq.write_table(rows.set_column(1, "probability", pa.array(wrong)), file)
    with pytest.raises(ValueError, match=r"a probability is off by 1\.0e-06"):
        scoring.check_scores(table, str(tmp_path / "direct"))
    pq.write_table(rows.slice(1), file)
    with pytest.raises(ValueError, match="2,499 rows were written for 2,500"):
        scoring.check_scores(table, str(tmp_path / "direct"))
