"""Staging one split: batches in, a staged file with its sidecar out. Runs inside a Spark task."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pyarrow as pa

from logreg_dist.staging.carried import CarriedWriter
from logreg_dist.staging.checksum import as_signed
from logreg_dist.staging.plan import StagePlan
from logreg_dist.staging.profile import profile_to_dict
from logreg_dist.staging.rows import Rows, rechunk
from logreg_dist.staging.sparse_file import sparse_path, write_sparse
from logreg_dist.staging.split_file import RawChunk, RecordLayout, write_chunk
from logreg_dist.staging.split_survey import SplitSurvey
from logreg_dist.staging.staged_split import StagedSplit, fold_file, record_layout


def stage_split(batches: Iterable[pa.RecordBatch], plan: StagePlan, path: Path, split: int) -> StagedSplit:
    """Write the rows that count to `path` and their profile beside it; no batches, an empty file.

    The sidecar ``.json`` holds the profile and the split's dictionaries of levels, words and classes, the file
    ``.sparse`` the sparse columns, see `write_sparse`, and ``.carried`` what travels with the rows, see `carried`.
    """
    clock = time.perf_counter()
    layout = record_layout(plan)
    beside_path = sparse_path(path) if plan.sparse else None
    with (
        path.open("wb") as file,
        fold_file(path).open("wb") as folds,
        beside_path.open("wb") if beside_path else BytesIO() as beside,
        closing(CarriedWriter(path, plan.carried)) as carried,
    ):
        survey = SplitSurvey(plan, carried)
        for rows in rechunk((survey.read(batch) for batch in batches), plan.chunk_rows):
            survey.add(rows)
            chunk = _raw_chunk(rows, layout)
            write_chunk(file, chunk, layout)
            write_sparse(beside, chunk.sparse)
            if plan.folds is not None:
                folds.write(rows.fold.data)
    profile = survey.profile()
    sidecar = {
        "profile": profile_to_dict(profile),
        "levels": [list(dictionary.numbers) for dictionary in survey.dictionaries],
        "words": [reader.words for reader in survey.sparse],
        "classes": list(survey.labels.numbers) if plan.label.by_class else [],
    }
    path.with_suffix(".json").write_text(json.dumps(sidecar), encoding="utf-8")
    counts = profile.rows
    return StagedSplit(
        split,
        str(path),
        counts.n_rows,
        counts.label_sum,
        counts.weight_sum,
        survey.content.value,
        as_signed(survey.outcomes.value.in_any_order),
        as_signed(survey.outcomes.value.in_order),
        time.perf_counter() - clock,
    )


def _raw_chunk(rows: Rows, layout: RecordLayout) -> RawChunk:
    return RawChunk(
        y=rows.y,
        weight=rows.weight if layout.weighted else None,
        offset=rows.offset if layout.has_offset else None,
        numeric=rows.numeric,
        codes=rows.codes,
        sparse=rows.sparse,
    )
