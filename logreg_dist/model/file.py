"""``model.json``: strict, versioned, and nothing in it that could run."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from logreg_dist.design.problems import quoted
from logreg_dist.design.sparse_column import SparseColumn
from logreg_dist.design.spec import CategoricalColumn, DesignSpec, NumericColumn
from logreg_dist.errors import ArtefactInvalid
from logreg_dist.model.cross_validation import CrossValidation, CrossValidationPoint
from logreg_dist.model.derived import derived_from_record, derived_to_dict
from logreg_dist.model.model import (
    AliasedTerm,
    Coefficient,
    HistoryEntry,
    LabelRecord,
    LogisticModel,
    Status,
)
from logreg_dist.model.schema import (
    CategoricalRecord,
    CrossValidationRecord,
    ModelFile,
    NumericRecord,
    SparseRecord,
    contradiction,
    read_file,
)
from logreg_dist.model.selection import SelectionRecord, SelectionStep
from logreg_dist.model.strict_json import content_hash, is_crammed, strict_json
from logreg_dist.printable import printable_json

SCHEMA_VERSION = 1
MAX_BYTES = 1_000_000_000
MAX_COVARIANCE_TERMS = 2_000
MAX_INDENTED_TERMS = 20_000

# What makes two models score alike; the model's id is a hash of these.
_IDENTITY = ("family", "coefficients", "label", "reference_class", "design", "n_rows", "weight_sum")

_OF_VECTORS = ("vector", "element", "size")

_Json = dict[str, Any]


def model_to_dict(model: LogisticModel) -> _Json:
    """Return what ``model.json`` holds; every float is written so that it reads back bit for bit."""
    data = _content(model)
    data["model_id"] = _id(data)
    data["content_hash"] = content_hash({k: v for k, v in data.items() if k != "content_hash"})
    return data


def identified(model: LogisticModel) -> LogisticModel:
    """Return the model under the id that its content gives it."""
    return replace(model, model_id=_id(_content(replace(model, covariance=None))))


def _id(data: _Json) -> str:
    return content_hash({name: data[name] for name in _IDENTITY})[:16]


def _content(model: LogisticModel) -> _Json:
    estimated = [row.term for row in model.coefficient_rows if row.estimate is not None]
    covariance: _Json | None = None
    if model.covariance is not None:
        covariance = {"terms": estimated, "values": model.covariance.tolist()}
        if model.covariance_at_centres is not None:
            covariance["at_centres"] = model.covariance_at_centres.tolist()
    data = {
        name: getattr(model, name)
        for name in ModelFile.model_fields
        if name in LogisticModel.__dataclass_fields__ or name == "converged"
    }
    data |= {
        "schema_version": SCHEMA_VERSION,
        "status": model.status.value,
        "coefficients": [dict(vars(row)) for row in model.coefficient_rows],
        "covariance": covariance,
        "aliased": [asdict(term) for term in model.aliased],
        "label": asdict(model.label),
        "design": _design_to_dict(model.design),
        "history": [asdict(entry) for entry in model.history],
        "notes": list(model.notes),
        "fingerprint": dict(model.fingerprint),
        "config": dict(model.config),
        "reference_class": model.reference_class,
        "kkt_residual": model.kkt_residual,
        "cross_validation": _cross_validation_to_dict(model.cross_validation),
        "selection": None if model.selection is None else asdict(model.selection),
        "covariance_record": None if model.covariance_record is None else asdict(model.covariance_record),
        "column_tests": [asdict(test) for test in model.column_tests],
        "marginal_effects": [asdict(effect) for effect in model.marginal_effects],
        "checks": None if model.checks is None else asdict(model.checks),
    }
    return {name: data[name] for name in ModelFile.model_fields if name in data}


def model_to_json(model: LogisticModel) -> str:
    """Return the text of ``model.json``.

    Raises
    ------
    ValueError
        When a number is NaN or infinite: the file could not be read back.
    """
    # With an indent Python's own encoder is at work, which takes several times as long.
    indent = 1 if len(model.coefficient_rows) <= MAX_INDENTED_TERMS else None
    text = json.dumps(model_to_dict(model), indent=indent, ensure_ascii=False, allow_nan=False)
    return printable_json(text)


def model_from_json(text: str | bytes, where: str = "model.json") -> LogisticModel:
    """Read a model, checking every key, type and the hash of the content.

    Raises
    ------
    ArtefactInvalid
        Saying what is wrong with the file.
    """
    if len(text) > MAX_BYTES:
        raise ArtefactInvalid(f"{where} has more than {MAX_BYTES:,} bytes.")
    if is_crammed(text):
        raise ArtefactInvalid(f"{where} has more values than a model of its size.\n  Train again.")
    try:
        data = strict_json(text)
    except (ValueError, RecursionError) as error:
        raise ArtefactInvalid(
            f"{where} is not JSON of finite numbers and unique keys.\n  Train again."
        ) from error
    if not isinstance(data, dict) or "schema_version" not in data:
        raise ArtefactInvalid(
            f"{where} is not a model of logreg_dist.\n  Point the key `model` at a model.json."
        )
    if data["schema_version"] != SCHEMA_VERSION:
        raise ArtefactInvalid(
            f"{where} has another schema_version than {SCHEMA_VERSION}, the one this version reads.\n"
            "  Train again with this version, or score with the version that trained it."
        )
    unknown = data.keys() - ModelFile.model_fields.keys()
    if unknown:
        raise ArtefactInvalid(
            f"{where} does not follow the schema: {len(unknown):,} problems, the first at {quoted(min(unknown))} "
            "(extra_forbidden).\n  Do not edit model files; train again."
        )
    try:
        file = read_file(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ArtefactInvalid(
            f"{where} does not follow the schema: {error.error_count()} problems, the first at "
            f"{quoted(key)} ({first['type']}).\n  Do not edit model files; train again."
        ) from None
    if content_hash({k: v for k, v in data.items() if k != "content_hash"}) != file.content_hash:
        raise ArtefactInvalid(
            f"{where} was changed after it was written: its content does not match its hash.\n  Train again."
        )
    disagreement = contradiction(file)
    if disagreement is not None:
        raise ArtefactInvalid(f"{where} contradicts itself: {disagreement}.\n  Train again.")
    return _from_file(file, where)


def save_model(model: LogisticModel, folder: str | Path) -> Path:
    """Write ``<folder>/model.json`` so that a reader sees the old file or the new one, never half."""
    target = Path(folder) / "model.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".model-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(model_to_json(model))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return target


def load_model(path: str | Path) -> LogisticModel:
    """Load a model from a local ``model.json`` (or the folder that holds it).

    Raises
    ------
    ArtefactInvalid
        When there is none, or it is damaged, edited or of another version.
    """
    file = Path(path)
    file = file / "model.json" if file.is_dir() else file
    try:
        return model_from_json(file.read_bytes(), str(path))
    except OSError as error:
        raise ArtefactInvalid(
            f"{path} cannot be read ({error.strerror}).\n  Train first, or check the path."
        ) from error


def _from_file(file: ModelFile, where: str) -> LogisticModel:
    columns = tuple(_column_from_file(column) for column in file.design.columns)
    by_name = DesignSpec(columns, file.design.intercept).scalars
    derived = tuple(derived_from_record(record, by_name) for record in file.design.derived)
    design = DesignSpec(columns, file.design.intercept, derived)
    free = [name for name in file.label.classes or {} if name != file.reference_class]
    prefixes = [f"{name}:" for name in free] or [""]
    terms = [prefix + term.name for prefix in prefixes for term in design.terms()]
    if [row.term for row in file.coefficients] != terms:
        raise ArtefactInvalid(f"{where}: the coefficients are not those of the design.\n  Train again.")
    scalars = {
        name: getattr(file, name)
        for name in LogisticModel.__dataclass_fields__
        if name in ModelFile.model_fields
    }
    scalars |= {
        "status": Status(file.status),
        "covariance": None if file.covariance is None else np.array(file.covariance.values, dtype=np.float64),
        "covariance_at_centres": _at_centres(file),
        "aliased": tuple(AliasedTerm(**term.model_dump()) for term in file.aliased),
        "label": LabelRecord(**file.label.model_dump()),
        "design": design,
        "history": tuple(HistoryEntry(**entry.model_dump()) for entry in file.history),
        "notes": tuple(file.notes),
        "cross_validation": _cross_validation_from_file(file.cross_validation),
        "selection": None if file.selection is None else _selection_from(file.selection.model_dump()),
    }
    rows = tuple(Coefficient(**row.model_dump()) for row in file.coefficients)
    return LogisticModel(coefficient_rows=rows, **scalars)


def _at_centres(file: ModelFile) -> NDArray[np.float64] | None:
    if file.covariance is None or file.covariance.at_centres is None:
        return None
    return np.array(file.covariance.at_centres, dtype=np.float64)


def _cross_validation_to_dict(record: CrossValidation | None) -> _Json | None:
    if record is None:
        return None
    data = asdict(record)
    # Folds and the estimates along the path are in cv.json.
    data["points"] = [
        {name: value for name, value in point.items() if name not in ("fold_log_loss", "estimates")}
        for point in data["points"]
    ]
    return data


def _cross_validation_from_file(record: CrossValidationRecord | None) -> CrossValidation | None:
    if record is None:
        return None
    points = tuple(CrossValidationPoint(**point.model_dump()) for point in record.points)
    return CrossValidation(**{**record.model_dump(), "points": points})


def _design_to_dict(design: DesignSpec) -> _Json:
    values: _Json = {
        "intercept": design.intercept,
        "columns": [_column_to_dict(column) for column in design.columns],
    }
    # Only where there is any: the content decides a model's id, and models without terms keep theirs.
    return values | ({"derived": [derived_to_dict(one) for one in design.derived]} if design.derived else {})


def _selection_from(values: _Json) -> SelectionRecord:
    steps = tuple(SelectionStep(**step) for step in values.pop("steps"))
    columns, left_out = tuple(values.pop("columns")), tuple(values.pop("left_out"))
    return SelectionRecord(columns=columns, left_out=left_out, steps=steps, **values)


def _column_to_dict(column: NumericColumn | CategoricalColumn | SparseColumn) -> _Json:
    if isinstance(column, SparseColumn):
        return {"kind": "sparse", **vars(column), "words": list(column.words)}
    values = asdict(column)
    if column.plain:
        del values["plain"]
    if isinstance(column, NumericColumn):
        if column.vector is None:
            values = {name: value for name, value in values.items() if name not in _OF_VECTORS}
        return {"kind": "numeric", **values}
    return {"kind": "categorical", **values, "levels": list(column.levels)}


def _column_from_file(
    column: NumericRecord | CategoricalRecord | SparseRecord,
) -> NumericColumn | CategoricalColumn | SparseColumn:
    values = column.model_dump(exclude={"kind"})
    if isinstance(column, SparseRecord):
        return SparseColumn(**{**values, "words": tuple(column.words)})
    if isinstance(column, NumericRecord):
        return NumericColumn(**values)
    return CategoricalColumn(**{**values, "levels": tuple(column.levels)})
