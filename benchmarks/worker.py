"""The process of one run: reads its request, runs it, writes what came out.

Started by `measure`, never by hand: ``python -m benchmarks.worker REQUEST ANSWER``.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.cases import Case
from benchmarks.data import Table
from benchmarks.peers import PEERS
from benchmarks.peers.ours import fit_alone
from benchmarks.peers.peer import FitTask, NotAvailable
from benchmarks.phases import BESIDE, Phases

Work = Callable[[Mapping[str, Any], Phases], Mapping[str, Any]]


def main(request_file: str, answer_file: str) -> None:
    """Run the request; an error becomes part of the answer."""
    request = json.loads(Path(request_file).read_text())
    phases = Phases()
    answer: dict[str, Any] = {}
    try:
        answer["result"] = _WORK[request["work"]](request, phases)
    except NotAvailable as refusal:
        answer["not_available"] = str(refusal)
    except Exception as error:
        traceback.print_exc()
        answer["failed"] = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    answer["phases"] = [asdict(phase) for phase in phases.done]
    Path(answer_file).write_text(json.dumps(answer))


def table_in(request: Mapping[str, Any]) -> Table:
    """Return the table that a request is about."""
    case = dict(request["case"])
    case["levels"] = tuple(case["levels"])
    return Table(Case(**case), Path(request["folder"]))


def _warm_table(request: Mapping[str, Any], phases: Phases) -> Table:
    """Return the table of a run that is measured, its files read once."""
    table = table_in(request)
    with phases.phase(BESIDE):
        table.read_once()
    return table


def _fit(request: Mapping[str, Any], phases: Phases) -> Mapping[str, Any]:
    task = FitTask(_warm_table(request, phases), request["tolerance"])
    return asdict(PEERS[request["peer"]].fit(task, phases))


def _scale(request: Mapping[str, Any], phases: Phases) -> Mapping[str, Any]:
    return asdict(fit_alone(_warm_table(request, phases), phases, request["splits"]))


def _limits(request: Mapping[str, Any], phases: Phases) -> Mapping[str, Any]:
    from benchmarks.limits import measure_limits

    return measure_limits(table_in(request))


def _prepare_score(request: Mapping[str, Any], phases: Phases) -> Mapping[str, Any]:
    from benchmarks.scoring import prepare_model

    prepare_model(table_in(request))
    return {}


def _score(request: Mapping[str, Any], phases: Phases) -> Mapping[str, Any]:
    from benchmarks.scoring import run_scoring

    return run_scoring(request["way"], _warm_table(request, phases), phases)


def _checks(request: Mapping[str, Any], phases: Phases) -> Mapping[str, Any]:
    from benchmarks.checks_cost import measure_options
    from benchmarks.peers.spark_session import job_session

    spark = job_session()
    with phases.phase("fits"):
        found = measure_options(spark, table_in(request), names=request["options"], repeat=request["repeat"])
    spark.stop()
    return {"options": [asdict(option) for option in found]}


_WORK: dict[str, Work] = {
    "fit": _fit,
    "scale": _scale,
    "limits": _limits,
    "checks": _checks,
    "prepare-score": _prepare_score,
    "score": _score,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
