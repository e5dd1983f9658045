"""The rows of the largest influence as ``influence.parquet``."""

from __future__ import annotations

from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq

from logreg_dist.model.model import LogisticModel


def influence_parquet(model: LogisticModel) -> bytes:
    """Return the content of ``influence.parquet``, the largest Cook's distance first; empty where there are no rows.

    Columns: the key by its own name (where one is configured), label, probability, leverage, pearson_residual,
    cooks_distance, and ``dfbeta_<term>`` for every term with an estimate: by how many standard errors the estimate lies
    above that without the row. It holds what single rows are, as it is meant to.
    """
    rows = model.influential
    if rows is None:
        return b""
    columns = {name: pa.array(values) for name, values in rows.columns.items()}
    columns |= {
        f"dfbeta_{term}": pa.array(values) for term, values in zip(rows.terms, rows.dfbetas.T, strict=True)
    }
    if rows.keys is not None:
        asked = model.config.get("checks", {}).get("influence", {}).get("key")
        # A key that is called like one of the measures would be one of two columns of a name.
        name = "key" if asked is None or asked in columns else asked
        columns = {name: pa.array(rows.keys, type=pa.string()), **columns}
    buffer = BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()
