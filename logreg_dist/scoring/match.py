"""Whether a table has the columns that a model needs, in types that mean the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import types as T

from logreg_dist.design.problems import nearest, quoted
from logreg_dist.design.spec import table_column
from logreg_dist.errors import ArtefactInvalid, InputRejected
from logreg_dist.model.model import LogisticModel
from logreg_dist.reading.names import LeafColumn, leaf_columns
from logreg_dist.reading.vector_columns import is_array, is_ml_vector
from logreg_dist.reading.widened_files import refuse_widened
from logreg_dist.scoring.interval_rows import IntervalTerms
from logreg_dist.scoring.terms import ScoreTerms, score_terms

# Values of a table are at most 1e100 in a fit: beyond this not even they have finite products.
MAX_ESTIMATE = 1e200

_CLASSES: Mapping[str, tuple[type[T.DataType], ...]] = {
    "a boolean": (T.BooleanType,),
    "a number": (T.NumericType,),
    "text": (T.StringType, T.CharType, T.VarcharType),
    "a date": (T.DateType,),
    "a timestamp": (T.TimestampType, T.TimestampNTZType),
}
_VECTOR = "an array of numbers or a vector"
_LONG = "a vector of pyspark.ml"
_CLASS_OF_SOURCE = {
    "boolean": "a boolean",
    "string": "text",
    "date": "a date",
    "timestamp": "a timestamp",
    "timestamp_ntz": "a timestamp",
}


@dataclass(frozen=True)
class ScoreInput:
    """A table that fits a model, and the model as scoring needs it.

    Attributes
    ----------
    table : DataFrame
    leaves : mapping of str to LeafColumn
        The columns that scoring reads.
    terms : ScoreTerms
        With several classes those of the first one.
    keys, others : tuple of str
        Columns that identify a row, and further ones to carry.
    further : tuple of ScoreTerms
        Of the other classes: the same columns and policies, other numbers.
    n_free : int
        Classes beside the reference; 0 for a binary model.
    intervals : IntervalTerms or None
        What intervals need, where they are asked for.
    """

    table: DataFrame
    leaves: Mapping[str, LeafColumn]
    terms: ScoreTerms
    keys: tuple[str, ...]
    others: tuple[str, ...]
    further: tuple[ScoreTerms, ...] = ()
    n_free: int = 0
    intervals: IntervalTerms | None = None


def match_table(
    table: DataFrame,
    model: LogisticModel,
    *,
    keys: Sequence[str],
    others: Sequence[str],
    intervals: IntervalTerms | None = None,
) -> ScoreInput:
    """Find the columns that a model needs in a table; no job.

    Raises
    ------
    InputRejected
        When columns are missing or of another kind; as `refuse_widened`.
    ArtefactInvalid
        When the model did not converge, or no fit has such estimates.
    """
    if not model.converged:
        raise ArtefactInvalid(
            f"the model's status is {model.status}: its estimates must not be used.\n  {model.status_text}"
        )
    if any(abs(row.estimate or 0.0) > MAX_ESTIMATE for row in model.coefficient_rows):
        raise ArtefactInvalid(
            f"the model has estimates beyond {MAX_ESTIMATE:g}, whose products overflow.\n  Train again."
        )
    offset = model.config.get("offset")
    leaves = match_columns(leaf_columns(table.schema), model, [*keys, *others, *([offset] if offset else [])])
    refuse_widened(table, list(leaves.values()))
    free = model.free_classes
    terms, *further = [
        score_terms(model.design, _estimates(model, prefix), offset)
        for prefix in ([f"{name}:" for name in free] or [""])
    ]
    return ScoreInput(
        table,
        leaves,
        terms,
        tuple(keys),
        tuple(others),
        further=tuple(further),
        n_free=len(free),
        intervals=intervals,
    )


def _estimates(model: LogisticModel, prefix: str) -> dict[str, float]:
    """Return the estimates of one class by the terms of the design."""
    estimates = model.estimates  # made anew whenever it is asked for
    return {term.name: estimates[prefix + term.name] for term in model.design.terms()}


def match_columns(
    leaves: Mapping[str, LeafColumn], model: LogisticModel, others: Sequence[str]
) -> dict[str, LeafColumn]:
    """Return the table's column for each name that scoring reads.

    Parameters
    ----------
    leaves : mapping of str to LeafColumn
        The table's columns.
    model : LogisticModel
    others : sequence of str
        Keys, carried columns, offset: needed whatever their type.

    Raises
    ------
    InputRejected
        Naming every column that is missing or of another kind, with what was expected.
    """
    expected = {table_column(column): _source_class(column.source_type) for column in model.design.columns}
    expected |= {column.name: _LONG for column in model.design.sparse if column.rule == "vector"}
    missing, retyped = [], []
    for name in dict.fromkeys((*expected, *others)):
        kind = expected.get(name)
        if name not in leaves:
            missing.append(
                f"there is no column {quoted(name)}{f' ({kind})' if kind else ''}.{nearest(name, leaves)}"
            )
        elif kind is not None and not _is_of(leaves[name].type, kind):
            found = leaves[name].type.simpleString()[:40]
            retyped.append(f"column {quoted(name)} is {found}; expected {kind}.")
    if missing or retyped:
        raise InputRejected(_message([*missing, *retyped]))
    return {name: leaves[name] for name in (*expected, *others)}


def _message(problems: Sequence[str]) -> str:
    shown = [f"  {problem}" for problem in problems[:3]]
    more = [f"  And {len(problems) - 3:,} more."] if len(problems) > 3 else []
    way_out = "  Rename or cast in a view, or train on a table with these columns."
    return "\n".join(["the table does not fit the model:", *shown, *more, way_out])


def _is_of(found: T.DataType, kind: str) -> bool:
    if kind in (_VECTOR, _LONG):
        return is_ml_vector(found) or (kind == _VECTOR and is_array(found))
    return isinstance(found, _CLASSES[kind])


def _source_class(source_type: str) -> str:
    if source_type == "vector" or source_type.startswith("array<"):
        return _VECTOR
    base = source_type.split("(")[0].split(" ")[0]  # "string collate UTF8_LCASE" is text too
    return _CLASS_OF_SOURCE.get(base, "text" if base in ("char", "varchar") else "a number")
