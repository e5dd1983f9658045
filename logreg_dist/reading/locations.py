"""Where the rows of a table lie, and the check that an output does not lie there too."""

from __future__ import annotations

from typing import Any

from py4j.protocol import Py4JError
from pyspark.sql import DataFrame

from logreg_dist.config.table_input import overlap
from logreg_dist.errors import OutputOnInput
from logreg_dist.reading.plain_table import PlainTable


def refuse_output_on_input(table: DataFrame | PlainTable, output: str, *, key: str, above: bool) -> None:
    """Refuse an output folder that is, lies inside, or (if `above`) holds what `table` reads; no job.

    Configurations are checked by the paths that stand in them. What a catalog's table or a view reads, only
    Spark knows.

    Raises
    ------
    OutputOnInput
        Names the key of the configuration.
    """
    problems = overlap(output, locations(table), above=above)
    if problems:
        raise OutputOnInput(f"{key} '{output}' {problems[0].sentence}.")


def locations(table: DataFrame | PlainTable) -> tuple[str, ...]:
    """Return the folders and files that `table` reads, also through views; without those that Spark does not tell."""
    if isinstance(table, PlainTable):
        return (table.root,)
    jvm: Any = table.sparkSession._jvm
    leaves: Any = table._jdf.queryExecution().analyzed().collectLeaves()
    found: dict[str, None] = {}
    for k in range(leaves.size()):
        for uri in _roots(leaves.apply(k)):
            found[str(jvm.org.apache.hadoop.fs.Path(uri).toString())] = None
    return tuple(found)


def _roots(leaf: Any) -> list[Any]:
    kind = leaf.getClass().getSimpleName()
    try:
        if kind == "LogicalRelation":
            roots = leaf.relation().location().rootPaths()
            return [roots.apply(k).toUri() for k in range(roots.size())]
        if kind in ("HiveTableRelation", "UnresolvedCatalogRelation"):
            return [leaf.tableMeta().location()]
    except Py4JError:  # a source that is no folder of files
        pass
    return []
