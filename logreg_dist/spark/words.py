"""The words of a Spark error: to look for a cause in them, never to be shown, for they may hold cell values."""

from __future__ import annotations

from py4j.protocol import Py4JError

# Stands in for the words of an error whose JVM is gone.
GONE = "Py4JNetworkError"


def all_words(error: Exception) -> str:
    """Join the words of an error and of its causes in the JVM, which hold the reason; `GONE` where it is gone."""
    parts = [type(error).__name__]
    java_error = getattr(error, "_origin", None) or getattr(error, "java_exception", None)
    try:
        parts.append(str(error))  # a Py4JJavaError asks the JVM for it
        while java_error is not None:
            parts.append(str(java_error.toString()))
            java_error = java_error.getCause()
    except (Py4JError, OSError):
        parts.append(GONE)
    return "\n".join(parts)


def condition(error: Exception) -> str:
    """Return Spark's name for the error, or its Python type."""
    named = getattr(error, "getCondition", None)
    try:
        return (named() if named else None) or type(error).__name__
    except (Py4JError, OSError):  # the JVM is gone
        return type(error).__name__
