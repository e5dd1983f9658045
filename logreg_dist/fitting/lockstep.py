"""Several searches at the same time, so that one pass answers all of them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Answer = TypeVar("Answer")
Found = TypeVar("Found")


class _Stopped(Exception):
    """Ends the search of a thread whose question will not be answered."""


@dataclass(frozen=True)
class _Asked:
    who: int
    beta: FloatArray


@dataclass(frozen=True)
class _Ended(Generic[Found]):
    who: int
    found: Found | None
    error: BaseException | None


def in_lockstep(
    searches: Sequence[Callable[[Callable[[FloatArray], Answer]], Found]],
    evaluate_many: Callable[[Mapping[int, FloatArray]], Mapping[int, Answer]],
) -> list[Found]:
    """Run searches at the same time and answer what they ask for together.

    Each search is an ordinary function that calls its ``evaluate(beta)``; it waits there until all others
    wait too or have ended. So the number of passes is that of the longest search, and a solver needs to know
    nothing of the others.

    Parameters
    ----------
    searches : sequence of callable
        Each takes its `evaluate` and returns what it found. They run on threads of their own, the calls of
        `evaluate_many` on the caller's: an interrupt reaches it as ever.
    evaluate_many : callable
        By the number of the search, ``beta`` (p,) to the answers.

    Raises
    ------
    BaseException
        What `evaluate_many` or a search raised; the other searches are ended first.

    Examples
    --------
    Two searches by bisection of the root of ``x**2 - c``; the second one needs fewer steps:

    >>> def root(n_steps):
    ...     def search(evaluate):
    ...         low, high = 0.0, 4.0
    ...         for _ in range(n_steps):
    ...             middle = (low + high) / 2
    ...             low, high = (low, middle) if evaluate(np.array([middle])) > 0 else (middle, high)
    ...         return round(low, 3)
    ...     return search
    >>> calls = []
    >>> def evaluate_many(asked):
    ...     calls.append(sorted(asked))
    ...     return {who: beta[0] ** 2 - (2, 9)[who] for who, beta in asked.items()}
    >>> in_lockstep([root(20), root(2)], evaluate_many)
    [1.414, 3.0]
    >>> len(calls), calls[1], calls[2]
    (20, [0, 1], [0])
    """
    told: queue.Queue[_Asked | _Ended[Found]] = queue.Queue()
    answers: list[queue.Queue[Answer | _Stopped]] = [queue.Queue() for _ in searches]

    def run(who: int) -> None:
        def evaluate(beta: FloatArray) -> Answer:
            told.put(_Asked(who, beta))
            answer = answers[who].get()
            if isinstance(answer, _Stopped):
                raise answer
            return answer

        try:
            told.put(_Ended(who, searches[who](evaluate), None))
        except BaseException as error:  # told to the caller's thread, which raises it
            told.put(_Ended(who, None, error))

    threads = [threading.Thread(target=run, args=(who,), daemon=True) for who in range(len(searches))]
    for thread in threads:
        thread.start()
    waiting: dict[int, FloatArray] = {}
    ended: dict[int, _Ended[Found]] = {}
    try:
        while len(ended) < len(searches):
            message = told.get()
            if isinstance(message, _Asked):
                waiting[message.who] = message.beta
            else:
                ended[message.who] = message
                if message.error is not None:
                    raise message.error
            if waiting and len(waiting) + len(ended) == len(searches):
                asked, waiting = dict(sorted(waiting.items())), {}
                for who, answer in evaluate_many(asked).items():
                    answers[who].put(answer)
    finally:
        for one in answers:
            one.put(_Stopped())
        for thread in threads:
            thread.join()
    return [ended[who].found for who in range(len(searches))]  # type: ignore[misc]  # ended without an error
