"""Zip the package for ``spark-submit --py-files``.

Usage: python examples/cluster/package.py [FILE], by default dist/logreg_dist.zip.

A wheel will not do: Spark takes .zip, .egg and .py. The same sources give the same bytes.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OLDEST = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip can hold


def main(target: Path) -> None:
    """Write the zip, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((ROOT / "logreg_dist").rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                entry = zipfile.ZipInfo(path.relative_to(ROOT).as_posix(), OLDEST)
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    unfinished.replace(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "logreg_dist.zip")
