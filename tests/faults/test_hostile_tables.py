"""Tables and models with hostile names and levels on Spark: they are only names, in every way of scoring and every file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from logreg_dist import fit, load_model
from logreg_dist.commands.job import Request
from logreg_dist.commands.score import score
from logreg_dist.design.spec import CategoricalColumn, NumericColumn
from logreg_dist.errors import ArtefactInvalid
from logreg_dist.model.file import model_to_json
from logreg_dist.publishing.run_record import RunRecorder
from logreg_dist.scoring.match import match_table
from logreg_dist.scoring.ways import choose_way, observed_scores
from tests.faults.hostile import NAMES
from tests.faults.tables import config, good_rows
from tests.faults.test_hostile_text import assert_inert
from tests.scoring.models import model_of

pytestmark = pytest.mark.spark

SAME = 1e-12
N_ROWS = 40 * len(NAMES)
LABEL, KEY, LEVELS = "'; DROP TABLE y; --", "=cmd()|'/c'!A1", "lev`el\x1b[2J\n.x"
NUMBERS = NAMES[1::3]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    rows = good_rows(N_ROWS).rename(
        columns={"y": LABEL, "x": "p", "z": "q"}
    )  # x.__class__ beside x is left to Spark
    rows[LEVELS] = np.array(NAMES, dtype=object)[np.arange(N_ROWS) % len(NAMES)]
    rows = rows.join(pd.DataFrame({name: rng.normal(size=N_ROWS) for name in NUMBERS}))
    rows[KEY] = [f"=cmd()|{k}\n\"quoted\", 'x'" for k in range(N_ROWS)]
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "table").mkdir()
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), folder / "table" / "part.parquet")
    return folder


@pytest.fixture(scope="module")
def table(spark, folder):
    return spark.read.parquet(str(folder / "table"))


@pytest.fixture(scope="module")
def model(table, folder):
    found = fit(table, config(label={"column": LABEL}, features={"exclude": [KEY]}))
    found.save(folder)
    return load_model(folder)


def test_hostile_columns_and_levels_are_fitted_under_their_names(model):
    assert model.converged
    assert set(NUMBERS) < set(model.estimates)
    assert len({f"{LEVELS}[{level}]" for level in NAMES} - set(model.estimates)) == 1  # the reference
    assert_inert(model.summary())


@pytest.mark.parametrize("way", ["sql", "array", "arrow"])
def test_hostile_columns_and_levels_are_only_names_in_every_way_of_scoring(table, rows, model, way):
    source = match_table(table, model, keys=[KEY], others=[LEVELS])
    scored = observed_scores(source, choose_way(source, way)).rows.toPandas()
    scored = scored.set_index("carried_0").loc[rows[KEY]]
    estimates, eta = model.estimates, np.full(N_ROWS, model.estimates["intercept"])
    for name in ["p", "q", *NUMBERS]:
        eta += estimates[name] * rows[name].to_numpy()
    eta += rows[LEVELS].map(lambda level: estimates.get(f"{LEVELS}[{level}]", 0.0)).to_numpy()
    np.testing.assert_allclose(scored.linear_predictor, eta, rtol=0, atol=SAME * np.abs(eta).max())
    assert scored.carried_1.tolist() == rows[LEVELS].tolist()


def scored(spark, folder, model_path, **output):
    """Run the score job on the table and return its record and what Spark reads back."""
    values = {
        "model": str(model_path),
        "input": {"path": str(folder / "table")},
        "keys": [KEY],
        "output": {"path": str(folder / "scored"), "run_date": "2026-11-21", "mode": "replace_all", **output},
    }
    (folder / "score.yaml").write_text(yaml.safe_dump(values))
    recorder = RunRecorder(job="score", run_id="r")
    summary = score(spark, Request("score", str(folder / "score.yaml")), recorder)
    assert_inert(summary)
    return recorder


def test_keys_that_a_spreadsheet_would_run_come_back_from_csv_as_they_were(spark, folder, rows, model):
    scored(spark, folder, folder / "model.json", format="csv", partition_by=[])
    text = "".join(path.read_text() for path in (folder / "scored").glob("*.csv"))
    assert "=cmd()" in text
    options = {"header": True, "multiLine": True, "escape": '"'}
    back = spark.read.options(**options).csv(str(folder / "scored")).toPandas()
    assert sorted(back[KEY]) == sorted(rows[KEY])


HUGE = (1e308, -1e308, 1.7976931348623157e308)  # their sums are no numbers


def test_a_model_whose_hash_is_right_and_whose_estimates_no_fit_has_scores_nothing(spark, folder, rows):
    columns = (
        NumericColumn("p", "double", "error", "error", None, False, 0.0, 1.0),
        NumericColumn("q", "double", "error", "error", None, False, 0.0, 1.0),
        CategoricalColumn(LEVELS, "string", "error", "reference", tuple(NAMES), NAMES[0], None),
    )
    hostile = model_of(*columns)
    changed = [
        replace(row, estimate=HUGE[k % 3]) if row.column in ("p", "q") else row
        for k, row in enumerate(hostile.coefficient_rows)
    ]
    hostile = replace(
        hostile, coefficient_rows=tuple(changed), label=replace(hostile.label, positive=NAMES[2])
    )
    path = folder / "huge.json"
    path.write_text(model_to_json(hostile))
    with pytest.raises(ArtefactInvalid, match=r"estimates beyond 1e\+200") as caught:
        scored(spark, folder, path)
    assert_inert(str(caught.value))
