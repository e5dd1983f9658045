"""What a pass sums for average marginal effects. Runs on executors: NumPy and pyarrow only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from logreg_dist.design.derived_slopes import DerivedSlopes
from logreg_dist.design.encode import RowEncoder, level_lookup
from logreg_dist.design.encode_sparse import word_lookups
from logreg_dist.design.spec import DesignSpec
from logreg_dist.fitting.tasks import SharedDesign
from logreg_dist.kernel.block import Block, BlockShape, CodeArray, FloatArray
from logreg_dist.kernel.evaluate import linear_predictor
from logreg_dist.kernel.probability_slopes import probability_change, probability_slopes
from logreg_dist.kernel.products import transposed_product
from logreg_dist.staging.label_weights import LabelWeights
from logreg_dist.staging.pass_timing import Measured, ReadingClock
from logreg_dist.staging.split_file import RawChunk, RecordLayout, read_chunks
from logreg_dist.staging.staged_split import StagedSplit, read_sidecar


@dataclass(frozen=True)
class LevelChange:
    """All rows set to levels of a category, one after the other, against the level with the code `base`.

    Attributes
    ----------
    column : int
        Among the categorical columns of the design.
    base : int
    codes : tuple of int
        The design's codes, see `level_lookup`.
    """

    column: int
    base: int
    codes: tuple[int, ...]


@dataclass(frozen=True)
class Chain:
    """A number whose effect goes through transforms or interactions.

    Attributes
    ----------
    column : str
    own : int or None
        The dense row of the column itself; None where it has no term of its own.
    """

    column: str
    own: int | None


@dataclass(frozen=True)
class EffectPlan:
    """The effects that take sums of their own, in the order of the sums: levels, indicators, chains.

    Attributes
    ----------
    levels : tuple of LevelChange
    indicators : tuple of int
        Dense rows of 0 and 1.
    chains : tuple of Chain
    label_weights : LabelWeights or None
        What rows are multiplied by to stand for a population.
    """

    levels: tuple[LevelChange, ...] = ()
    indicators: tuple[int, ...] = ()
    chains: tuple[Chain, ...] = ()
    label_weights: LabelWeights | None = None

    @property
    def n_effects(self) -> int:
        """Effects E."""
        return sum(len(change.codes) for change in self.levels) + len(self.indicators) + len(self.chains)


@dataclass(frozen=True)
class EffectSums:
    """Sums over rows, each times its weight; p coefficients in the kernel's order, E effects.

    Attributes
    ----------
    weight : float
    slope : float
        Of ``mu (1 - mu)``.
    bend : ndarray (p,)
        Of ``mu (1 - mu) (1 - 2 mu) x``.
    effects : ndarray (E,)
        Of the plan's effects on the probability.
    gradients : ndarray (E, p)
        Of their derivatives by the coefficients.
    """

    weight: float
    slope: float
    bend: FloatArray
    effects: FloatArray
    gradients: FloatArray

    def __add__(self, other: EffectSums) -> EffectSums:
        return EffectSums(
            self.weight + other.weight,
            self.slope + other.slope,
            self.bend + other.bend,
            self.effects + other.effects,
            self.gradients + other.gradients,
        )


def effects_task(
    design: SharedDesign, layout: RecordLayout, beta: FloatArray, plan: EffectPlan
) -> Callable[[StagedSplit], Measured[EffectSums]]:
    """Return the task that sums a split's effects at `beta` (p,), in the kernel's order."""

    def task(split: StagedSplit) -> Measured[EffectSums]:
        clock, spec, path = ReadingClock(), design.value, Path(split.path)
        dictionaries = read_sidecar(split.path)["levels"] if spec.categorical else []
        chunks = clock.over(read_chunks(path, split.n_rows, layout))
        rows = with_codes(chunks, spec, dictionaries)
        return Measured(sum_effects(beta, rows, spec, plan, word_lookups(path, spec)), clock.seconds)

    return task


def with_codes(
    chunks: Iterable[RawChunk], spec: DesignSpec, dictionaries: Sequence[Sequence[str]]
) -> Iterator[tuple[RawChunk, list[CodeArray]]]:
    """Yield chunks with the design's codes of their levels; `dictionaries` are the split's own."""
    lookups = [level_lookup(*pair) for pair in zip(spec.categorical, dictionaries, strict=True)]
    for chunk in chunks:
        yield chunk, [lookup.take(codes) for lookup, codes in zip(lookups, chunk.codes, strict=True)]


def sum_effects(
    beta: FloatArray,
    rows: Iterable[tuple[RawChunk, Sequence[CodeArray]]],
    spec: DesignSpec,
    plan: EffectPlan,
    lookups: Sequence[CodeArray | None] = (),
) -> EffectSums:
    """Sum the effects of rows and their derivatives by the coefficients.

    With ``f(eta) = mu`` a change of level from ``x0`` to ``x1`` is ``f(x1 beta) - f(x0 beta)``, and its
    derivative ``f'(x1 beta) x1 - f'(x0 beta) x0``. A slope is ``f'(x beta) s`` with ``s = (dx/dc) beta``, and
    its derivative ``f''(x beta) s x + f'(x beta) dx/dc``; where the column has its own term alone, ``s`` is its
    coefficient, and `EffectSums.slope` and `bend` are enough.

    Parameters
    ----------
    beta : ndarray (p,)
        In the kernel's order, on the centred columns.
    rows : iterable of (RawChunk, sequence of ndarray (m,))
        Chunks with the design's codes.
    spec : DesignSpec
        Without sparse columns beyond those that blocks hold as dense ones.
    plan : EffectPlan
    lookups : sequence of ndarray or None
        For each sparse column, see `SparseEncoder`.

    Notes
    -----
    Greene (2018), Econometric Analysis, section 17.3.2 (average partial effects and the delta method).
    """
    counted = _Effects(beta, spec, plan, lookups)
    for chunk, codes in rows:
        counted.add(chunk, codes)
    return counted.sums


class _Effects:
    """The sums under way, and the memory of blocks."""

    def __init__(
        self, beta: FloatArray, spec: DesignSpec, plan: EffectPlan, lookups: Sequence[CodeArray | None]
    ) -> None:
        p, n = len(beta), plan.n_effects
        self.beta, self.spec, self.plan, self.shape = beta, spec, plan, spec.shape()
        self.sums = EffectSums(0.0, 0.0, np.zeros(p), np.zeros(n), np.zeros((n, p)))
        self._as_is, self._set = RowEncoder(spec, lookups), RowEncoder(spec, lookups)
        self._derived_from = {name for derived in spec.derived for name in derived.columns}
        self._chains = [DerivedSlopes(spec, chain.column) for chain in plan.chains]

    def add(self, chunk: RawChunk, codes: Sequence[CodeArray]) -> None:
        block = self._as_is.block(chunk, codes)
        weight = _weights(block, self.plan.label_weights)
        eta = linear_predictor(self.beta, block, self.shape)
        first, second = probability_slopes(eta)
        first *= weight
        second *= weight
        effects, gradients = [], []
        for effect, gradient in (
            *self._levels(chunk, codes, block, eta, weight),
            *self._indicators(block, eta, weight),
            *self._slopes(chunk, codes, block, first, second),
        ):
            effects.append(effect)
            gradients.append(gradient)
        self.sums += EffectSums(
            float(weight.sum()),
            float(first.sum()),
            transposed_product(block, second, self.shape),
            np.array(effects),
            np.array(gradients).reshape(self.sums.gradients.shape),
        )

    def _levels(
        self,
        chunk: RawChunk,
        codes: Sequence[CodeArray],
        block: Block,
        eta: FloatArray,
        weight: FloatArray,
    ) -> Iterator[tuple[float, FloatArray]]:
        for change in self.plan.levels:
            at = self._at_level(chunk, codes, block, eta, change.column)
            base, eta0 = at(change.base)
            gradient0 = self._gradient(base, eta0, weight)
            for code in change.codes:
                there, eta1 = at(code)
                gradient = self._gradient(there, eta1, weight)
                yield float(weight @ probability_change(eta0, eta1)), gradient - gradient0

    def _at_level(
        self, chunk: RawChunk, codes: Sequence[CodeArray], block: Block, eta: FloatArray, column: int
    ) -> Callable[[int], tuple[Block, FloatArray]]:
        """Return what sets all rows to a level of a column: the block, good until the next one, and its log-odds."""
        before, after = codes[:column], codes[column + 1 :]
        if self.spec.categorical[column].name in self._derived_from:

            def encoded(code: int) -> tuple[Block, FloatArray]:
                there = self._set.block(chunk, [*before, np.full_like(codes[column], code), *after])
                return there, linear_predictor(self.beta, there, self.shape)

            return encoded
        own = sum(other.plain for other in self.spec.categorical[:column])
        effects = np.append(self.beta[self.shape.slices()[own]], 0.0)
        rest = eta - effects.take(codes[column])

        def shifted(code: int) -> tuple[Block, FloatArray]:
            level = np.full_like(codes[column], code)
            return replace(block, codes=[*block.codes[:own], level, *block.codes[own + 1 :]]), rest + effects[
                code
            ]

        return shifted

    def _indicators(
        self, block: Block, eta: FloatArray, weight: FloatArray
    ) -> Iterator[tuple[float, FloatArray]]:
        for row in self.plan.indicators:
            eta0 = eta - self.beta[row] * block.dense[row]
            eta1 = eta0 + self.beta[row]
            gradient = self._gradient(block, eta1, weight) - self._gradient(block, eta0, weight)
            gradient[row] = weight @ probability_slopes(eta1)[0]
            yield float(weight @ probability_change(eta0, eta1)), gradient

    def _slopes(
        self,
        chunk: RawChunk,
        codes: Sequence[CodeArray],
        block: Block,
        first: FloatArray,
        second: FloatArray,
    ) -> Iterator[tuple[float, FloatArray]]:
        for chain, derived in zip(self.plan.chains, self._chains, strict=True):
            moved = derived.of_rows(chunk.numeric, codes)
            slope = self.beta[derived.rows] @ moved
            if chain.own is not None:
                slope += self.beta[chain.own]
            gradient = transposed_product(block, second * slope, self.shape)
            gradient[derived.rows] += moved @ first
            if chain.own is not None:
                gradient[chain.own] += first.sum()
            yield float(first @ slope), gradient

    def _gradient(self, block: Block, eta: FloatArray, weight: FloatArray) -> FloatArray:
        return transposed_product(block, weight * probability_slopes(eta)[0], self.shape)


def _weights(block: Block, label_weights: LabelWeights | None) -> FloatArray:
    weight = block.weight
    if label_weights is not None:
        _, weight = label_weights.of_rows(block.y, weight)
    return np.ones(block.n_rows) if weight is None else weight


def effect_bytes(plan: EffectPlan, shape: BlockShape) -> int:
    """Return how large the sums of a split are, for `sum_pass`."""
    return 8 * (plan.n_effects + 1) * (shape.p + 1)
