"""Signals at the worst moments of catching them; real ones, sent to this process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import pytest

from logreg_dist.commands.interrupts import interruptible

HANG_SECONDS = 5.0


@pytest.fixture
def received() -> Iterator[list[int]]:
    """Signals that came to the handler of before; a test that hangs on a lock is broken off."""

    def hangs(number: int, frame: object) -> None:
        raise TimeoutError("it waits for ever")

    numbers: list[int] = []
    handlers = {signal.SIGTERM: lambda number, frame: numbers.append(number), signal.SIGALRM: hangs}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    signal.setitimer(signal.ITIMER_REAL, HANG_SECONDS)
    yield numbers
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in before.items():
        signal.signal(number, handler)


def term() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_while_the_handlers_are_put_back_hangs_nothing(received, monkeypatch):
    with interruptible("tag", lambda error: None) as interrupts:
        interrupts.install()
        interrupts.hold()
        event = interrupts._signalled
        put: Callable[[], None] = event.set

        def set_under_fire() -> None:
            monkeypatch.undo()
            with event._cond:  # as `set` holds it
                term()
            put()

        monkeypatch.setattr(event, "set", set_under_fire)
    assert received == [signal.SIGTERM]


def test_a_signal_while_the_handlers_are_set_is_raised_where_the_job_is_ready_for_it(received, monkeypatch):
    getsignal = signal.getsignal

    def under_fire(number: int) -> object:
        if number == signal.SIGINT:  # that for SIGTERM is set by then
            term()
        return getsignal(number)

    monkeypatch.setattr(signal, "getsignal", under_fire)
    with interruptible("tag", lambda error: None) as interrupts:
        monkeypatch.undo()
        with pytest.raises(SystemExit, match="143"):
            interrupts.install()
        interrupts.hold()
    assert received == []
