"""Files that are cut short, damaged, empty, of mixed types or named twice: refused by name, never fewer rows in silence."""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from logreg_dist import fit
from logreg_dist.commands.session import _SETTINGS
from logreg_dist.config.table_input import InputConfig
from logreg_dist.errors import ConfigError, InputRejected
from logreg_dist.reading.open_table import open_table
from tests.faults.jobs_here import Jobs
from tests.faults.tables import config, exactly, good_rows

pytestmark = pytest.mark.spark

VERIFIED = "parquet.page.verify-checksum.enabled"

# Every job, and both readers where there are two.
RUNS = {
    "train with pyarrow": ("train", {}),
    "train through Spark": ("train", {"input": {"reader": "spark"}}),
    "score with pyarrow": ("score", {}),
    "score through Spark": ("score", {"engine": "array"}),
    "score by SQL": ("score", {"engine": "sql"}),
    "evaluate": ("evaluate", {}),
}


def rows() -> pd.DataFrame:
    return good_rows().assign(id=range(400))


def write(folder: Path, *parts: pd.DataFrame) -> Path:
    folder.mkdir()
    for k, part in enumerate(parts):
        table = pa.Table.from_pandas(part, preserve_index=False)
        pq.write_table(table, folder / f"part-{k}.parquet", write_page_checksum=True)
    return folder


@pytest.fixture(scope="module")
def jobs(spark, tmp_path_factory) -> Jobs:
    """Jobs beside a model of good rows, in a session that verifies checksums as that of a job does."""
    folder = tmp_path_factory.mktemp("files")
    jobs = Jobs(spark, folder)
    good = write(folder / "good", rows()[:200], rows()[200:])
    trained = jobs.run("train", input={"path": str(good)})
    assert trained.exit_code == 0, trained.words
    assert _SETTINGS[f"spark.hadoop.{VERIFIED}"] == "true"
    spark.conf.set(VERIFIED, "true")
    yield jobs
    spark.conf.unset(VERIFIED)


@pytest.fixture
def good(jobs, tmp_path) -> Path:
    return Path(shutil.copytree(jobs.folder / "good", tmp_path / "table"))


def run_all(
    jobs: Jobs, path: Path, runs: Sequence[str] = tuple(RUNS), **source
) -> dict[str, tuple[int, str]]:
    """Run every job on a table, each way, and return exit codes and words; a model is not replaced."""
    found = {}
    for name in runs:
        job, settings = RUNS[name]
        asked = {"path": str(path), **source, **settings.get("input", {})}
        output = {"output": {"path": str(jobs.folder / "other")}} if job == "train" else {}
        ended = jobs.run(job, **{**settings, **output, "input": asked})
        found[name] = ended.exit_code, ended.words
    return found


def cut(file: Path, n: int) -> None:
    file.write_bytes(file.read_bytes()[:-n])


def damage(file: Path) -> None:
    """Overwrite the middle of the largest column, as a disk that fails does."""
    content = bytearray(file.read_bytes())
    column = pq.read_metadata(file).row_group(0).column(1)  # x
    middle = column.data_page_offset + column.total_compressed_size // 2
    content[middle : middle + 64] = bytes(64)
    file.write_bytes(content)


def retype(file: Path, kind: str) -> None:
    frame = pd.read_parquet(file)
    pq.write_table(pa.Table.from_pandas(frame.astype({"x": kind}), preserve_index=False), file)


FAULTS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a file cut short": ("part-1.parquet", lambda file: cut(file, 40)),
    "the first file cut short": ("part-0.parquet", lambda file: cut(file, 40)),
    "a file cut to a quarter": ("part-1.parquet", lambda file: cut(file, file.stat().st_size * 3 // 4)),
    "a damaged page": ("part-1.parquet", damage),
    "text in place of Parquet": ("part-1.parquet", lambda file: file.write_text("id,x\n1,2\n")),
    "double after int": ("part-0.parquet", lambda file: retype(file, "int64")),
    "text after double": ("part-1.parquet", lambda file: retype(file, "str")),
}


# Spark tries every task four times: all jobs, readers and faults are for `make faults`.
@pytest.mark.faults
@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_cannot_be_read_as_it_should_is_named_by_every_job_and_reader(jobs, good, fault):
    name, harm = FAULTS[fault]
    harm(good / name)
    blamed = (
        "part-1.parquet" if fault == "double after int" else name
    )  # the first file says what the types are
    for run, (exit_code, words) in run_all(jobs, good).items():
        assert exit_code == 3, (run, words)
        assert words.startswith("input rejected: the file file:/"), (run, words)
        assert f"/{blamed} cannot be read as it should: it is truncated or damaged, of another " in words, run
        assert words.endswith("Write that file again; no row was left out."), run
    assert not list(jobs.folder.glob("scored/run_date=*"))
    assert not (jobs.folder / "other" / "model.json").exists()


def test_a_damaged_page_and_a_file_cut_short_are_named(jobs, good):
    damage(good / "part-1.parquet")
    ended = jobs.run("train", input={"path": str(good)}, output={"path": str(good.parent / "model")})
    assert (ended.exit_code, "/part-1.parquet cannot be read as it should" in ended.words) == (3, True)
    cut(good / "part-1.parquet", 40)
    ended = jobs.run("score", input={"path": str(good)})
    assert (ended.exit_code, "/part-1.parquet cannot be read as it should" in ended.words) == (3, True)


@pytest.mark.parametrize("kind", ["int8", "int32", "int64"])
def test_whole_numbers_after_doubles_are_refused_by_every_job_and_reader(jobs, good, kind):
    retype(good / "part-1.parquet", kind)
    for run, (exit_code, words) in run_all(jobs, good).items():
        assert (exit_code, words) == (
            3,
            "input rejected: 1 of 2 files holds whole numbers where the table has floating-point ones, such as "
            f"file:{good}/part-1.parquet in column 'x'.\n  Write it again with the types of the others.",
        ), run


def test_whole_numbers_of_a_column_that_nobody_reads_are_no_matter(jobs, good):
    retype(good / "part-1.parquet", "int32")
    ended = jobs.run(
        "train",
        input={"path": str(good)},
        features={"exclude": ["id", "x"]},
        output={"path": str(good.parent / "model")},
    )
    assert ended.exit_code == 0, ended.words


def test_what_a_catalog_has_declared_is_no_matter_of_a_file(jobs, spark, good):
    retype(good / "part-1.parquet", "int32")
    columns = ", ".join(f"`{name}` {kind}" for name, kind in spark.read.parquet(str(good)).dtypes)
    spark.sql(f"create table widened ({columns}) using parquet location '{good}'")
    try:
        ended = jobs.run("train", input={"table": "widened"}, output={"path": str(good.parent / "model")})
        assert ended.exit_code == 0, ended.words
    finally:
        spark.sql("drop table widened")


@pytest.mark.parametrize("name", ["part-0.parquet", "part-2.parquet"])
def test_a_file_without_bytes_is_named_and_not_passed_over(jobs, good, name):
    (good / name).write_bytes(b"")
    n = 2 if name == "part-0.parquet" else 3
    for run, (exit_code, words) in run_all(jobs, good).items():
        assert (exit_code, words) == (
            3,
            f"input rejected: 1 of {n} files has no bytes, such as file:{good}/{name}: what wrote it did not finish.\n"
            "  Write the table again, or delete what is meant to be empty.",
        ), run


def test_marks_checksums_and_hidden_files_are_no_data_and_a_file_without_rows_is(jobs, good):
    for name in ("_SUCCESS", ".part-0.parquet.crc", "_started_12", ".hidden.parquet", "_temporary.parquet"):
        (good / name).write_bytes(b"" if name == "_SUCCESS" else b"no Parquet")
    pq.write_table(pa.Table.from_pandas(rows()[:0], preserve_index=False), good / "part-2.parquet")
    (good / ".part-0.parquet.crc").unlink()  # Hadoop believes it, and rightly refuses its file
    runs = ["train with pyarrow", "score through Spark", "evaluate"]
    for run, (exit_code, words) in run_all(jobs, good, runs).items():
        assert exit_code == 0, (run, words)
        assert "400 rows" in words.replace("n = 400", "400 rows"), run
    shutil.rmtree(jobs.folder / "scored")
    shutil.rmtree(jobs.folder / "other")


def test_a_column_that_one_file_lacks_is_missing_there_and_counted(jobs, good):
    frame = pd.read_parquet(good / "part-1.parquet").drop(columns="x")
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), good / "part-1.parquet")
    for run, (exit_code, words) in run_all(jobs, good).items():
        assert (exit_code, "column 'x' has 200 missing values" in words) == (3, True), (run, words)


def text_files(folder: Path, **files: str | bytes) -> Path:
    folder.mkdir()
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / name.replace("_", ".")).write_bytes(data)
    return folder


CSV = {"format": "csv", "options": {"header": True, "inferSchema": True}}


@pytest.mark.parametrize("line", ["1,0.5\n", pytest.param("1,0.5,0.25,401,9\n", marks=pytest.mark.faults)])
def test_a_broken_record_of_a_csv_file_is_an_error_and_not_a_row_of_nulls(jobs, tmp_path, line):
    table = text_files(tmp_path / "table", x_csv=rows().to_csv(index=False) + line)
    message = (
        f"input rejected: the file file:{table}/x.csv holds a broken record: it has more or fewer values than the header "
        "has names, or cannot be parsed.\n"
        "  Mend the file; input.options.mode: PERMISSIVE would make such records missing values."
    )
    for run, found in run_all(jobs, table, ["train through Spark", "score by SQL"], **CSV).items():
        assert found == (3, message), run


def test_broken_records_are_missing_values_where_the_configuration_says_so(jobs, tmp_path):
    table = text_files(tmp_path / "table", x_csv=rows().to_csv(index=False) + "1,0.5\n")
    permissive = {"format": "csv", "options": {**CSV["options"], "Mode": "permissive"}}
    ended = jobs.run("train", input={"path": str(table), **permissive}, output={"path": str(tmp_path / "m")})
    assert (ended.exit_code, ended.words.splitlines()[0]) == (
        3,
        "input rejected: column 'z' has 1 missing value in 401 rows.",
    )


def test_a_file_with_its_columns_in_another_order_is_refused_and_not_read_crosswise(jobs, tmp_path):
    crosswise = rows()[["y", "z", "x", "id"]]
    table = text_files(
        tmp_path / "table", x_csv=rows().to_csv(index=False), y_csv=crosswise[:9].to_csv(index=False)
    )
    ended = jobs.run("train", input={"path": str(table), **CSV}, output={"path": str(tmp_path / "model")})
    assert ended.exit_code == 3
    assert re.match(r"input rejected: the file file:/.*/[xy]\.csv cannot be read as it should", ended.words)


def test_a_compressed_file_cut_short_is_named(jobs, tmp_path):
    whole = gzip.compress(rows().to_csv(index=False).encode())
    table = text_files(tmp_path / "table", x_csv_gz=whole[:-500])
    ended = jobs.run("train", input={"path": str(table), **CSV})
    assert (ended.exit_code, "x.csv.gz cannot be read as it should" in ended.words) == (3, True)


def test_a_line_that_is_no_json_is_an_error(jobs, tmp_path):
    good = rows().to_json(orient="records", lines=True)
    table = text_files(tmp_path / "table", x_json=good + '{"y": 1, "x":\n')
    message = f"""\
input rejected: {table} holds records that are not JSON.
  Mend the files; input.options.mode: PERMISSIVE would make such records missing values."""
    for job in ("train", "score", "evaluate"):
        ended = jobs.run(job, input={"path": str(table), "format": "json"})
        assert (ended.exit_code, ended.words) == (3, message)


def test_text_files_can_be_counted_and_filtered_to_nothing(jobs, tmp_path):
    table = text_files(
        tmp_path / "table", x_csv=rows().to_csv(index=False), y_csv=""
    )  # an empty one is no data
    ended = jobs.run(
        "train", input={"path": str(table), **CSV, "filter": "x > 1e9"}, output={"path": str(tmp_path / "m")}
    )
    assert (ended.exit_code, ended.words.splitlines()[0]) == (
        3,
        "input rejected: no rows are left by input.filter: 400 rows before it, 0 after.",
    )


def test_a_damaged_orc_file_is_refused(jobs, tmp_path):
    table = str(tmp_path / "table")
    jobs.spark.createDataFrame(rows()).coalesce(1).write.orc(table)
    [file] = Path(table).glob("*.orc")
    for mark in Path(table).glob(".*.crc"):
        mark.unlink()
    cut(file, 200)
    ended = jobs.run("train", input={"path": table, "format": "orc"})
    assert (ended.exit_code, ended.words.splitlines()[0]) == (
        3,
        f"input rejected: a file in {table} is damaged, or is no orc.",
    )


@pytest.mark.parametrize("job", ["train", "score", "evaluate"])
def test_a_file_that_the_paths_name_twice_is_refused_by_every_job(jobs, good, job):
    ended = jobs.run(job, input={"path": [str(good), str(good / "part-1.parquet")]})
    assert (ended.exit_code, ended.words) == (
        2,
        "config error: the paths of input.path name 1 of 2 files more than once, such as part-1.parquet: "
        "their rows would count twice.\n"
        "  Name each folder and each file once, and no file beside the folder that holds it.",
    )


@pytest.mark.parametrize(
    "paths",
    [
        ["{good}", "{good}/"],
        ["{good}", "file:{good}"],
        ["{good}", "{good}/../table"],
        ["{good}/*", "{good}/part-1*"],
        ["{good}", "{good}/../link"],
    ],
)
def test_however_a_file_is_named_twice_its_rows_do_not_count_twice(spark, jobs, good, paths):
    (good.parent / "link").symlink_to(good)
    given = [path.format(good=good) for path in paths]
    with pytest.raises(ConfigError, match=r"name \d of 2 files more than once, such as part-\d.parquet"):
        open_table(spark, InputConfig(path=given))


def test_different_files_of_one_folder_are_one_table(spark, jobs, good):
    paths = [str(good / "part-0.parquet"), str(good / "part-1.parquet")]
    assert open_table(spark, InputConfig(path=paths)).count() == 400
    assert open_table(spark, InputConfig(path=str(good / "*.parquet"))).count() == 400


def test_missing_values_of_directories_are_counted_like_others(jobs, tmp_path):
    # Spark writes null to a folder of its own, and NaN to one called NaN.
    regions = [None if k % 5 == 0 else "ab"[k % 2] for k in range(400)]
    shares = [float("nan") if k % 7 == 0 else k % 3 / 2 for k in range(400)]
    table = jobs.spark.createDataFrame(rows().assign(region=regions, share=shares))
    table.write.partitionBy("region", "share").parquet(str(tmp_path / "table"))
    for reader in ("arrow", "spark"):
        ended = jobs.run("train", input={"path": str(tmp_path / "table"), "reader": reader})
        assert ended.exit_code == 3
        assert ended.words.splitlines()[0] == (
            "input rejected: 2 columns have missing values in 400 rows: 'region' 80, 'share' 58."
        )


def test_a_label_without_any_value_and_a_table_without_columns_are_refused(jobs, tmp_path):
    nobody = write(tmp_path / "nobody", rows().assign(y=None))
    ended = jobs.run("train", input={"path": str(nobody)})
    message = """\
input rejected: label column 'y' has 400 missing values in 400 rows.
  A row without a label teaches nothing. Leave such rows out with input.filter."""
    assert (ended.exit_code, ended.words) == (3, message)
    bare = write(tmp_path / "bare", pd.DataFrame(index=range(3)))
    ended = jobs.run("train", input={"path": str(bare)}, features={"exclude": []})
    message = """\
input rejected: the table has no column 'y', which label.column names.
  It has 0 columns."""
    assert (ended.exit_code, ended.words) == (3, message)


def test_a_refused_table_in_the_library_is_refused_too(spark, good):
    (good / "part-2.parquet").write_bytes(b"")
    with pytest.raises(InputRejected, match="1 of 3 files has no bytes"):
        fit(spark.read.parquet(str(good)), config(features={"exclude": ["id"]}))


def test_settings_of_the_session_under_which_no_job_runs(spark, jobs, good, monkeypatch):
    lose = ["spark.sql.files.ignoreCorruptFiles", "spark.sql.files.ignoreInvalidPartitionPaths"]
    tell = "spark.sql.execution.pyspark.udf.tracebackWithLocals.enabled"
    message = f"""\
config error: {lose[0]} and {lose[1]} are true: unreadable files would be left out without a word.
{tell} is on: errors would show rows and passwords.
  Set them to false, or remove them."""
    for key in (*lose, tell):
        spark.conf.set(key, "TRUE")
    try:
        for job in ("train", "score", "evaluate"):
            ended = jobs.run(job, input={"path": str(good)})
            assert (ended.exit_code, ended.words) == (2, message)
    finally:
        for key in (*lose, tell):
            spark.conf.unset(key)
    monkeypatch.setenv("SPARK_TRACEBACK_WITH_LOCALS", "1")
    with pytest.raises(ConfigError, match=exactly("""\
config error: the variable SPARK_TRACEBACK_WITH_LOCALS is set: errors would show rows and passwords.
  Remove it.""")):  # fmt: skip
        open_table(spark, InputConfig(path=str(good)))
