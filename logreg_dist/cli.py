"""The command line: ``logreg-dist train|score|evaluate|check`` and the scripts in ``jobs/``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

_EPILOG = """\
exit codes: 0 done, 2 usage or config, 3 input rejected, 4 fit not usable, 5 output verification
failed (old data kept), 6 model invalid, 75 temporary (a retry helps), 130 / 143 interrupted.
The same is in run.json beside the output, written last in every case."""

_JOBS = {
    "train": ("fit a model and write model.json", "conf/train.yaml"),
    "score": ("score a table with a model and publish the scores", "conf/score.yaml"),
    "evaluate": ("assess a model on a labelled table and write metrics.json", "conf/evaluate.yaml"),
    "check": (
        "look into the assumptions of a model without saving it, and write a report",
        "conf/train.yaml",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; usage errors exit with 2."""
    asked = _parser().parse_args(arguments)
    # Imported late: --help and typing errors should not wait for Spark.
    from logreg_dist.commands.check import check
    from logreg_dist.commands.evaluate import evaluate
    from logreg_dist.commands.job import Request, run_job
    from logreg_dist.commands.score import score
    from logreg_dist.commands.train import train
    from logreg_dist.config import load_evaluate_config, load_score_config, load_train_config

    request = Request(
        job=asked.job,
        config=asked.config,
        overrides=tuple(asked.overrides),
        debug=asked.debug,
        resume=getattr(asked, "resume", "auto"),
        profile=getattr(asked, "profile", False),
    )
    load, work = {
        "train": (load_train_config, train),
        "score": (load_score_config, score),
        "evaluate": (load_evaluate_config, evaluate),
        "check": (load_train_config, check),
    }[asked.job]
    return run_job(request, load, work)


def run(job: str) -> None:
    """Run one job with the arguments of this process and exit; what the scripts in ``jobs/`` call."""
    raise SystemExit(main([job, *sys.argv[1:]]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="logreg-dist",
        description="Logistic regression for warehouse tables: exact fits with full inference, on Spark.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    jobs = parser.add_subparsers(dest="job", required=True, metavar="train|score|evaluate|check")
    for job, (purpose, example) in _JOBS.items():
        job_parser = jobs.add_parser(
            job,
            help=purpose,
            description=f"{purpose[0].upper()}{purpose[1:]}.\nEvery key of the configuration is explained in {example}.",
            epilog=_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        job_parser.add_argument("--config", required=True, metavar="FILE", help="the YAML configuration")
        job_parser.add_argument(
            "--set",
            dest="overrides",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            help="set a key of the configuration, dotted, with a YAML value; may be repeated: "
            "--set output.run_date=2026-11-21",
        )
        job_parser.add_argument(
            "--debug",
            action="store_true",
            help="show Spark's own words and stack traces when something fails",
        )
        if job == "train":
            job_parser.add_argument(
                "--resume",
                choices=("auto", "never", "require"),
                default="auto",
                help="a killed or failed fit leaves _checkpoint.json in output.path, written after every iteration: "
                "auto goes on from it if it is there, to the same model bit for bit; never deletes it and starts "
                "anew; require fails without one. One of another configuration, table or encoding is refused "
                "(exit code 6)",
            )
            job_parser.add_argument(
                "--profile",
                action="store_true",
                help="print where the time of each pass went: staging, reading, kernel, tasks, driver",
            )
    return parser
