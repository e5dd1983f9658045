"""The tables on disk: written once, kept, and used again."""

from __future__ import annotations

import hashlib
import json
import shutil
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.cases import Case
from benchmarks.generate import SEED, chunk_rows, chunks

# Part of the key of the kept tables: raise it when the generator changes.
GENERATOR_VERSION = 1
N_FILES = 8


@dataclass(frozen=True)
class Table:
    """A generated table.

    Attributes
    ----------
    case : Case
        With the number of rows that the table has.
    folder : Path
        Of the table and of what is known about it.
    """

    case: Case
    folder: Path

    @property
    def path(self) -> str:
        """The folder of the Parquet files."""
        return str(self.folder / "table")

    @property
    def files(self) -> list[Path]:
        """The Parquet files in the order of their rows."""
        return sorted(Path(self.path).glob("*.parquet"))

    def read_once(self) -> int:
        """Read all bytes, so that they are in the page cache if the machine has room, and return how many."""
        n_bytes = 0
        for path in self.files:
            with path.open("rb") as file:
                while part := file.read(2**24):
                    n_bytes += len(part)
        return n_bytes


def table_of(case: Case, root: Path) -> Table:
    """Return the table of a case, generating it if it is not there in this version.

    A chunk of rows is one row group, consecutive row groups share a file, and no more than a few chunks are in
    memory at a time.
    """
    table = Table(case, root / _key(case))
    if (table.folder / "case.json").is_file():
        return table
    writing = table.folder.with_name(table.folder.name + ".writing")
    shutil.rmtree(writing, ignore_errors=True)
    (writing / "table").mkdir(parents=True)
    _write(case, writing / "table")
    # Last, so that an interrupted table is not taken for a whole one.
    (writing / "case.json").write_text(json.dumps(asdict(case), indent=1) + "\n")
    shutil.rmtree(table.folder, ignore_errors=True)
    writing.rename(table.folder)
    return table


def _key(case: Case) -> str:
    content = json.dumps([asdict(case), SEED, GENERATOR_VERSION], sort_keys=True)
    return f"{case.id}-{case.rows}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"


def _write(case: Case, folder: Path) -> None:
    n_chunks = -(-case.rows // chunk_rows(case))
    per_file = max(1, -(-n_chunks // N_FILES))
    with ExitStack() as files:
        writer: pq.ParquetWriter | None = None
        for number, chunk in enumerate(chunks(case)):
            if number % per_file == 0:
                files.close()
                # Without Arrow's own schema: readers see strings, not dictionaries.
                writer = files.enter_context(
                    pq.ParquetWriter(
                        folder / f"part-{number // per_file:05d}.parquet",
                        chunk.schema,
                        use_dictionary=case.categorical_columns,
                        store_schema=False,
                    )
                )
            assert writer is not None
            writer.write_batch(chunk, row_group_size=chunk.num_rows)
