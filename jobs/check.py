"""spark-submit jobs/check.py --config conf/train.yaml [--set key=value ...]: see --help."""

from logreg_dist.cli import run

run("check")
