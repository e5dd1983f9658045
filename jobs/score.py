"""spark-submit jobs/score.py --config conf/score.yaml [--set key=value ...]: see --help."""

from logreg_dist.cli import run

run("score")
