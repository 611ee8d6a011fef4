"""Reads decoded JSON, YAML or CSV field by field and collects every problem, not only the first."""

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from math import isfinite
from typing import TypeGuard
from zoneinfo import ZoneInfo

from server.errors import FieldError
from server.inventory.times import parse_instant

MAX_PROBLEMS = 50

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LINE_BREAK = re.compile(r"[\t\n]")
_FURTHEST = 1e7


class Problems:
    """What is wrong, in the order found; the first 50 are kept, the rest counted."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []
        self.more = 0

    def add(self, path: str, message: str) -> None:
        """Note that what stands at `path` does not hold, and what would be right."""
        if len(self.errors) < MAX_PROBLEMS:
            self.errors.append(FieldError(path, message))
        else:
            self.more += 1

    def __bool__(self) -> bool:
        return bool(self.errors)


class Fields:
    """The fields of one object at `path`. Every reader notes a problem and answers a harmless value.

    `done()` refuses the names that nobody read, so no field is ever left unread by mistake or on purpose.
    """

    def __init__(self, value: object, path: str, problems: Problems) -> None:
        self.path = path
        self.problems = problems
        self._read: set[str] = set()
        self._values: Mapping[str, object] = {}
        if isinstance(value, Mapping):
            self._values = value
        else:
            problems.add(path or "body", f"is {shown(value)}; a map of fields is wanted")
            self.problems = Problems()  # that its fields are missing too is no news

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def names(self) -> list[str]:
        """The names of all fields, as they were given."""
        return [str(name) for name in self._values]

    def at(self, name: str) -> str:
        """The path of a field."""
        return f"{self.path}.{name}" if self.path else name

    def wrong(self, name: str, message: str) -> None:
        """Note a problem of one field."""
        self.problems.add(self.at(name), message)

    def take(self, name: str) -> object:
        """A field's value as it is; None where it is missing or null."""
        self._read.add(name)
        return self._values.get(name)

    def text(
        self,
        name: str,
        default: str | None = None,
        *,
        limit: int = 200,
        lines: bool = False,
        hint: str = "",
    ) -> str:
        """A text of 1 to `limit` characters, trimmed; may be empty if `default` is given."""
        value = self.take(name)
        if value is None:
            if default is None:
                self.wrong(name, f"is missing; {hint or 'a text is wanted'}")
            return default or ""
        if not isinstance(value, str):
            self.wrong(name, f"is {shown(value)}; {hint or 'a text is wanted (in YAML, put it in quotes)'}")
            return ""
        problem = text_problem(value, limit=limit, lines=lines, may_be_empty=default is not None)
        if problem:
            self.wrong(name, problem)
        return value.strip()

    def whole(
        self, name: str, default: int | None = None, *, lowest: int = 0, highest: int, unit: str = ""
    ) -> int:
        """A whole number within its bounds."""
        value = self.take(name)
        wanted = f"a whole number from {lowest} to {highest}{unit} is wanted"
        if value is None:
            if default is None:
                self.wrong(name, f"is missing; {wanted}")
            return lowest if default is None else default
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            self.wrong(name, f"is {shown(value)}; {wanted}")
            return lowest
        return value

    def whole_or_none(self, name: str, *, lowest: int, highest: int) -> int | None:
        """A whole number, or None where there is none."""
        self._read.add(name)
        return self.whole(name, lowest=lowest, highest=highest) if name in self else None

    def number_or_none(self, name: str) -> float | None:
        """A finite number such as a coordinate, or None where there is none."""
        value = self.take(name)
        if value is None:
            return None
        if not is_number(value):
            self.wrong(name, f"is {shown(value)}; a number between -10000000 and 10000000 is wanted")
            return None
        return float(value)

    def flag(self, name: str) -> bool:
        """True or false; false where it is missing."""
        value = self.take(name)
        if value is not None and not isinstance(value, bool):
            self.wrong(name, f"is {shown(value)}; true or false is wanted")
        return value is True

    def instant_or_none(self, name: str, zone: ZoneInfo | None = None) -> str | None:
        """A time in UTC, or None where there is none; without an offset it is the clock's of `zone`."""
        value = self.take(name)
        if value is None:
            return None
        try:
            return parse_instant(value.strip() if isinstance(value, str) else "", zone)
        except ValueError as error:
            self.wrong(name, f"{shown(value)} {error}")
            return None

    def child(self, name: str) -> "Fields | None":
        """A map inside this one, or None where there is none."""
        value = self.take(name)
        return None if value is None else Fields(value, self.at(name), self.problems)

    def items(self, name: str, *, limit: int) -> Iterator[tuple[str, object]]:
        """Path and value of each item of a list; a missing list is empty."""
        value = self.take(name)
        if value is None:
            return
        if not isinstance(value, list):
            self.wrong(name, f"is {shown(value)}; a list is wanted")
        elif len(value) > limit:
            self.wrong(name, f"has {len(value)} items; {limit} are the most")
        else:
            for place, item in enumerate(value):
                yield f"{self.at(name)}[{place}]", item

    def done(self, *, what: str, unknown: Callable[[str, str], None] | None = None) -> None:
        """Refuse (or hand to `unknown`) each field that was not read; `what` says of what they are none."""
        for name in self._values:
            if name not in self._read:
                (unknown or self.problems.add)(self.at(str(name)[:100]), self._is_unknown(str(name), what))

    def _is_unknown(self, name: str, what: str) -> str:
        near = get_close_matches(name, self._read, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(self._read))}"
        return f"is no field of {what}; {hint}"


def is_number(value: object) -> TypeGuard[float]:
    """Whether a decoded value can be a coordinate."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isfinite(value) and abs(value) <= _FURTHEST


def text_problem(value: str, *, limit: int, lines: bool = False, may_be_empty: bool = False) -> str:
    """What is wrong with a text; "" if nothing is."""
    if not value.strip() and not may_be_empty:
        return "is empty; a text is wanted"
    if len(value) > limit:
        return f"has {len(value)} characters; {limit} are the most"
    if _CONTROL.search(value) or (not lines and _LINE_BREAK.search(value)):
        return "has a control character; only printable ones are wanted"
    return ""


def shown(value: object) -> str:
    """A value for a message: short, and never more than a glance of it."""
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, list):
        return "a list"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and abs(value) > 10**18:
        return "an endless number"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
