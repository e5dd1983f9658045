"""Print what the demo made: the coefficients, the headline metrics and where every output lies.

Usage: python examples/churn/show.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

RUNS = ("artifacts/churn/run.json", "data/churn/scored/_runs/*/run.json", "artifacts/churn/holdout/run.json")


def main() -> None:
    """Read the files that the jobs wrote; nothing is computed here."""
    metrics = json.loads(Path("artifacts/churn/holdout/metrics.json").read_text())
    sys.stdout.write(Path("artifacts/churn/summary.txt").read_text())
    sys.stdout.write(
        f"\nOn {metrics['n_rows']:,} customers of the hold-out: AUC {metrics['auc']:.4f}, KS {metrics['ks']:.4f}, "
        f"top-decile lift {metrics['gains'][0]['lift']:.2f}\n\nWritten:\n"
    )
    for pattern in RUNS:
        newest = max(Path().glob(pattern), key=lambda path: path.stat().st_mtime)
        record = json.loads(newest.read_text())
        for name, path in record["outputs"].items():
            sys.stdout.write(f"  {record['job']:<9} {name:<8} {path}\n")


if __name__ == "__main__":
    main()
