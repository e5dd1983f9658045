"""``python -m benchmarks fit|score|scale|accuracy|checks``: see ``--help`` and benchmarks/README.md."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.cases import CASES, FIT_CASES, SCORE_CASES, Case
from benchmarks.checks_cost import ALONE, OPTIONS, OptionCost, keyed_table, option_rows
from benchmarks.checks_cost import HEADER as CHECKS_HEADER
from benchmarks.data import Table, table_of
from benchmarks.environment import describe_environment
from benchmarks.fit import compare
from benchmarks.measure import run_in_process
from benchmarks.options import Options
from benchmarks.peers import PEERS
from benchmarks.report import Section, as_text, update_markdown
from benchmarks.scale import HEADER as SCALE_HEADER
from benchmarks.scale import SIZES, measure_series, scale_rows, scale_values, scaled_case
from benchmarks.score import HEADER as SCORE_HEADER
from benchmarks.score import SCORE_WAYS, compare_scoring, score_rows, score_values
from benchmarks.table import HEADER as FIT_HEADER
from benchmarks.table import case_rows, case_values

_ROOT = Path(__file__).parents[1]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; each section is printed, and written, as soon as it is there."""
    asked = _parser().parse_args(arguments)
    options = Options(asked.repeat, asked.timeout, asked.rows, Path(asked.data))
    environment = describe_environment()
    values: list[Any] = []
    for section, measured in _SECTIONS[asked.command](asked, options, environment):
        print(as_text(section), flush=True)
        values.append({"title": section.title, "limits": section.limits, "results": measured})
        if asked.json:
            content = {"environment": environment, "sections": values}
            Path(asked.json).write_text(json.dumps(content, indent=1) + "\n")
        if asked.markdown:
            update_markdown(Path(asked.markdown), [section])


Sections = Iterator[tuple[Section, Any]]


def _fit(asked: argparse.Namespace, options: Options, environment: dict[str, str]) -> Sections:
    for case_id in asked.case or FIT_CASES:
        result = compare(case_id, asked.peers or list(PEERS), options, _say)
        limits = _limits(result.table, options)
        title, about = _words(result.table.case)
        yield (
            Section(f"fit {title}", about, FIT_HEADER, case_rows(result), limits, environment),
            case_values(result),
        )


def _score(asked: argparse.Namespace, options: Options, environment: dict[str, str]) -> Sections:
    for case_id in asked.case or SCORE_CASES:
        result = compare_scoring(case_id, asked.peers or list(SCORE_WAYS), options, _say)
        limits = _limits(result.table, options)
        title, about = _words(result.table.case)
        section = Section(f"score {title}", about, SCORE_HEADER, score_rows(result), limits, environment)
        yield section, score_values(result)


def _scale(asked: argparse.Namespace, options: Options, environment: dict[str, str]) -> Sections:
    for series in asked.series or list(SIZES):
        sizes = getattr(asked, f"{series}_sizes") or SIZES[series]
        points = measure_series(series, sizes, options, _say)
        about = "our fit, " + ("rows of D30" if series == "rows" else f"{points[0].rows:,} rows")
        limits = _limits(table_of(scaled_case(series, sizes[0], options.rows), options.data), options)
        section = Section(f"scale {series}", about, SCALE_HEADER, scale_rows(points), limits, environment)
        yield section, scale_values(points)


def _accuracy(asked: argparse.Namespace, options: Options, environment: dict[str, str]) -> Sections:
    # The certified sets come from packages of the test extra, which the other commands do without.
    from benchmarks import accuracy
    from benchmarks.peers.spark_session import plain_session

    tools = asked.peers or list(accuracy.TOOLS)
    spark = plain_session()
    results = list(accuracy.measure(asked.set or accuracy.ALL_SETS, tools, spark, _say))
    spark.stop()
    about, header = accuracy.about(results, tools), accuracy.header(tools)
    yield (
        Section("Accuracy", about, header, accuracy.table_rows(results), {}, environment),
        accuracy.values(results),
    )


def _checks(asked: argparse.Namespace, options: Options, environment: dict[str, str]) -> Sections:
    for case_id in asked.case:
        table = keyed_table(table_of(CASES[case_id].at(options.rows), options.data))
        names = [ALONE, *(name for name in asked.options or OPTIONS if name != ALONE)]
        request = {"work": "checks", "case": asdict(table.case), "folder": str(table.folder)}
        request |= {"options": names, "repeat": options.repeat}
        run = run_in_process(request, timeout=options.timeout)
        if run.status != "done":
            _say(f"{case_id}: {run.status}: {run.words}")
            continue
        found = [OptionCost(**option) for option in run.result["options"]]
        title, _ = _words(table.case)
        about = (
            f"whole fits in one warm session, each option alone beside a fit without any check; {table.case.rows:,} rows, "
            f"{table.case.n_terms:,} terms, median of {options.repeat} rounds after a dropped one"
        )
        yield (
            Section(f"checks {title}", about, CHECKS_HEADER, option_rows(found), {}, environment),
            run.result,
        )


_SECTIONS = {"fit": _fit, "score": _score, "scale": _scale, "accuracy": _accuracy, "checks": _checks}


def _limits(table: Table, options: Options) -> dict[str, float]:
    request = {"work": "limits", "case": asdict(table.case), "folder": str(table.folder)}
    run = run_in_process(request, timeout=options.timeout)
    if run.status != "done":
        _say(f"no limits: {run.status}: {run.words}")
    return run.result


def _words(case: Case) -> tuple[str, str]:
    """Return a title, which names smaller tables as such, and what the case is about."""
    whole = CASES[case.id].rows == case.rows
    title = case.id if whole else f"{case.id} ({case.rows:,} rows)"
    kinds = [f"{case.n_dense} dense"] if case.n_dense else []
    if case.levels:
        kinds.append(f"{len(case.levels)} categorical with {sum(case.levels):,} levels")
    ridge = f", ridge l2={case.l2:g}" if case.prior_precision else ""
    return (
        title,
        f"{case.shows}; {case.rows:,} rows, {' and '.join(kinds)} columns, {case.n_terms:,} terms{ridge}",
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Compare logreg_dist with other tools, on the same cores, to the same accuracy.",
        epilog="The protocol, and what is fair about it: benchmarks/README.md.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="fit|score|scale|accuracy|checks")
    fit = commands.add_parser("fit", help="fit the model of each case with every peer")
    _add_cases(fit, FIT_CASES, list(PEERS))
    score = commands.add_parser("score", help="score tables from Parquet to Parquet")
    _add_cases(score, SCORE_CASES, list(SCORE_WAYS))
    scale = commands.add_parser("scale", help="how our own fit grows")
    scale.add_argument("--series", nargs="+", choices=list(SIZES), help="which; all by default")
    for series, sizes in SIZES.items():
        scale.add_argument(
            f"--{series}-sizes",
            nargs="+",
            type=int,
            metavar="N",
            help=f"instead of {' '.join(map(str, sizes))}",
        )
    checks = commands.add_parser("checks", help="what each check and kind of inference costs beside the fit")
    binary = [case_id for case_id in FIT_CASES if CASES[case_id].classes == 2]
    checks.add_argument(
        "--case", nargs="+", choices=binary, metavar="CASE", default=["D30"], help="D30 by default"
    )
    checks.add_argument(
        "--options",
        nargs="+",
        choices=list(OPTIONS),
        metavar="OPTION",
        help=f"of {' '.join(OPTIONS)}; all by default",
    )
    for command in (fit, score, scale, checks):
        _add_common(command)
    accuracy = commands.add_parser("accuracy", help="count right digits on the certified sets")
    accuracy.add_argument(
        "--set", "--case", nargs="+", metavar="SET", help="of tests/certified; all by default"
    )
    accuracy.add_argument(
        "--peers", nargs="+", metavar="TOOL", help="of benchmarks/accuracy_tools.py; all by default"
    )
    _add_outputs(accuracy)
    accuracy.set_defaults(repeat=1, timeout=1800.0, rows=None)
    return parser


def _add_cases(parser: argparse.ArgumentParser, cases: list[str], peers: list[str]) -> None:
    parser.add_argument(
        "--case", nargs="+", choices=cases, metavar="CASE", help=f"of {' '.join(cases)}; all by default"
    )
    parser.add_argument(
        "--peers", nargs="+", choices=peers, metavar="PEER", help=f"of {' '.join(peers)}; all by default"
    )


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--repeat", type=int, default=3, metavar="N", help="counted rounds, after a dropped one (3)"
    )
    parser.add_argument(
        "--rows", type=int, metavar="N", help="rows instead of the case's own, for a quick look"
    )
    parser.add_argument("--timeout", type=float, default=1800, metavar="SECONDS", help="for one run (1800)")
    _add_outputs(parser)


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", metavar="FILE", help="write everything that was measured")
    parser.add_argument("--markdown", metavar="FILE", help="write or update the sections of a Markdown file")
    parser.add_argument(
        "--data", default=str(_ROOT / "data" / "benchmarks"), metavar="DIR", help="where tables are kept"
    )


if __name__ == "__main__":
    main()
