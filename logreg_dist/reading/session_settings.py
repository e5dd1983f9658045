"""Settings of Spark under which no job may run: those that lose rows in silence, and those that print values."""

from __future__ import annotations

import os
from collections.abc import Callable

from logreg_dist.errors import ConfigError

_LOSE_ROWS = (
    "spark.sql.files.ignoreCorruptFiles",
    "spark.sql.files.ignoreMissingFiles",
    "spark.files.ignoreCorruptFiles",  # these two are for tables of Hive
    "spark.files.ignoreMissingFiles",
    "spark.sql.files.ignoreInvalidPartitionPaths",
    "spark.sql.hive.verifyPartitionPath",  # true means: partitions whose folder is gone are left out
)
_LOCALS = "SPARK_TRACEBACK_WITH_LOCALS"
_PRINT_VALUES = ("spark.sql.execution.pyspark.udf.tracebackWithLocals.enabled",)


def refuse_settings(setting: Callable[[str, str], str | None]) -> None:
    """Raise when Spark is set to leave out files without a word, or to print the values of variables.

    Tracebacks with local variables would put rows and passwords into the logs of executors.

    Parameters
    ----------
    setting : callable
        Returns the value of a setting of the session, by name and default.

    Raises
    ------
    ConfigError
        With every such setting.
    """
    lose = [name for name in _LOSE_ROWS if _is_true(setting, name)]
    tell = [name for name in _PRINT_VALUES if _is_true(setting, name)]
    in_workers = f"spark.executorEnv.{_LOCALS}"
    tell += [in_workers] if setting(in_workers, "") else []
    lines = [
        *([f"{_are(lose, 'true')}: unreadable files would be left out without a word."] if lose else []),
        *([f"{_are(tell, 'on')}: errors would show rows and passwords."] if tell else []),
        *([f"the variable {_LOCALS} is set: errors would show rows and passwords."] if _in_driver() else []),
    ]
    if lines:
        way_out = "Set them to false, or remove them." if len(lose + tell) > 1 else "Remove it."
        raise ConfigError("\n".join([*lines, f"  {way_out}"]))


def _is_true(setting: Callable[[str, str], str | None], name: str) -> bool:
    return str(setting(name, "false")).strip().lower() == "true"


def _in_driver() -> bool:
    return bool(os.environ.get(_LOCALS))


def _are(names: list[str], state: str) -> str:
    return f"{' and '.join(names)} {'are' if len(names) > 1 else 'is'} {state}"
