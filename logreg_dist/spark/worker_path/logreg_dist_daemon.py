"""PySpark's daemon of Python workers, started with PySpark's folder instead of Spark's zip of it, and with what all import.

The zip has no bytecode: every session compiles PySpark anew in each first worker, 0.4 to 0.9 s of a job's start. Alone in
its folder, which goes on the module search path of the workers: nothing else is found there by accident.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.abc import MetaPathFinder
from pathlib import Path


def with_folders_first(path: Sequence[str]) -> list[str]:
    """Return a module search path on which the PySpark of Spark's own installation is found in its folder, if it has one.

    Parameters
    ----------
    path : sequence of str
        With Spark's zips in front, as Spark makes it: ``python/lib/pyspark.zip`` and py4j's beside it, and one of
        Spark's jars.

    Returns
    -------
    list of str
        The same entries without PySpark's zip and Spark's jar, whose directories of thousands of files each new
        worker would read, and Spark's folder ``python`` before them; or, where PySpark was installed by pip and is
        found anyway, py4j's zip last. Unchanged where the zip is all there is.
    """
    archive = next((Path(entry) for entry in path if entry.endswith("pyspark.zip")), None)
    if archive is None or len(archive.parents) < 4:
        return list(path)
    home = archive.parents[2]
    rest = [entry for entry in path if Path(entry) != archive and Path(entry).parent != home / "jars"]
    if (home / "python" / "pyspark" / "__init__.py").is_file():
        return [str(home / "python"), *rest]
    if home.name == "pyspark" and (home / "__init__.py").is_file() and str(home.parent) in path:
        zips = [entry for entry in rest if Path(entry).parent == archive.parent]
        return [entry for entry in rest if entry not in zips] + zips
    return list(path)


class _NoPandas(MetaPathFinder):
    """Finds nothing, and keeps others from finding pandas."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def import_before_fork() -> None:
    """Import what every worker needs, once; each would do it for itself, and all of them at the same time.

    pyarrow loads pandas, if there is one, as soon as an array becomes NumPy's: 0.3 s of a worker's first task, and
    here nobody hands it anything of pandas. It asks once, and is told no; where it is asked for a pandas object it
    tries again, and pandas is there.
    """
    without = _NoPandas()
    sys.meta_path.insert(0, without)
    with suppress(Exception):  # what is missing or broken is named by the task that needs it
        import numpy  # noqa: F401
        import pyarrow

        pyarrow.array([0.0]).to_numpy()
        import pyarrow.compute
        import pyarrow.parquet
        import pyspark.worker  # noqa: F401
    sys.meta_path.remove(without)


if __name__ == "__main__":
    sys.path[:] = with_folders_first(sys.path)
    sys.path_importer_cache.clear()  # of what was on the path before
    import_before_fork()
    from pyspark.daemon import manager

    manager()
