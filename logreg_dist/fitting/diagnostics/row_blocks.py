"""The blocks of a staged split with what is carried beside its rows. Runs on executors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from logreg_dist.design.spec import DesignSpec
from logreg_dist.fitting.tasks import split_blocks
from logreg_dist.kernel.block import Block, FloatArray
from logreg_dist.kernel.mixed_rows import mixed_blocks
from logreg_dist.kernel.trials import SingleTrials, single_trials
from logreg_dist.staging.carried import carried_numbers
from logreg_dist.staging.split_file import RecordLayout
from logreg_dist.staging.staged_split import StagedSplit


@dataclass(frozen=True)
class RowEstimates:
    """The estimates as tasks take them: of the columns, or of mixtures where the columns are ill-conditioned.

    What a task sums is then of the mixtures too; `FittedRows.of_columns` says what that is of the columns.

    Attributes
    ----------
    beta : ndarray (p,)
        In the kernel's order.
    covariance : ndarray (p, p) or None
        Inverse information, in the kernel's order; None where there is none.
    mixing : ndarray (d, d) or None
        A column for each mixture of the dense columns; None where they are taken as they are.
    """

    beta: FloatArray
    covariance: FloatArray | None = None
    mixing: FloatArray | None = None


@dataclass(frozen=True)
class RowBlock:
    """A block and the carried columns of its m rows, each (m,), by name."""

    block: Block
    carried: dict[str, NDArray[Any]]
    layout: RecordLayout

    @property
    def trials(self) -> SingleTrials:
        """The rows as single trials; their numbers are in the carried column ``frequency``, 1 where there is none."""
        weights = self.layout.label_weights
        label_weights = (1.0, 1.0) if weights is None else (weights.zero, weights.one)
        block = self.block
        return single_trials(block.y, block.weight, self.carried.get("frequency"), label_weights)


def row_blocks(
    split: StagedSplit,
    spec: DesignSpec,
    layout: RecordLayout,
    names: Sequence[str],
    mixing: FloatArray | None = None,
) -> Iterator[RowBlock]:
    """Yield the blocks of a split, mixed by `mixing`, with the carried columns `names`; use each before the next.

    Raises
    ------
    FileNotFoundError
        When the files are not on this machine.
    """
    columns = {name: carried_numbers(Path(split.path), name) for name in names}
    start = 0
    blocks = split_blocks(split, spec, layout)
    for block in blocks if mixing is None else mixed_blocks(blocks, mixing):
        stop = start + block.n_rows
        yield RowBlock(block, {name: column[start:stop] for name, column in columns.items()}, layout)
        start = stop
