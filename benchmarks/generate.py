"""The rows of a case, from a seed: the same chunk number gives the same rows, whatever was made before."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.cases import Case

FloatArray = NDArray[np.float64]

SEED = 20_261_121
# Standard deviation of the linear predictor over rows, from dense columns and from categories.
DENSE_SPREAD = 0.9
LEVEL_SPREAD = 0.7
# By how much means and coefficients move over the time of a sorted table, in their own spread.
DRIFT = 1.0
MAX_CHUNK_ROWS = 125_000
MAX_CHUNK_VALUES = 25_000_000  # 200 MB of doubles: a few chunks are in memory at a time
MIN_CHUNKS = 4  # so that small tables have files for several tasks too
_CALIBRATION_ROWS = 40_000


@dataclass(frozen=True)
class Truth:
    """What generates the labels.

    Attributes
    ----------
    intercept : ndarray (classes,)
        Log-odds against the first class, whose entry is 0; two classes: the second entry counts.
    dense : ndarray (classes, n_dense)
    levels : tuple of ndarray (levels,)
        Effects of the levels of each categorical column; two classes only.
    drift : ndarray (n_dense,)
        Added to the means over the time of the table, and to the coefficients in turn.
    """

    intercept: FloatArray
    dense: FloatArray
    levels: tuple[FloatArray, ...]
    drift: FloatArray


def chunk_rows(case: Case) -> int:
    """Return the rows of a chunk, which becomes a row group of the file."""
    values = case.n_dense + len(case.levels) + 1
    return max(1, min(MAX_CHUNK_ROWS, MAX_CHUNK_VALUES // values, -(-case.rows // MIN_CHUNKS)))


def chunks(case: Case) -> Iterator[pa.RecordBatch]:
    """Yield the table of a case in chunks of `chunk_rows` rows."""
    truth = truth_of(case)
    for number, start in enumerate(range(0, case.rows, chunk_rows(case))):
        stop = min(start + chunk_rows(case), case.rows)
        yield _chunk(case, truth, number, start, stop)


def truth_of(case: Case) -> Truth:
    """Return the coefficients of a case; the intercept meets its event rate on rows of its own."""
    rng = _rng(case, "truth")
    p, outcomes = case.n_dense, case.classes
    dense = rng.normal(size=(outcomes, p)) * (DENSE_SPREAD / np.sqrt(max(p, 1)))
    dense[0] = 0.0
    spread = LEVEL_SPREAD / np.sqrt(max(len(case.levels), 1))
    levels = tuple(spread * rng.normal(size=count) for count in case.levels)
    drift = DRIFT * rng.choice([-1.0, 1.0], size=p) * (1.0 if case.is_sorted else 0.0)
    guess = Truth(np.zeros(outcomes), dense, levels, drift)
    if outcomes > 2:
        return guess
    rows = min(case.rows, _CALIBRATION_ROWS)
    sample = _draw(case, guess, _rng(case, "calibration"), np.linspace(0.0, 1.0, rows))
    intercept = _intercept_for(case.event_rate, sample.eta[1])
    return Truth(np.array([0.0, intercept]), dense, levels, drift)


@dataclass(frozen=True)
class _Rows:
    """Drawn values; `eta` (classes, rows) without the intercept, on the log-odds scale."""

    X: FloatArray
    codes: list[NDArray[np.int32]]
    weight: FloatArray | None
    offset: FloatArray | None
    eta: FloatArray


def _rng(case: Case, purpose: str, number: int = 0) -> np.random.Generator:
    # Not Python's hash, which differs from process to process.
    return np.random.default_rng([SEED, zlib.crc32(f"{case.id} {purpose}".encode()), number])


def _draw(case: Case, truth: Truth, rng: np.random.Generator, time: FloatArray) -> _Rows:
    n, p = len(time), case.n_dense
    X = rng.standard_normal((p, n))  # by column, the way Arrow wants it
    if case.correlation:
        fresh = np.sqrt(1.0 - case.correlation**2)
        for j in range(1, p):
            X[j] *= fresh
            X[j] += case.correlation * X[j - 1]
    eta = np.zeros((case.classes, n))
    if case.is_sorted:
        X += truth.drift[:, None] * (time - 0.5)
        eta[1] += (0.2 * truth.drift / np.sqrt(max(p, 1)) * _alternating(p)) @ X * (time - 0.5)
    eta += truth.dense @ X
    codes = [_zipf(rng, count, n) for count in case.levels]
    for effects, code in zip(truth.levels, codes, strict=True):
        eta[1] += effects[code]
    weight = rng.uniform(0.1, 1.0, n) if case.has_weight else None
    offset = 0.3 * rng.standard_normal(n) if case.has_offset else None
    if offset is not None:
        eta[1] += offset
    return _Rows(X, codes, weight, offset, eta)


def _chunk(case: Case, truth: Truth, number: int, start: int, stop: int) -> pa.RecordBatch:
    rng = _rng(case, "rows", number)
    time = np.arange(start, stop) / case.rows
    rows = _draw(case, truth, rng, time)
    columns: dict[str, pa.Array] = {}
    if case.is_scoring:
        columns["id"] = pa.array(np.arange(start, stop))
    if case.is_sorted:
        columns["time"] = pa.array(time)
    columns |= {name: pa.array(x) for name, x in zip(case.dense_columns, rows.X, strict=True)}
    for name, count, code in zip(case.categorical_columns, case.levels, rows.codes, strict=True):
        columns[name] = pa.DictionaryArray.from_arrays(code, level_names(name, count))
    if rows.weight is not None:
        columns["weight"] = pa.array(rows.weight)
    if rows.offset is not None:
        columns["offset"] = pa.array(rows.offset)
    columns["label"] = pa.array(_label(rows.eta + truth.intercept[:, None], rng))
    return pa.RecordBatch.from_pydict(columns)


def level_names(column: str, count: int) -> list[str]:
    """Return the levels of a column as they stand in the table, most frequent first.

    Examples
    --------
    >>> level_names("c1", 2)
    ['c1_00000', 'c1_00001']
    """
    return [f"{column}_{k:05d}" for k in range(count)]


def _label(eta: FloatArray, rng: np.random.Generator) -> NDArray[np.int32]:
    """Draw a class: the largest of the linear predictors with Gumbel noise (the multinomial logit)."""
    if len(eta) == 2:
        label = rng.random(eta.shape[1]) < 1.0 / (1.0 + np.exp(-eta[1]))
    else:
        label = np.argmax(eta + rng.gumbel(size=eta.shape), axis=0)
    return np.asarray(label, dtype=np.int32)


def _zipf(rng: np.random.Generator, levels: int, n: int) -> NDArray[np.int32]:
    """Draw level numbers with frequencies proportional to 1, 1/2, 1/3, ..."""
    share = 1.0 / np.arange(1, levels + 1)
    edges = np.cumsum(share / share.sum())
    drawn = np.minimum(np.searchsorted(edges, rng.random(n)), levels - 1)
    return np.asarray(drawn, dtype=np.int32)


def _alternating(p: int) -> FloatArray:
    return np.where(np.arange(p) % 2 == 0, 1.0, -1.0)


def _intercept_for(rate: float, eta: FloatArray) -> float:
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        if float(np.mean(1.0 / (1.0 + np.exp(-(eta + middle))))) < rate:
            low = middle
        else:
            high = middle
    return (low + high) / 2
