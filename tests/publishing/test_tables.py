"""Tables of the session's catalog as outputs: a real metastore (embedded Derby), in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from logreg_dist.errors import ConfigError
from logreg_dist.publishing.catalog import find_table

pytestmark = pytest.mark.spark

ROOT = Path(__file__).parents[2]
SCRIPT = "tests.publishing.tables_under_fire"
RUN_SECONDS = 1200.0
FIRST, SECOND, THIRD = "2026-11-19", "2026-11-20", "2026-11-21"
QUICK = ("dates", "refusals", "other_writers")
SLOW = (
    "replace_all",
    "unpartitioned",
    "hive_table",
    "csv_table",
    "side_by_side",
    "killed",
    "readers",
    "jobs",
    "whole_jobs",
)
# A sum of 400 probabilities of 0.4 on average.
SUM_TOLERANCE = 1e-9

Found = Callable[[str], dict[str, Any]]


def run(folder: Path, scenarios: tuple[str, ...]) -> Found:
    command = [sys.executable, "-m", SCRIPT, str(folder), *scenarios]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)

    def found(name: str) -> dict[str, Any]:
        file = folder / f"{name}.json"
        assert file.exists(), ran.stderr[-3000:]
        values: dict[str, Any] = json.loads(file.read_text())
        assert "broke" not in values, values["broke"]
        return values

    return found


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return run(tmp_path_factory.mktemp("quick"), QUICK)


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return run(tmp_path_factory.mktemp("slow"), SLOW)


def ids(run_date: str, first: int, n: int) -> list[list[Any]]:
    return [[run_date, row] for row in range(first, first + n)]


def test_a_date_twice_and_an_earlier_one_later_each_give_their_rows_once(quick: Found) -> None:
    found = quick("dates")
    assert found["said"] == [""] * 5
    assert found["before"] == [*ids(FIRST, 0, 4), *ids(SECOND, 2, 3), *ids(THIRD, 0, 2)]
    assert found["partitions"] == [f"run_date={date}" for date in (FIRST, SECOND, THIRD)]
    assert found["columns"] == [["customer_id", "bigint"], ["probability", "double"], ["run_date", "date"]]


def test_an_empty_result_is_refused_or_replaces_the_stale_rows_of_its_date(quick: Found) -> None:
    found = quick("dates")
    assert found["refused"].startswith("5 output verification failed: no rows to publish in 'crm.dates'")
    assert found["kept"] == found["before"]
    assert found["after"] == [*ids(FIRST, 0, 4), *ids(SECOND, 2, 3)]


def test_a_date_that_is_there_is_not_replaced_when_that_is_an_error(quick: Found) -> None:
    assert quick("dates")["exists"].startswith(
        "2 config error: output.table 'crm.dates' has run_date=2026-11-19 already"
    )


def test_rows_that_were_replaced_and_staged_are_cleared_by_the_next_run(quick: Found) -> None:
    assert quick("dates")["files"] == [
        f"_published/{run}/run_date={date}" for run, date in (("r2", SECOND), ("r4", FIRST), ("r6", THIRD))
    ]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (
            "crm.other",
            "the table lacks: probability\n  the scores lack: segment\n  of another type: customer_id",
        ),
        ("crm.seen", "is a view"),
        ("crm.text", "is of format hive (lazysimpleserde); what works is parquet, orc"),
        ("crm.ice", "is of format iceberg; what works is parquet, orc"),
        ("crm.delta", "is of format delta; what works is parquet, orc"),
        ("crm.orc", "is of format orc"),
        ("crm.flat", "is partitioned by [], output.partition_by is ['run_date']"),
        ("nowhere.scores", "there is no schema 'nowhere'"),
        (
            "lake.crm.scores",
            "only tables of the session's catalog (spark_catalog) are written, not those of 'lake'",
        ),
    ],
)
def test_a_table_that_cannot_be_written_is_refused_before_anything_is_written(
    quick: Found, table: str, words: str
) -> None:
    found = quick("refusals")
    assert found[table].startswith("2 config error: output.table")
    assert words in found[table]
    assert len(found[table].splitlines()) <= 6
    assert found["files"] == []


def test_a_catalog_that_ends_with_the_session_is_refused_with_a_way_out(spark) -> None:
    with pytest.raises(
        ConfigError, match=r"is in memory(.|\n)*spark.sql.catalogImplementation=hive(.|\n)*output.path"
    ):
        find_table(spark, "crm.scores")


def test_rows_that_another_job_inserts_before_the_switch_are_replaced_with_the_old_ones(quick: Found) -> None:
    found = quick("other_writers")
    assert found["early"] == ""
    assert found["after_early"] == ids(SECOND, 0, 3)


@pytest.mark.parametrize(
    ("writer", "words"),
    [("late", "4 rows were written and 5 read back"), ("ignored", "4 rows were written and 3 read back")],
)
def test_a_table_that_holds_more_or_other_rows_than_were_written_is_caught_and_the_old_ones_return(
    quick: Found, writer: str, words: str
) -> None:
    found = quick("other_writers")
    assert found[writer].startswith(f"5 output verification failed: 'crm.shared': {words}")
    assert found[f"after_{writer}"] == ids(SECOND, 0, 3)


@pytest.mark.faults
def test_replace_all_drops_the_other_dates(slow: Found) -> None:
    found = slow("replace_all")
    assert found["said"] == [""] * 3
    assert found["after"] == ids(THIRD, 0, 3)


@pytest.mark.faults
def test_a_table_without_partitions_is_replaced_in_one_step(slow: Found) -> None:
    found = slow("unpartitioned")
    assert found["said"] == [""] * 2
    assert found["after"] == ids(SECOND, 0, 3)
    assert "has rows already" in found["refused"]


@pytest.mark.faults
def test_a_table_that_hive_made_keeps_its_other_dates_and_its_own_order_of_columns(slow: Found) -> None:
    found = slow("hive_table")
    assert found["said"] == [""] * 2
    assert found["after"] == [[FIRST, 100], *ids(SECOND, 0, 2)]
    assert found["sum"] == pytest.approx(1 / 2 + 1 / 3, rel=SUM_TOLERANCE)


@pytest.mark.faults
def test_a_table_of_csv_files_reads_back(slow: Found) -> None:
    assert slow("csv_table") == {"said": ["", ""], "after": ids(SECOND, 0, 2)}


@pytest.mark.faults
def test_another_date_is_published_meanwhile_and_the_same_one_is_refused(slow: Found) -> None:
    found = slow("side_by_side")
    assert (found["first"], found["other"]) == ("", "")
    for name in ("same", "all"):
        assert found[name].startswith("75 temporary failure: run 'r")
        assert " unless renewed)" in found[name]
    assert found["after"] == [*ids(SECOND, 0, 5), *ids(THIRD, 0, 2)]


@pytest.mark.faults
def test_what_a_killed_run_left_is_finished_undone_or_cleared_by_the_next_of_any_date(slow: Found) -> None:
    found = slow("killed")
    old, new, third = ids(SECOND, 0, 5), ids(SECOND, 50, 3), ids(THIRD, 0, 2)
    first = ids(FIRST, 0, 1)
    assert found["written"] == found["written"] | {
        "seen": [*old, *third],
        "said": "",
        "after": [*first, *old, *third],
    }
    assert found["switched"] == found["switched"] | {
        "seen": [*first, *new, *third],
        "said": "",
        "after": [*first, *new, *third],
    }
    assert found["half"] == found["half"] | {"said": "", "after": [*first, *new, *third]}
    # One folder for each date, and the one that was replaced last.
    assert len([folder for folder in found["half"]["files"] if folder.startswith("_published")]) == 4


@pytest.mark.faults
def test_a_reader_that_asks_the_catalog_finds_complete_rows_at_every_instant(slow: Found) -> None:
    found = slow("readers")
    assert found["reads"] > 10
    assert found["complete"]
    assert set(found["seen"]) <= {5, 6, 7, 8, 20}
    assert found["errors"] == []


@pytest.mark.faults
def test_the_jobs_train_on_a_table_score_into_one_and_train_on_that(slow: Found) -> None:
    found = slow("jobs")
    assert json.loads(found["score"])["scores"] == f"crm.scores/run_date={SECOND}"
    assert found["rows"] == [400, 400, pytest.approx(160.0, rel=SUM_TOLERANCE)]
    assert "model" in json.loads(found["train_on_scores"])


@pytest.mark.faults
def test_scores_that_tasks_write_go_into_a_table_whose_columns_have_another_order(slow: Found) -> None:
    found = slow("jobs")
    assert json.loads(found["reordered"])["scores"] == f"crm.reordered/run_date={SECOND}"
    assert found["same_rows"] == 400


@pytest.mark.faults
@pytest.mark.parametrize(
    ("output", "relation"),
    [
        ("same_table", "is the table that is read"),
        ("view_of_output", "is the same as"),
        ("path_inside", "lies inside"),
        ("path_above", "lies above"),
        ("through_dots", "is the same as"),
        ("table_on_path", "is the same as"),
        ("model_inside", "lies inside"),
    ],
)
def test_an_output_on_in_or_above_a_table_that_is_read_is_refused_and_nothing_is_written_there(
    slow: Found, output: str, relation: str
) -> None:
    found = slow("jobs")
    assert found[output].startswith("2 ")
    assert relation in found[output]
    assert found["left"] == []


@pytest.mark.faults
def test_run_json_lies_in_the_folder_of_the_table_and_is_written_last(slow: Found) -> None:
    found = slow("whole_jobs")
    assert (found["refused"], found["refused_record"]["exit_code"], found["refused_last"]) == (3, 3, True)
    assert (found["done"], found["done_record"]["status"], found["done_last"]) == (0, "done", True)
    assert found["rows"] == 400
