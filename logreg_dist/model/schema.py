"""The schema of ``model.json``: every key with its type, and what must agree with what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import SchemaValidator

from logreg_dist.checks.records import Checks
from logreg_dist.inference.records import ColumnTest, CovarianceRecord, MarginalEffect
from logreg_dist.model.derived import DerivedRecord, derived_contradiction
from logreg_dist.model.stored_config import config_contradiction

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class NumericRecord(BaseModel):
    """A `NumericColumn`."""

    model_config = _STRICT
    kind: Literal["numeric"]
    name: str
    source_type: str
    missing: str
    unseen: str
    fill: float | None
    indicator: bool
    centre: float
    scale: float
    plain: bool = True
    vector: str | None = None
    element: int = 0
    size: int = 1


class CategoricalRecord(BaseModel):
    """A `CategoricalColumn`."""

    model_config = _STRICT
    kind: Literal["categorical"]
    name: str
    source_type: str
    missing: str
    unseen: str
    levels: list[str]
    reference: str | None
    missing_level: str | None
    plain: bool = True


class SparseRecord(BaseModel):
    """A `SparseColumn`."""

    model_config = _STRICT
    kind: Literal["sparse"]
    name: str
    source_type: str
    missing: str
    rule: Literal["words", "hashed", "vector"]
    values: Literal["counts", "binary", "log"]
    words: list[str]
    size: int
    fill: str | None
    scale: float


class _Design(BaseModel):
    model_config = _STRICT
    intercept: bool
    columns: list[Annotated[NumericRecord | CategoricalRecord | SparseRecord, Field(discriminator="kind")]]
    derived: list[DerivedRecord] = []


class _Coefficient(BaseModel):
    model_config = _STRICT
    term: str
    column: str | None
    level: str | None
    estimate: float | None
    std_error: float | None
    z: float | None
    p_value: float | None
    conf_low: float | None
    conf_high: float | None
    odds_ratio: float | None
    odds_ratio_low: float | None
    odds_ratio_high: float | None
    class_name: str | None = None
    at_bound: Literal["lower", "upper", "both"] | None = None


class _Aliased(BaseModel):
    model_config = _STRICT
    term: str
    reason: str


class _History(BaseModel):
    model_config = _STRICT
    iteration: int
    deviance: float
    change: float
    halvings: int
    seconds: float


class _Label(BaseModel):
    model_config = _STRICT
    column: str | None
    positive: str | None
    negative: str | None
    events: str | None
    trials: str | None
    classes: dict[str, int] | None = None


class _Covariance(BaseModel):
    model_config = _STRICT
    terms: list[str]
    values: list[list[float]]
    at_centres: list[float] | None = None


class _CrossValidationPoint(BaseModel):
    model_config = _STRICT
    l1: float
    l2: float
    log_loss: float
    std_error: float
    n_nonzero: int
    deviance: float


class CrossValidationRecord(BaseModel):
    """A `CrossValidation` without folds and estimates."""

    model_config = _STRICT
    folds: int
    by: str | None
    choose: Literal["minimum", "one_standard_error"]
    points: Annotated[list[_CrossValidationPoint], Field(min_length=1)]
    minimum: Annotated[int, Field(ge=0)]
    one_standard_error: Annotated[int, Field(ge=0)]
    chosen: Annotated[int, Field(ge=0)]
    n_passes: int
    n_asked: int


class _SelectionStep(BaseModel):
    model_config = _STRICT
    action: Literal["start", "add", "remove"]
    column: str | None
    df: int | None
    statistic: float | None
    p_value: float | None
    deviance: float
    criterion_before: float | None
    criterion_after: float | None


class _Selection(BaseModel):
    model_config = _STRICT
    method: Literal["backward", "forward", "stepwise"]
    criterion: Literal["aic", "bic", "wald"]
    columns: list[str]
    left_out: list[str]
    steps: list[_SelectionStep]
    n_fits: int


class ModelFile(BaseModel):
    """The whole file; a key more or less is an error."""

    model_config = _STRICT
    schema_version: Literal[1]
    model_id: str
    content_hash: str
    family: Literal["binary", "multinomial"]
    status: Literal["converged", "not_converged", "separated_complete", "separated_quasi", "rank_deficient"]
    status_text: str
    converged: bool
    n_rows: int
    n_obs: float
    n_dropped: int
    n_zero_weight: int
    weight_sum: float
    n_events: float | None
    log_likelihood: float
    null_log_likelihood: float
    deviance: float
    null_deviance: float
    aic: float
    bic: float
    mcfadden_r2: float | None
    lr_statistic: float
    lr_df: int
    lr_p_value: float | None
    n_iterations: int
    n_passes: int
    coefficients: list[_Coefficient]
    covariance: _Covariance | None
    aliased: list[_Aliased]
    label: _Label
    design: _Design
    history: list[_History]
    notes: list[str]
    fingerprint: dict[str, Any]
    config: dict[str, Any]
    reference_class: str | None = None
    kkt_residual: float | None = None
    cross_validation: CrossValidationRecord | None = None
    selection: _Selection | None = None
    estimator: Literal["maximum_likelihood", "penalised", "firth", "ridge", "dropped"] = "maximum_likelihood"
    cox_snell_r2: float | None = None
    nagelkerke_r2: float | None = None
    interval_kind: Literal["wald", "profile"] = "wald"
    covariance_record: CovarianceRecord | None = None
    column_tests: tuple[ColumnTest, ...] = ()
    marginal_effects: tuple[MarginalEffect, ...] = ()
    checks: Checks | None = None


def read_file(text: str | bytes) -> ModelFile:
    """Return the file that a text holds, each key with its type.

    Raises
    ------
    ValidationError
        With the first wrong entry of each list.
    """
    found: ModelFile = _VALIDATOR.validate_json(text)
    return found


def _failing_fast(schema: Any) -> Any:
    """Return a schema whose lists end at their first error, those of plain dataclasses too.

    Of a million wrong entries the first one says it, and each error takes a kilobyte.
    """
    if isinstance(schema, list):
        return [_failing_fast(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {key: _failing_fast(value) for key, value in schema.items()}
    return changed | ({"fail_fast": True} if schema.get("type") in ("list", "tuple") else {})


def _validator() -> SchemaValidator:
    schema = _failing_fast(ModelFile.__pydantic_core_schema__)
    try:
        return SchemaValidator(schema, _use_prebuilt=False)
    except (
        TypeError
    ):  # before 2.11: there were no prebuilt validators, which know nothing of the changed schema
        return SchemaValidator(schema)


_VALIDATOR = _validator()


def contradiction(file: ModelFile) -> str | None:
    """Return what in a file of the right types does not agree with the rest; None when all does."""
    for column in file.design.columns:
        if isinstance(column, CategoricalRecord):
            known = {None, *column.levels}
            if len(known) != len(column.levels) + 1:
                return "a column has a level twice"
            if column.reference not in known or column.missing_level not in known:
                return "a column's reference or missing level is none of its levels"
    problem = _contradiction_of_vectors(file.design.columns)
    if problem is not None:
        return problem
    levels = {
        column.name: len(column.levels) if isinstance(column, CategoricalRecord) else None
        for column in file.design.columns
    }
    for derived in file.design.derived:
        wrong = derived_contradiction(derived, levels)
        if wrong is not None:
            return wrong
    # Columns of the table: a vector is one of them.
    columns = list(
        dict.fromkeys(getattr(column, "vector", None) or column.name for column in file.design.columns)
    )
    if file.selection is not None and file.selection.columns != columns:
        return "the selected columns are not those of the design"
    if (file.family == "multinomial") != (file.label.classes is not None):
        return "family and label disagree"
    if file.label.classes is not None and file.reference_class not in file.label.classes:
        return "the reference class is none of the classes"
    if file.converged != (file.status == "converged"):
        return "converged and status disagree"
    found = file.cross_validation
    if found is not None and len(found.points) <= max(found.minimum, found.one_standard_error, found.chosen):
        return "the cross-validation has fewer points than it says"
    wrong = config_contradiction(file.config)
    if wrong is not None or file.covariance is None:
        return wrong
    terms, values = file.covariance.terms, file.covariance.values
    if terms != [row.term for row in file.coefficients if row.estimate is not None]:
        return "the covariance is not of the estimated terms"
    if any(len(row) != len(terms) for row in values) or len(values) != len(terms):
        return "the covariance is not square"
    if file.covariance.at_centres is not None and len(file.covariance.at_centres) != len(terms):
        return "the covariance at the centres is not of the estimated terms"
    return None


def _contradiction_of_vectors(
    columns: Sequence[NumericRecord | CategoricalRecord | SparseRecord],
) -> str | None:
    expected: tuple[str, int, int] | None = None  # the number of a vector that must come next
    for column in columns:
        found = None
        if isinstance(column, NumericRecord) and column.vector is not None:
            found = (column.vector, column.element, column.size)
            if column.name != f"{column.vector}[{column.element}]":
                return "a number of a vector has another name than its place"
        if found != expected and (expected is not None or (found is not None and found[1] != 0)):
            return "a vector lacks a number"
        expected = None
        if found is not None and found[1] + 1 < found[2]:
            expected = (found[0], found[1] + 1, found[2])
        if isinstance(column, SparseRecord) and column.rule == "words":
            n_words = {len(set(column.words)), len(column.words)}
            if n_words != {column.size}:
                return "a text column has a word twice, or another number of words than it says"
    return "a vector lacks a number" if expected is not None else None
