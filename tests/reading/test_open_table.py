"""Opening tables from wherever Spark reads, and refusals in words."""

from __future__ import annotations

import pytest
from chispa.dataframe_comparer import assert_df_equality

from logreg_dist.config.table_input import InputConfig
from logreg_dist.errors import ConfigError, InputRejected
from logreg_dist.reading.open_table import open_table

pytestmark = pytest.mark.spark

ROWS = [(1, "a", 0.5), (2, "b", 1.5), (3, None, 2.5)]


@pytest.fixture(scope="module")
def table(spark):
    return spark.createDataFrame(ROWS, "id int, level string, x double")


@pytest.mark.parametrize("format", ["parquet", "orc", "json", "csv"])
def test_a_table_reads_the_same_from_every_format(spark, table, tmp_path, format):
    path = str(tmp_path / "table")
    table.write.format(format).option("header", True).save(path)
    options = {"header": True, "inferSchema": True} if format == "csv" else {}
    found = open_table(spark, InputConfig(path=path, format=format, options=options))
    found = found.select(found.id.cast("int"), "level", "x")
    assert_df_equality(found, table, ignore_row_order=True, ignore_nullable=True)


def test_several_paths_are_one_table(spark, table, tmp_path):
    paths = [str(tmp_path / name) for name in ("a", "b")]
    for path in paths:
        table.write.parquet(path)
    assert open_table(spark, InputConfig(path=paths)).count() == 2 * len(ROWS)


def test_a_view_is_a_table_and_a_filter_leaves_rows_out(spark, table):
    table.createOrReplaceTempView("customers")
    found = open_table(spark, InputConfig(table="customers", filter="x > 1 and level is not null"))
    assert [row.id for row in found.collect()] == [2]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"path": "no/such/path"}, "input rejected: the path does not exist: no/such/path"),
        (
            {"table": "no_such_table"},
            r"there is no table no_such_table(.|\n)*in memory: set spark\.sql\.catalogImplementation=hive",
        ),
        ({"path": "no/such/path", "format": "parkett"}, "input rejected: Spark has no reader named parkett"),
    ],
)
def test_what_cannot_be_found_is_named(spark, source, message):
    with pytest.raises(InputRejected, match=message):
        open_table(spark, InputConfig(**source))


@pytest.mark.parametrize("predicate", ["no_such_column > 1", "x >", "x"])
def test_a_filter_that_is_no_predicate_is_a_config_error(spark, table, predicate):
    table.createOrReplaceTempView("customers")
    with pytest.raises(ConfigError, match="config error: input\\.filter is not a predicate on customers"):
        open_table(spark, InputConfig(table="customers", filter=predicate))


@pytest.mark.parametrize("setting", ["ignoreCorruptFiles", "ignoreMissingFiles"])
def test_settings_that_lose_rows_in_silence_are_refused(spark, table, setting):
    table.createOrReplaceTempView("customers")
    spark.conf.set(f"spark.sql.files.{setting}", "true")
    try:
        with pytest.raises(ConfigError, match="unreadable files would be left out without a word"):
            open_table(spark, InputConfig(table="customers"))
    finally:
        spark.conf.unset(f"spark.sql.files.{setting}")


def test_a_table_of_text_files_is_read_as_its_options_say_or_refused(spark, tmp_path):
    (tmp_path / "rows.csv").write_text("1,2.5\n2,3.5,9\n3,4.5\n")
    spark.sql(f"CREATE TABLE of_text (id INT, x DOUBLE) USING csv LOCATION '{tmp_path}'")
    try:
        with pytest.raises(
            InputRejected, match=r"table of_text is kept as csv(.|\n)*input\.options\.mode: FAILFAST"
        ):
            open_table(spark, InputConfig(table="of_text"))
        with pytest.raises(
            InputRejected, match="of_text is kept as csv"
        ):  # which Spark would take for PERMISSIVE
            open_table(spark, InputConfig(table="of_text", options={"mode": "FAIL_FAST"}))
        lenient = open_table(spark, InputConfig(table="of_text", options={"mode": "PERMISSIVE"}))
        assert [row.id for row in lenient.collect()] == [1, 2, 3]
        strict = open_table(spark, InputConfig(table="of_text", options={"mode": "FAILFAST"}))
        with pytest.raises(Exception, match="MALFORMED_RECORD"):
            strict.collect()
        # Spark does not hand options on to what is under a view.
        spark.sql("CREATE VIEW on_text AS SELECT * FROM of_text")
        with pytest.raises(
            InputRejected, match=r"on_text is kept as csv(.|\n)*an option of the table itself"
        ):
            open_table(spark, InputConfig(table="on_text", options={"mode": "FAILFAST"}))
        spark.sql("ALTER TABLE of_text SET SERDEPROPERTIES ('mode' = 'DROPMALFORMED')")
        with pytest.raises(InputRejected, match="of_text is kept as csv"):
            open_table(spark, InputConfig(table="of_text"))
    finally:
        spark.sql("DROP VIEW IF EXISTS on_text")
        spark.sql("DROP TABLE of_text")
