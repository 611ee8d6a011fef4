"""Exchange rates out of a file that something else keeps up to date. docs/prices.md shows one.

    {"base": "eur", "at": "2026-11-21T06:00:00Z", "rates": {"gbp": "0.8431", "usd": "1.1527"}}

One `base` is so many of each other currency.
"""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import structlog

from server.bookings.rates import Rates, RatesUnusable
from server.currencies import EXPONENTS, problem_of
from server.times import milliseconds

LARGEST: Final = 1024 * 1024

_LOWEST: Final = Decimal("1e-9")
_HIGHEST: Final = Decimal("1e9")
_LONGEST: Final = 30

_log = structlog.get_logger(__name__)


class FileRates:
    """A RateSource that reads its file again whenever it changed; a file that can't be used is no rates."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._rates: Rates | None = None
        self._problem = ""

    async def latest(self, now: int) -> Rates:
        """The file's rates, if they count at `now` (ms); RatesUnusable says why there are none."""
        rates = await asyncio.to_thread(self._current)
        if not rates.is_current(now):
            raise RatesUnusable("the rates are older than a day, or of the future")
        return rates

    def _current(self) -> Rates:
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp != self._stamp:
                self._read()
                self._stamp = stamp
        except OSError as error:
            self._stamp = None
            self._keep(None, f"the rates cannot be read: {error.strerror or error}")
        if self._rates is None:
            raise RatesUnusable(self._problem)
        return self._rates

    def _read(self) -> None:
        with self._path.open("rb") as file:
            data = file.read(LARGEST + 1)
        try:
            self._keep(read_rates(data), "")
        except RatesUnusable as error:
            self._keep(None, str(error))

    def _keep(self, rates: Rates | None, problem: str) -> None:
        if problem and problem != self._problem:
            _log.warning("rates_unusable", reason=problem)
        self._rates, self._problem = rates, problem


def read_rates(data: bytes) -> Rates:
    """Rates from a file's bytes; RatesUnusable names what is wrong.

    Numbers are read as the decimal fractions they are written as. Codes that ISO 4217 does not have are
    passed over, for feeds know metals and coins too.
    """
    if len(data) > LARGEST:
        raise RatesUnusable(f"the rates have more than {LARGEST} bytes")
    try:
        value = json.loads(
            data, parse_float=Decimal, parse_int=_whole, parse_constant=_refuse, object_pairs_hook=_unique
        )
    except (ValueError, RecursionError) as error:
        raise RatesUnusable(f"the rates are no JSON: {str(error)[:200]}") from None
    if not isinstance(value, dict) or not isinstance(value.get("rates"), dict):
        raise RatesUnusable('the rates are no {"base": …, "at": …, "rates": {…}}')
    base = value.get("base")
    if not isinstance(base, str) or problem_of(base):
        raise RatesUnusable(f"base is {_shown(base)}; an ISO 4217 code in lower case is wanted")
    given: dict[str, object] = value["rates"]
    rates = {code: _rate(code, rate) for code, rate in given.items() if code in EXPONENTS}
    if rates.pop(base, Decimal(1)) != 1:
        raise RatesUnusable(f"the rate of the base, {base}, is not 1")
    return Rates(base=base, at=_at(value.get("at")), rates=rates)


def _rate(code: str, value: object) -> Decimal:
    try:
        rate = Decimal(value) if isinstance(value, str) and len(value) <= _LONGEST else value
    except ArithmeticError:
        rate = None
    if not isinstance(rate, Decimal) or not rate.is_finite() or not _LOWEST <= rate <= _HIGHEST:
        raise RatesUnusable(f'the rate of {code} is {_shown(value)}; one looks like "0.8431"')
    if len(rate.as_tuple().digits) > _LONGEST:
        raise RatesUnusable(f"the rate of {code} has more than {_LONGEST} digits")
    return rate


def _at(value: object) -> int:
    try:
        return milliseconds(datetime.fromisoformat(value if isinstance(value, str) else ""))
    except ValueError:
        raise RatesUnusable(f"at is {_shown(value)}; a time such as 2026-11-21T06:00:00Z is wanted") from None


def _shown(value: object) -> str:
    return str(value)[:40] if isinstance(value, Decimal) else repr(value)[:40]


def _whole(text: str) -> Decimal:
    return Decimal(text[: _LONGEST + 1])


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


_refuse: Callable[[str], Any] = Decimal  # NaN and Infinity: refused like every rate that is not finite
