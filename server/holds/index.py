"""A session's own side of its holds: where they are, and its cart's reference. The resources decide.

Everything stands under `{session:<id>}:`; an entry is written before its hold is made, so that a crash
between the two leaves an entry without a hold, never a hold without an entry. Readers repair it.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from server.holds.rules import Hold
from server.holds.scripts import Scripts

# A hold is made MADE_WITHIN_MS after its intent at the latest, by the clock of the server that makes it; an
# entry without a hold is kept for ON_ITS_WAY_MS, by the index's clock. The difference covers two clocks that
# differ.
MADE_WITHIN_MS = 12_000
ON_ITS_WAY_MS = 15_000
LASTS_MS = 24 * 3600 * 1000


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """Where a hold is, and under which reference; `written_at` in ms."""

    hold: str
    reference: str
    resource: str
    written_at: int


class OpenCart(msgspec.Struct, frozen=True, kw_only=True):
    """A cart as the session's side has it; `first_hold_at` in ms."""

    reference: str
    owner: str
    currency: str
    first_hold_at: int


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """What joining answered; `entries` are those of before, `resource` is where an ended hold was."""

    status: Literal["joined", "differs", "ended"]
    now: int
    reference: str
    resource: str = ""
    first_hold_at: int = 0
    created: bool = False
    entries: tuple[Entry, ...] = ()


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """The whole index of one moment; `cart` is None when none is open."""

    now: int
    cart: OpenCart | None = None
    entries: tuple[Entry, ...] = ()

    def of_cart(self) -> tuple[Entry, ...]:
        """The open cart's entries."""
        reference = None if self.cart is None else self.cart.reference
        return tuple(entry for entry in self.entries if entry.reference == reference)


_joined = msgspec.msgpack.Decoder(Joined)
_listing = msgspec.msgpack.Decoder(Listing)


def _key(session: str, *parts: str) -> str:
    return ":".join(["{session:" + session + "}", *parts])


def index_key(session: str) -> str:
    """The key of all that a session's index has but for what ended."""
    return _key(session, "cart")


def lasting(max_ms: int) -> int:
    """How long an index is kept (ms) after a hold of a cart that lasts so long at most."""
    return max_ms + LASTS_MS


class Index:
    """One session's keys are changed by one script; every call raises Unavailable while Redis is away."""

    is_beside_resources = True
    """Whether one script may see a session's keys and a resource's: until Redis says it is a cluster."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        if scripts.in_cluster:
            self.is_beside_resources = False

    async def join(self, session: str, hold: str, resource: str, cart: OpenCart, *, lasts_ms: int) -> Joined:
        """Say which cart a new hold belongs to; `cart` is the one to open if none is."""
        content = {
            "id": hold,
            "resource": resource,
            "owner": cart.owner,
            "currency": cart.currency,
            "fresh": cart.reference,
            "lasts_ms": lasting(lasts_ms),
        }
        return _joined.decode(await self._scripts.run("join", _key(session, "cart"), content))

    def key(self, session: str) -> str:
        """See `index_key`."""
        return index_key(session)

    async def read(self, session: str) -> Listing:
        """All that is known of a session."""
        return _listing.decode(await self._scripts.run("listing", _key(session, "cart"), {}))

    async def write(
        self,
        session: str,
        *,
        drop: Sequence[str] = (),
        forget: Sequence[tuple[str, int]] = (),
        put: Sequence[tuple[str, str, str]] = (),
        cart: OpenCart | None = None,
        close: str | None = None,
    ) -> None:
        """Drop and put entries (hold, reference, resource); open a cart; close the one called `close`.

        What is dropped has ended, and its op with it; intents to `forget` (hold, written at) led to none.
        """
        content: dict[str, Any] = {"drop": drop, "forget": forget, "put": put, "lasts_ms": LASTS_MS}
        if cart is not None:
            content["cart"] = cart
        if close is not None:
            content["close"] = close
        await self._scripts.run("index", _key(session, "cart"), content)

    async def find_again(self, holds: Iterable[Hold]) -> None:
        """Put holds back that their sessions' indices may have lost."""
        sessions: dict[str, list[tuple[str, str, str]]] = {}
        for hold in holds:
            sessions.setdefault(hold.session, []).append((hold.id, hold.reference, hold.resource))
        for session, entries in sessions.items():
            await self.write(session, put=entries)

    async def resource_of(self, session: str, hold: str) -> str | None:
        """Where a hold of this session is or, for a while, was."""
        entry, ended = await asyncio.gather(
            self._scripts.command("HGET", _key(session, "cart"), hold),
            self._scripts.command("GET", _key(session, "ended", hold)),
        )
        if entry is not None:
            return msgspec.msgpack.decode(entry, type=tuple[str, str, int])[1]
        return None if ended is None else bytes(ended).decode()
