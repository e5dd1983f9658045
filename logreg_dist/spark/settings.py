"""The settings of a Spark context, asked of the JVM in one call each.

`SparkContext.getConf` copies all of them, one after the other: 250 calls, 0.05 s in a JVM that has just started.
"""

from __future__ import annotations

from typing import Any

from pyspark import SparkContext


def setting(context: SparkContext, name: str, default: str) -> str:
    """Return the value of a setting."""
    conf: Any = context._jsc.sc().conf()
    return str(conf.get(name, default))


def all_settings(context: SparkContext) -> dict[str, str]:
    """Return the values of all settings, passwords redacted.

    Of a value of several lines all but the first come as settings of their own.
    """
    conf: Any = context._jsc.sc().conf()
    pairs = (line.partition("=") for line in str(conf.toDebugString()).splitlines())
    return {name: value for name, _, value in pairs}
