"""Our own kernel in two plain processes, rows in memory, no Spark: what a pass costs at least."""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks.cases import Case
from benchmarks.data import Table
from benchmarks.peers.peer import FitTask, Fitted, Peer
from benchmarks.phases import BESIDE, STARTUP, Phases
from benchmarks.reference import reference_of
from benchmarks.rows import read_rows, term_names

if TYPE_CHECKING:
    from logreg_dist.kernel.block import Block

N_PROCESSES = 2
N_PASSES = 7


def _fit(task: FitTask, phases: Phases) -> Fitted:
    """Time passes at the reference's estimates; nothing is fitted."""
    with phases.phase(STARTUP):
        estimates = reference_of(task.table).estimates
        beta = np.array([estimates[term] for term in term_names(task.case)])
        # Spawned, as nothing of the parent may be shared but the request.
        context = multiprocessing.get_context("spawn")
        pipes = [context.Pipe() for _ in range(N_PROCESSES)]
        processes = [
            context.Process(target=_serve, args=(end, task.table, part))
            for part, (_, end) in enumerate(pipes)
        ]
        for process in processes:
            process.start()
    ends = [end for end, _ in pipes]
    with phases.phase(BESIDE):
        for end in ends:
            end.recv()
    seconds = []
    with phases.phase("passes"):
        for _ in range(N_PASSES):
            start = time.perf_counter()
            for end in ends:
                end.send(beta)
            states = [end.recv() for end in ends]
            seconds.append(time.perf_counter() - start)
    for end in ends:
        end.send(None)
    for process in processes:
        process.join()
    assert sum(states) == task.case.rows
    return Fitted(None, passes=N_PASSES, pass_seconds=tuple(seconds[1:]), note="per pass; nothing is fitted")


def _serve(end: Connection, table: Table, part: int) -> None:
    """Hold every second chunk of the table; answer each beta with the number of rows summed."""
    from threadpoolctl import threadpool_limits

    from logreg_dist.kernel.block import BlockShape
    from logreg_dist.kernel.evaluate import evaluate

    case = table.case
    shape = BlockShape(n_dense=1 + case.n_dense, widths=tuple(count - 1 for count in case.levels))
    blocks = _blocks(table, part)
    end.send(len(blocks))
    with threadpool_limits(1):
        while (beta := end.recv()) is not None:
            end.send(evaluate(beta, blocks, shape).n_rows)


def _blocks(table: Table, part: int) -> list[Block]:
    from logreg_dist.kernel.block import Block
    from logreg_dist.staging.plan import rows_per_chunk

    case, size = table.case, rows_per_chunk(table.case.n_dense)
    blocks: list[Block] = []
    for number, rows in enumerate(read_rows(table)):
        if number % N_PROCESSES != part:
            continue
        for start in range(0, len(rows.y), size):
            piece = slice(start, start + size)
            blocks.append(
                Block(
                    dense=np.ascontiguousarray(rows.X[piece].T),
                    codes=[
                        _kernel_codes(codes[piece], n)
                        for codes, n in zip(rows.codes, case.levels, strict=True)
                    ],
                    y=rows.y[piece].copy(),
                    weight=rows.weight[piece].copy() if case.has_weight else None,
                    offset=rows.offset[piece].copy() if case.has_offset else None,
                )
            )
    return blocks


def _kernel_codes(codes: NDArray[np.int64], levels: int) -> NDArray[np.int32]:
    """Put the reference, level 0 here, behind the last level, where the kernel expects it."""
    return ((codes - 1) % levels).astype(np.int32)


def _refuses(case: Case) -> str | None:
    return "two classes only" if case.classes > 2 else None


PEER = Peer(
    name="kernel",
    what="our kernel in two processes, rows in memory, without Spark: seconds of a pass",
    fit=_fit,
    refuses=_refuses,
    modules=("logreg_dist",),
)
