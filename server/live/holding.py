"""Taking and giving back over a socket: what is asked of Redis at once, and what is answered.

Nearly every hold is new and in a cart of one resource, which is in memory: then the command is sent when it
comes and answered when Redis answers, without a task. Whatever else there is to be done follows in one.
`parts` is server.app.Parts.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from channels import protocol
from server.errors import SlotTaken
from server.holds.places import Begun, Held
from server.holds.releasing import Released
from server.holds.rules import Best, HoldRequest
from server.live.doomed import Verdict
from server.live.table import Tab
from server.live.views import ref_of

Rest = Callable[[], Awaitable[None]]
Then = Callable[[], Rest | None]
"""What follows a reply: it returns what is left to be done by a task, None if nothing is."""

Asked = tuple[asyncio.Future[Any], Then]
"""A reply that is on its way, and what follows it."""


def ask_hold(parts: Any, tab: Tab, message: protocol.Hold) -> Asked | None:
    """Send the hold to Redis, or wait for the map's verdict that its seats are gone.

    None: use `hold`, which can wait for more.
    """
    wanted = _wanted(message)
    verdict: Verdict | None = parts.live.doomed.ask(tab, wanted, message.op)
    if verdict is not None:
        return verdict, partial(_judged, parts, tab, message, verdict)
    begun: Begun[Held] | None = parts.holds.begin_hold(tab.caller, wanted, op=message.op)
    return None if begun is None else (begun.reply, partial(_held, parts, tab, message, begun))


def _judged(parts: Any, tab: Tab, message: protocol.Hold, verdict: Verdict) -> Rest:
    taken = verdict.result()
    if taken:
        raise SlotTaken(slots=taken)
    return partial(hold, parts, tab, message)


def _held(parts: Any, tab: Tab, message: protocol.Hold, begun: Begun[Held]) -> Rest | None:
    held = begun.simply()
    if held is not None and parts.live.news.answer_held(tab, held, ref_of(message.ref)):
        return None
    return partial(_held_in_turn, parts, tab, message, begun, held)


async def _held_in_turn(
    parts: Any, tab: Tab, message: protocol.Hold, begun: Begun[Held], held: Held | None
) -> None:
    await parts.live.news.tell_held(tab, held or await begun.in_turn(), ref_of(message.ref))


async def hold(parts: Any, tab: Tab, message: protocol.Hold) -> None:
    """All of it, waiting for whatever is needed."""
    held = await parts.holds.hold(tab.caller, _wanted(message), op=message.op, connected=True)
    await parts.live.news.tell_held(tab, held, ref_of(message.ref))


def _wanted(message: protocol.Hold) -> HoldRequest:
    best = message.best
    return HoldRequest(
        resource=message.resource,
        items=message.items,
        range=message.range,
        best=None
        if best is None
        else Best(quantity=best.quantity, category=best.category, adjacent=best.adjacent),
    )


def ask_release(parts: Any, tab: Tab, message: protocol.Release) -> Asked | None:
    """Send the release of a whole hold to Redis. None: use `release`, which can wait for more."""
    resource = _resource_of(tab, message.hold)
    if resource is None or message.items is not None:
        return None
    begun: Begun[Released] | None = parts.holds.begin_release(
        tab.caller, message.hold, op=message.op, resource=resource
    )
    return None if begun is None else (begun.reply, partial(_released, parts, tab, message, begun))


def _released(parts: Any, tab: Tab, message: protocol.Release, begun: Begun[Released]) -> Rest | None:
    released = begun.simply()
    if released is not None and parts.live.news.answer_released(tab, released, ref_of(message.ref)):
        return None
    return partial(_released_in_turn, parts, tab, message, begun, released)


async def _released_in_turn(
    parts: Any, tab: Tab, message: protocol.Release, begun: Begun[Released], released: Released | None
) -> None:
    await parts.live.news.tell_released(tab, released or await begun.in_turn(), ref_of(message.ref))


async def release(parts: Any, tab: Tab, message: protocol.Release) -> None:
    """All of it, waiting for whatever is needed."""
    released = await parts.holds.release(
        tab.caller,
        message.hold,
        message.items,
        op=message.op,
        resource=_resource_of(tab, message.hold),
    )
    await parts.live.news.tell_released(tab, released, ref_of(message.ref))


def _resource_of(tab: Tab, hold: str) -> str | None:
    """Where a hold is that the tab's session is known to have."""
    known = None if tab.session is None else tab.session.holds.get(hold)
    return None if known is None else known.resource
