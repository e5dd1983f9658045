"""Small tables of the cases, generated once."""

from __future__ import annotations

import pytest

from benchmarks.cases import CASES
from benchmarks.data import table_of

ROWS = 2500


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    root = tmp_path_factory.mktemp("benchmarks")
    return lambda case_id, rows=ROWS: table_of(CASES[case_id].at(rows), root)
