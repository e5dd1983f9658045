"""A catalog with one table, in memory: what publishing does with a real one is in test_tables.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from logreg_dist.publishing.catalog import Catalog
from logreg_dist.publishing.destination import Destination
from logreg_dist.publishing.filesystem import Filesystem
from logreg_dist.publishing.sink import Sink
from logreg_dist.publishing.table_sink import table_sink


@dataclass
class Metastore:
    """A catalog with one table, in memory."""

    parts: dict[str, str] = field(default_factory=dict)
    stop: Callable[[], None] | None = None

    def point(self, part: str, folder: str) -> None:
        stop, self.stop = self.stop, None
        if stop is not None:
            stop()
        self.parts[part] = folder

    def catalog(self) -> Catalog:
        return Catalog(
            locations=lambda part: {k: v for k, v in self.parts.items() if part in (None, k)},
            point=self.point,
            drop=lambda part: self.parts.pop(part, None) and None,
        )

    def rows(self) -> dict[str, str]:
        return {part: Path(folder, "part-0").read_text() for part, folder in self.parts.items()}


def metastore_in_use(monkeypatch: pytest.MonkeyPatch) -> Metastore:
    """Put it in the place of the session's catalog."""
    found = Metastore()
    module = "logreg_dist.publishing.table_sink"
    monkeypatch.setattr(f"{module}.find_table", lambda *arguments: None)
    monkeypatch.setattr(f"{module}.catalog_of", lambda *arguments: found.catalog())
    monkeypatch.setattr(f"{module}._make_table", lambda *arguments: None)
    monkeypatch.setattr(f"{module}._check_live", lambda *arguments: None)
    return found


def table_sink_of(files: Filesystem, path: Path) -> Sink:
    destination = Destination(path=str(path), format="parquet", run_date="2026-11-20", table="crm.scores")
    return table_sink(files, SimpleNamespace(sparkSession=None), destination)  # type: ignore[arg-type]
