"""What the words of a traceback say about where a task failed."""

from __future__ import annotations

import pytest
from pyspark.errors import PySparkException

from logreg_dist.spark.task_failure import task_failure


def words(*files: str) -> str:
    frames = "".join(
        f'  File "{file}", line {k}, in work\n    code\n' for k, file in enumerate(files, start=7)
    )
    return (
        f"Task 3 in stage 1.0 failed 4 times\nTraceback (most recent call last):\n{frames}KeyError: 'ann'\n"
    )


@pytest.mark.parametrize(
    ("files", "place"),
    [
        (["/opt/spark/worker.py", "/a/logreg_dist/staging/split_tasks.py"], "staging/split_tasks.py, line 8"),
        (["/home/u/logreg_dist/logreg_dist/cli.py"], "cli.py, line 7"),
        (["/x/logreg_dist.zip/logreg_dist/kernel/state.py", "/usr/numpy/a.py"], "kernel/state.py, line 7"),
        (["/home/u/logreg_dist/jobs_of_ours/view.py"], None),
        (["/home/u/logreg_dist/tests/staging/view.py"], None),
        (["/home/u/view.py"], None),
    ],
)
def test_a_place_is_told_where_it_is_in_the_package_and_not_beside_it(files, place):
    found = task_failure(PySparkException(words(*files)))
    assert (found.split, found.attempts, found.raised, found.place) == (3, 4, "KeyError", place)
