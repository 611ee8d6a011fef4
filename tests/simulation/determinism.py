"""What would tell two runs of a seed apart, or let a trouble pass unseen, is replaced while one runs."""

import gc
import logging
import os
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, cast
from unittest.mock import patch

import structlog

from server.holds import rules
from tests.simulation.loop import SimulatedLoop

START_MS: Final = 1_800_000_000_000
"""When every story begins, by a clock that is right."""

# What shipped code logs as an error where nothing of the kind may happen.
_NEVER: Final = frozenset({"event_dead", "payment_flagged", "refund_came_back", "listing_too_long"})

IDLE_SECONDS: Final = 4.0
"""What polls finds nothing most of the time: it does so seldomer, as a setting of the product's might say."""
_POLLING: Final = (
    "server.bookings.applier",
    "server.payments.closing",
    "server.payments.inbox",
    "server.payments.reconcile",
    "server.payments.refunds",
)


_SHIPPED: Final = ("server.", "channels.")
_CLOCKS: Final = ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns")


class Time:
    """Stands in for the module `time` where shipped code reads it itself."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop

    def monotonic(self) -> float:
        return self._loop.time()

    def time_ns(self) -> int:
        return START_MS * 1_000_000 + int(self._loop.time() * 1e9)


class Troubles:
    """What was logged that must never be: loops outlive it, so nobody else would tell."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def exception(self, event: str, **_what: Any) -> None:
        self.found.append(f"{event}: {traceback.format_exc()}")

    critical = exception

    def error(self, event: str, **what: Any) -> None:
        if event in _NEVER:
            self.found.append(f"{event}: {what}")

    def silent(self, *_: Any, **__: Any) -> None:
        """Not worth a word."""

    debug = info = warning = silent

    def bind(self, **_: Any) -> "Troubles":
        return self


def _seen(clock: str, troubles: "Troubles") -> Callable[[], Any]:
    """The real clock, and a trouble where shipped code looks at it: that would be another story each time."""
    real: Callable[[], Any] = getattr(time, clock)

    def read() -> Any:
        caller = sys._getframe(1).f_globals.get("__name__", "")
        if caller.startswith(_SHIPPED):
            troubles.found.append(f"{caller} reads time.{clock}")
        return real()

    return read


class _Deaths(logging.Handler):
    """A supervised loop that died."""

    def __init__(self, troubles: Troubles) -> None:
        super().__init__()
        self._troubles = troubles

    def emit(self, record: logging.LogRecord) -> None:
        self._troubles.found.append(f"{record.getMessage()}: {record.exc_info}")


@contextmanager
def determined(seed: int, loop: SimulatedLoop) -> Iterator[Troubles]:
    """In here chance is the seed's, time is the loop's, and what must never be logged is found."""
    chance = random.Random(f"entropy {seed}")
    state, troubles, virtual = random.getstate(), Troubles(), Time(loop)
    deaths, supervisors = _Deaths(troubles), logging.getLogger("holdfast.supervisor")
    logs = structlog.get_config()
    gc.disable()  # a story leaves little that goes in circles, and looking for it takes a tenth of its time
    random.seed(seed)
    structlog.configure(wrapper_class=cast("Any", lambda *_, **__: troubles), cache_logger_on_first_use=False)
    supervisors.addHandler(deaths)
    supervisors.propagate = False
    try:
        with ExitStack() as stack:
            stack.enter_context(patch.object(os, "urandom", chance.randbytes))
            stack.enter_context(patch.object(random, "_urandom", chance.randbytes))
            # What an earlier story left of its chance would be told on in this one.
            stack.enter_context(patch.object(rules, "_random", rules._Random()))
            for module in ("server.holds.leases", "server.holds.loading", "server.payments.service"):
                stack.enter_context(patch(f"{module}.time", virtual))
            for clock in _CLOCKS:
                stack.enter_context(patch.object(time, clock, _seen(clock, troubles)))
            for module in _POLLING:
                stack.enter_context(patch(f"{module}.IDLE_SECONDS", IDLE_SECONDS))
            yield troubles
    finally:
        supervisors.removeHandler(deaths)
        supervisors.propagate = True
        structlog.configure(**logs)
        random.setstate(state)
        gc.enable()
