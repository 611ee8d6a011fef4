"""Something happens just before or after a call of a part: a race, told step by step."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from tests.payments.house import Wrap

Happening = Callable[[], Awaitable[None]]


class Between:
    """The part, except that `before` happens before each of its calls named `call`, and `after` after it."""

    def __init__(
        self, part: Any, call: str, *, before: Happening | None = None, after: Happening | None = None
    ) -> None:
        self._part = part
        self._call = call
        self._before = before
        self._after = after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        return self._around(found) if name == self._call and inspect.iscoroutinefunction(found) else found

    def _around(self, work: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def called(*arguments: Any, **named: Any) -> Any:
            if self._before is not None:
                await self._before()
            answer = await work(*arguments, **named)
            if self._after is not None:
                await self._after()
            return answer

        return called


def around(what: str, call: str, *, before: Happening | None = None, after: Happening | None = None) -> Wrap:
    """For House.opens_office: `around("provider", "cancel", before=…)`."""
    return lambda name, part: Between(part, call, before=before, after=after) if name == what else part
