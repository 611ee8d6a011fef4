"""Changes of holds on their way to the tabs that have them: `hold` messages, and `cart` once for each batch.

Every process hears every change; this one keeps the live holds of the sessions connected here, so that it can
tell what ended while pub/sub was away, and say `lost` of what Redis lost: a resource in a new epoch was
rebuilt.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, Protocol

import msgspec
import structlog

from channels import protocol
from channels.protocol import CartChanged, HoldChanged, HoldView, ServerMessage
from server.errors import HoldfastError
from server.holds.events import decode_events
from server.holds.places import Held
from server.holds.releasing import Released
from server.holds.rules import Cart, Hold, HoldEvent
from server.holds.sources import Resources
from server.live.table import Position, Session, Tab, Table
from server.live.views import cart_changed, cart_view, hold_changed, hold_view

QUEUE_LIMIT: Final = 100_000
"""Changes waiting to be told; when there are so many, all sessions are read anew instead."""

YIELD_EVERY: Final = 100
"""Changes told one after the other: when thousands of holds end at once, everybody else goes on, too."""

SETTLE_SECONDS: Final = 0.002
"""How long changes wait to be told: what was done here is known by its answer then, and more come along."""

VIEWS_KEPT: Final = 1_000
AGAIN_SECONDS: Final = 1.0
CHECK_SECONDS: Final = 1.0
READERS: Final = 32
_REASONS: Final = {"expired": "deadline", "released": "released", "confirmed": "confirmed", "lost": "lost"}

_log = structlog.get_logger("holdfast.live")


class Standing(Protocol):
    """A session's cart and live holds of one moment."""

    @property
    def cart(self) -> Cart | None: ...
    @property
    def live(self) -> list[Hold]: ...


class Reader(Protocol):
    """server.holds.service.Holds, as far as news read it."""

    store: Any

    async def standing(self, session: str) -> Standing:
        """Cart and holds of one moment."""

    async def ensure_current(self, resource: str) -> None:
        """Load the resource unless Redis knows it, and it is no older Redis than it was built in."""

    async def positions(self, resources: Sequence[str]) -> Mapping[str, tuple[str, int] | None]:
        """(epoch, version) of each; None where Redis does not know it."""


class News:
    """One queue, worked off in order; `clock` is the wall's, in ms.

    `booked` says how a hold that Redis lost stands in a booking: pending, confirmed, or None if in none.
    """

    def __init__(
        self,
        table: Table,
        holds: Reader,
        inventory: Resources,
        clock: Callable[[], int],
        booked: Callable[[Hold], Awaitable[str | None]],
    ) -> None:
        self._table = table
        self._holds = holds
        self._inventory = inventory
        self._clock = clock
        self._booked = booked
        self._queue: deque[HoldEvent] = deque()
        self._stale: dict[str, None] = {}
        self._woken = asyncio.Event()
        self._epochs: dict[str, str] = {}
        self._views: dict[str, tuple[Hold, HoldView]] = {}

    def hear(self, data: bytes) -> None:
        """A message of `holdfast:sessions`; never blocks. Who is not connected here is not told."""
        if len(self._queue) >= QUEUE_LIMIT:
            self.read_all_anew()
            return
        events = [event for event in self._decoded(data) if self._is_news(event)]
        if events:
            self._queue.extend(events)
            self._woken.set()

    def _is_news(self, event: HoldEvent) -> bool:
        session = self._table.session(event.hold.session)
        if session is None:
            return False
        session.misses()
        resource, epoch = event.hold.resource, event.epoch
        if epoch and self._epochs.setdefault(resource, epoch) != epoch:
            self._epochs[resource] = epoch
            self._read_holders_anew({resource})
        return not session.knows(event.hold.id, (epoch, event.version))

    def read_all_anew(self) -> None:
        """Something may have been missed: look at every session again."""
        self.read_anew(session.id for session in self._table if session.holds)

    def read_anew(self, sessions: Iterable[str]) -> None:
        """Look at these sessions again."""
        self._stale.update(dict.fromkeys(sessions))
        self._woken.set()

    async def run(self) -> None:
        """Tell for ever; to be supervised."""
        while True:
            await self._woken.wait()
            await asyncio.sleep(SETTLE_SECONDS)
            self._woken.clear()
            await self.tell_queued()
            await self.tell_missed()

    async def check(self) -> None:
        """Look for rebuilt resources, for ever; to be supervised."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                await self.check_epochs()
            except HoldfastError as error:
                _log.debug("epochs cannot be read", why=error.detail)

    async def check_epochs(self) -> None:
        """Look again at the sessions whose resources stand in an epoch that is new here."""
        followed = {hold.resource for session in self._table for hold in session.holds.values()}
        positions = await self._holds.positions(sorted(followed)) if followed else {}
        epochs = {name: epoch for name, epoch in self._epochs.items() if name in followed - positions.keys()}
        epochs |= {name: position[0] for name, position in positions.items() if position is not None}
        moved = {name for name in followed if epochs.get(name) != self._epochs.get(name)}
        self._epochs = epochs
        if moved:
            self._read_holders_anew(moved)

    def _read_holders_anew(self, resources: AbstractSet[str]) -> None:
        self.read_anew(
            session.id
            for session in self._table
            if any(hold.resource in resources for hold in session.holds.values())
        )

    async def view(self, hold: Hold) -> HoldView:
        """The hold with its slots' names, of which any layout in memory will do: an index keeps its slot.

        The same one is wanted for an answer, a change and a cart. Raises UnknownResource or Unavailable.
        """
        known = self._views.get(hold.id)
        if known is not None and known[0] is hold:
            return known[1]
        if len(self._views) >= VIEWS_KEPT:
            self._views.clear()
        view = await self._view(hold)
        self._views[hold.id] = (hold, view)
        return view

    async def _view(self, hold: Hold) -> HoldView:
        loaded = await self._inventory.get(hold.resource, 0)
        if loaded.calendar is None and any(item.index >= len(loaded.slots) for item in hold.items):
            loaded = await self._inventory.get(hold.resource, loaded.resource.layout + 1)
        return hold_view(hold, loaded)

    async def tell_queued(self) -> None:
        """Work the queue off, each session's changes and its cart in one write."""
        count = 0
        while self._queue:
            queued, self._queue = self._queue, deque()
            changes: dict[str, list[HoldEvent]] = {}
            for event in queued:
                changes.setdefault(event.hold.session, []).append(event)
            for name, events in changes.items():
                await self._tell_all(name, events)
                count += len(events)
                if count >= YIELD_EVERY:
                    count = 0
                    await asyncio.sleep(0)

    async def _tell_all(self, name: str, events: Sequence[HoldEvent]) -> None:
        session = self._table.session(name)
        if session is None:
            return
        found = [
            await self._learned(session, event.hold, event.reason, (event.epoch, event.version))
            for event in events
        ]
        messages: list[ServerMessage] = [each for each in found if each is not None]
        cart = await self._new_cart(session)
        messages += [] if cart is None else [cart]
        for tab in session.tabs if messages else ():
            if tab.greeted:
                tab.peer.answer_all(messages)

    def _decoded(self, data: bytes) -> Sequence[HoldEvent]:
        try:
            return decode_events(data)
        except msgspec.DecodeError as error:
            _log.error("a message about holds is not one", why=str(error))
            return ()

    async def _tell(self, session: Session, hold: Hold, reason: str) -> None:
        changed = await self._learned(session, hold, reason, None)
        if changed is not None:
            tell_greeted(session, changed)

    async def _learned(
        self, session: Session, hold: Hold, reason: str, position: Position | None
    ) -> HoldChanged | None:
        if not session.learns(hold, position):
            return None
        session.misses()
        try:
            return hold_changed(await self.view(hold), reason)
        except HoldfastError as error:
            _log.warning("a hold's slots have no names now", resource=hold.resource, why=error.detail)
            return None

    async def tell_cart(self, session: Session) -> None:
        """The cart as it follows from the holds that are known, if it is not what was told last."""
        message = await self._new_cart(session)
        if message is not None:
            tell_greeted(session, message)

    async def _new_cart(self, session: Session) -> CartChanged | None:
        held = [hold for hold in session.holds.values() if hold.status == "held"]
        if len(held) > 1:
            held.sort(key=lambda hold: (hold.created_at, hold.id))
        try:
            message = cart_changed(held, [await self.view(hold) for hold in held])
        except HoldfastError:
            return None
        if message == session.told_cart:
            return None
        session.told_cart = message
        return message

    # What was done by a tab here: its answer, and what all tabs hear of it, in one write.

    async def answer_held(self, asker: Tab, held: Held, ref: Any) -> None:
        """What came of a request for a hold; where the cart is in other resources, too, they tell of it."""
        hold, cart = held.hold, held.cart
        answer = protocol.Held(
            ref=ref, hold=await self.view(hold), cart=cart_view(cart), version=held.version
        )
        is_here = all(each.resource == hold.resource for each in cart.holds)
        await self.answer(asker, answer, cart.holds if held.is_news and is_here else (), "", held.version)

    async def answer_released(self, asker: Tab, released: Released, ref: Any) -> None:
        """What was given back."""
        hold, version = released.hold, released.version
        reason = "" if hold.status == "held" else "released"
        await self.answer(asker, protocol.Ok(ref=ref), [hold] if released.is_news else (), reason, version)

    async def answer(
        self, asker: Tab, answer: ServerMessage, changed: Sequence[Hold], reason: str, version: int
    ) -> None:
        """Answer a tab, and tell its session at once of holds that are all of one resource at `version`.

        Redis tells every process of them, this one, too: by then it is known here.
        """
        session = self._table.session(asker.caller.session)
        messages: list[ServerMessage] = []
        if session is not None:
            found = [await self._learned(session, hold, reason, ("", version)) for hold in changed]
            messages += [each for each in found if each is not None]
            cart = await self._new_cart(session) if messages else None
            messages += [] if cart is None else [cart]
        asker.peer.answer_all([answer, *messages] if asker.greeted else [answer])
        for tab in () if session is None else session.tabs:
            if tab is not asker and tab.greeted:
                tab.peer.answer_all(messages)

    async def tell_missed(self) -> None:
        """Read the stale sessions; those that cannot be read now are tried again."""
        while self._stale:
            batch = list(self._stale)[:READERS]
            done = await asyncio.gather(*(self._read(session) for session in batch))
            for session in batch:
                self._stale.pop(session, None)
            if not all(done):
                self._stale.update(
                    (session, None) for session, well in zip(batch, done, strict=True) if not well
                )
                asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._woken.set)
                return

    async def _read(self, name: str) -> bool:
        session = self._table.session(name)
        if session is None:
            return True
        try:
            await self._compare(session)
        except HoldfastError as error:
            _log.debug("a session cannot be read", why=error.detail)
            return False
        return True

    async def _compare(self, session: Session) -> None:
        known = dict(session.holds)
        live = {hold.id: hold for hold in (await self._holds.standing(session.id)).live}
        missing = [hold for name, hold in known.items() if name not in live]
        found = await self._found(missing)
        for hold in (*live.values(), *found):
            if known.get(hold.id) != hold:
                await self._tell(session, hold, _REASONS.get(hold.status, ""))
        for hold in missing:
            if hold.id not in {each.id for each in found}:
                await self._tell_gone(session, hold)
        await self.tell_cart(session)

    async def _found(self, missing: Sequence[Hold]) -> list[Hold]:
        """What became of holds that their session no longer names: Redis may have lost that list alone."""
        wanted: dict[str, list[str]] = {}
        for hold in missing:
            wanted.setdefault(hold.resource, []).append(hold.id)
        for resource in wanted:
            await self._holds.ensure_current(resource)
        return list((await self._holds.store.holds(wanted)).values()) if wanted else []

    async def _tell_gone(self, session: Session, hold: Hold) -> None:
        """Redis does not know the hold any more. What is being paid is its booking's to tell."""
        booked = "pending" if hold.status == "paying" else await self._booked(hold)
        if booked == "pending":
            session.holds.pop(hold.id, None)
            return
        if booked == "confirmed":
            await self._tell(session, msgspec.structs.replace(hold, status="confirmed"), "confirmed")
            return
        over = hold.expires_at <= self._clock()
        gone = msgspec.structs.replace(hold, status="expired" if over else "lost")
        await self._tell(session, gone, "deadline" if over else "lost")


def tell_greeted(session: Session, message: ServerMessage) -> None:
    """Tell the tabs that had their welcome; the others' will say how things stand."""
    for tab in session.tabs:
        if tab.greeted:
            tab.tell(message)
