"""Versions of this package and of those that decide a fit's last bits."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version

OWN_PACKAGE = "logreg-dist"
LIBRARIES = ("numpy", "scipy", "pyarrow", "pyspark")


def package_version(package: str) -> str | None:
    """Return the version of a package, None where it is not known.

    What is imported says it itself; metadata lie in files (10 ms each), and a platform's own Spark, or our code in a
    zip, has none.
    """
    known = getattr(sys.modules.get(package), "__version__", None)
    if known is not None:
        return str(known)
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def versions_of_libraries() -> dict[str, str]:
    """Return the versions of the libraries that do the arithmetic."""
    return {package: package_version(package) or "unknown" for package in LIBRARIES}
