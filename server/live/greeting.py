"""The answer to `hello`: who somebody is, and how their session stands.

Who shows nothing is greeted at once. Who shows a session's token is greeted when Redis has said whose it is
and what it has, which is asked for all together who come back at one moment (server/holds/returning.py). Who
is a user, or has holds, is greeted by a task. `parts` is server.app.Parts.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

from channels import protocol
from server.accounts.rules import Caller, Credentials
from server.accounts.sessions import belongs_to_user
from server.accounts.tokens import PREFIX
from server.errors import BadRequest, HoldfastError, Overloaded, Unauthorized
from server.holds.carts import NOTHING
from server.holds.index import Listing
from server.holds.returning import Return
from server.live.sessions import LiveSessions
from server.live.table import Tab
from server.live.views import NO_CART, cart_changed, cart_view, ref_of
from server.times import now_milliseconds

WELCOME_TRIES: Final = 5
"""How often a session is read for a welcome while it goes on changing; then `hello` is refused."""

AGAIN_SECONDS: Final = 1.0

Hello = protocol.Hello


def require_session(live: LiveSessions, tab: Tab) -> None:
    """It may have become a user's a moment ago."""
    if live.is_revoked(tab):
        raise Unauthorized("this session belongs to a user now; say hello with the user's token")


def greet_stranger(parts: Any, tab: Tab, message: Hello, cookie: str | None) -> bool:
    """Who shows nothing gets a session of which Redis knows nothing: thousands may come at once."""
    if message.token is not None or message.session is not None or cookie is not None or tab.caller.session:
        return False
    opened = parts.sessions.open_new()
    parts.live.table.add(tab, Caller(opened.session, expires_at=opened.expires_at))
    _greet_empty(parts, tab, message, opened.token)
    return True


def _greet_empty(parts: Any, tab: Tab, message: Hello, token: str) -> None:
    """A session that holds nothing."""
    parts.live.opened(tab)
    parts.live.news.found(tab, (), NO_CART)
    _say_welcome(parts, tab, message, token)


# Who comes back with a session's token: Redis is asked once about all who come back at one moment.


def ask_back(parts: Any, tab: Tab, message: Hello, cookie: str | None) -> asyncio.Future[Return] | None:
    """What Redis knows of the session that is shown; None for who has to be greeted by a task.

    The tab is its session's from here on, so that no change is missed; it is told nothing before its welcome.
    """
    token = cookie if message.token is None else message.token
    if tab.caller.session or message.session is not None or not parts.returns.serves:
        return None
    if token is None or not token.startswith(PREFIX):
        return None
    parts.live.table.add(tab, parts.sessions.recognize(token))
    tab.missed, tab.came_back = 0, time.monotonic()
    asked: asyncio.Future[Return] = parts.returns.ask(tab.caller.session)
    return asked


def greet_back(
    parts: Any, tab: Tab, message: Hello, cookie: str | None, asked: asyncio.Future[Return]
) -> Callable[[], Awaitable[None]] | None:
    """Greet who comes back, or say what is left to be done by a task. What is raised is the answer."""
    try:
        return _greet_found(parts, tab, message, asked.result())
    except HoldfastError:
        _part(parts, tab)
        raise
    except Exception:  # noqa: BLE001  # it may be of another who was asked about in the same breath
        _part(parts, tab)
        return partial(greet, parts, tab, message, cookie)


def _greet_found(parts: Any, tab: Tab, message: Hello, found: Return) -> Callable[[], Awaitable[None]] | None:
    live = parts.live
    if found.is_bound:
        raise belongs_to_user()
    require_session(live, tab)
    token = parts.sessions.renew(tab.caller.session).token
    if tab.missed or found.listing.entries:
        live.opened(tab)
        listing = None if tab.missed else found.listing
        return partial(_welcome_or_part, parts, tab, message, token, listing)
    live.found(tab, ())
    _greet_empty(parts, tab, message, token)
    return None


def _part(parts: Any, tab: Tab) -> None:
    """Take a tab that got no welcome out of the table, and drop what waited behind it."""
    if not tab.greeted:
        parts.live.closed(tab)
        tab.waiting = []


async def _welcome_or_part(
    parts: Any, tab: Tab, message: Hello, token: str, listing: Listing | None = None, *, is_new: bool = False
) -> None:
    try:
        await _welcome(parts, tab, message, token, listing, is_new=is_new)
    except Exception:
        _part(parts, tab)
        raise


# Everybody else.


async def greet(parts: Any, tab: Tab, message: Hello, cookie: str | None) -> None:
    """Whoever says hello, with whatever they show."""
    caller, token, is_new = await _identify(parts, message, cookie)
    waiting = tab.waiting if tab.caller.session == caller.session else []
    if tab.caller.session and (tab.caller.session, tab.caller.user) != (caller.session, caller.user):
        parts.live.closed(tab)
        tab.waiting = waiting
    if tab.caller.session:
        tab.caller = caller
    else:
        parts.live.table.add(tab, caller)
    tab.came_back = time.monotonic()
    parts.live.opened(tab)
    await _welcome_or_part(parts, tab, message, token, is_new=is_new)


async def _identify(parts: Any, message: Hello, cookie: str | None) -> tuple[Caller, str, bool]:
    """Who says hello, the token of their session, and whether that is new: it is with nothing shown."""
    if message.session is not None and message.token is None:
        raise BadRequest("a session stands beside its user's token")
    shown = Credentials(message.token, message.session, cookie if message.token is None else None)
    caller = await parts.sessions.identify(shown)
    opened = await parts.sessions.open(caller)
    if caller is None:
        return Caller(opened.session, expires_at=opened.expires_at), opened.token, True
    return replace(caller, session=opened.session, by_cookie=False), opened.token, False


async def _welcome(
    parts: Any, tab: Tab, message: Hello, token: str, listing: Listing | None, *, is_new: bool
) -> None:
    """The session as it stands. Changes that came while it was read are read again, so none is missed.

    `listing` is its index, if that was read already; what was missed is counted since. Redis hears that the
    session is alive before its holds are read: none that is shown ends because nobody had said so.
    """
    live = parts.live
    session = live.table.session(tab.caller.session)
    for _ in range(WELCOME_TRIES):
        if listing is None:
            tab.missed = 0
            listing = NOTHING.listing if is_new else await parts.holds.index.read(session.id)
        await live.alive(tab, {entry.resource for entry in listing.entries})
        standing = NOTHING if is_new else await parts.holds.standing(session.id, listing)
        views = [await live.news.names.view(hold) for hold in standing.live]
        if not tab.missed:
            break
        listing = None
    else:
        raise Overloaded("this session changes faster than it can be read", retry_after=AGAIN_SECONDS)
    require_session(live, tab)
    live.found(tab, standing.resources)
    held = [(hold, view) for hold, view in zip(standing.live, views, strict=True) if hold.status == "held"]
    told = cart_changed([hold for hold, _ in held], [view for _, view in held])
    live.news.found(tab, standing.live, told)
    cart = None if standing.cart is None else cart_view(standing.cart)
    _say_welcome(parts, tab, message, token, cart=cart, holds=tuple(views))


def _say_welcome(
    parts: Any,
    tab: Tab,
    message: Hello,
    token: str,
    *,
    cart: protocol.CartView | None = None,
    holds: tuple[protocol.HoldView, ...] = (),
) -> None:
    live = parts.live
    tab.greet(
        protocol.Welcome(
            ref=ref_of(message.ref),
            session=tab.caller.session,
            token=token,
            node=live.node,
            server_time=now_milliseconds(),
            heartbeat_seconds=live.settings.heartbeat_seconds,
            cart=cart,
            holds=holds,
        )
    )
    live.greeted(tab)
    live.pulse.met(tab.peer)
