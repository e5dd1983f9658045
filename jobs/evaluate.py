"""spark-submit jobs/evaluate.py --config conf/evaluate.yaml [--set key=value ...]: see --help."""

from logreg_dist.cli import run

run("evaluate")
