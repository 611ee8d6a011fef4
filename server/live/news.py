"""Changes of holds on their way to the tabs that have them: `hold` messages, and `cart` once for each batch.

Every process hears every change; this one keeps the live holds of the sessions connected here, so that it can
tell what ended while pub/sub was away, and say `lost` of what Redis lost: a resource in a new epoch was
rebuilt.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any, Final, Protocol

import msgspec
import structlog

from channels import protocol
from channels.protocol import CartChanged, HoldChanged, HoldView, ServerMessage
from channels.replica import Position
from server.errors import HoldfastError
from server.holds.events import decode_events
from server.holds.index import Listing
from server.holds.places import Held
from server.holds.releasing import Released
from server.holds.returning import BATCH, Return
from server.holds.rules import Cart, Hold, HoldEvent
from server.holds.sources import Resources
from server.live.names import Names
from server.live.table import Session, Tab, Table
from server.live.views import cart_changed, cart_view, hold_changed
from server.times import Clock

QUEUE_LIMIT: Final = 100_000
"""Changes waiting to be told; when there are so many, all sessions are read anew instead."""

YIELD_EVERY: Final = 100
"""Changes told one after the other: when thousands of holds end at once, everybody else goes on, too."""

SETTLE_SECONDS: Final = 0.002
"""How long changes wait to be told: what was done here is known by its answer then, and more come along."""

AGAIN_SECONDS: Final = 1.0
CHECK_SECONDS: Final = 1.0
READERS: Final = BATCH
"""Sessions that are read at once: as many as one script says of where they hold anything."""

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

    async def standing(self, session: str, listing: Listing | None = None) -> Standing:
        """Cart and holds of one moment; `listing` is the session's index, where that was just read."""

    async def ensure_current(self, resource: str) -> None:
        """Load the resource unless Redis knows it, and it is no older Redis than it was built in."""

    async def positions(self, resources: Sequence[str]) -> Mapping[str, Position | None]:
        """(epoch, version) of each; None where Redis does not know it."""


class Indices(Protocol):
    """server.holds.returning.Returns: where sessions hold anything, asked about together."""

    serves: bool

    def ask(self, session: str) -> asyncio.Future[Return]:
        """To come, or Unavailable."""


class News:
    """One queue, worked off in order; `clock` is the wall's, in ms.

    `booked` says how a hold that Redis lost stands in a booking: pending, confirmed, or None if in none.
    """

    def __init__(
        self,
        table: Table,
        holds: Reader,
        inventory: Resources,
        clock: Clock,
        booked: Callable[[Hold], Awaitable[str | None]],
        *,
        indices: Indices,
    ) -> None:
        self._table = table
        self._holds = holds
        self._indices = indices
        self.names = Names(inventory)
        self._clock = clock
        self._booked = booked
        self._queue: deque[HoldEvent] = deque()
        self._stale: dict[str, None] = {}
        self._reading: dict[str, None] = {}
        self._woken = asyncio.Event()
        self._missed = asyncio.Event()
        self._epochs: dict[str, str] = {}

    def hear(self, data: bytes) -> None:
        """A message of `holdfast:sessions`; never blocks. Who is not connected here is not told."""
        if len(self._queue) >= QUEUE_LIMIT:
            self._queue.clear()  # all of it is read, and the next message need not find the queue full, too
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
        session.note_change()
        resource, epoch = event.hold.resource, event.epoch
        if epoch and self._epochs.setdefault(resource, epoch) != epoch:
            self._epochs[resource] = epoch
            self._read_holders_anew({resource})
        return not session.knows(event.hold.id, (epoch, event.version))

    def read_all_anew(self) -> None:
        """Something may have been missed: look at every session again, for any may hold its first by now."""
        for session in self._table:
            session.note_change()
            self._mark(session.id)

    def read_anew(self, sessions: Iterable[str]) -> None:
        """Look at these sessions again."""
        for name in sessions:
            self._mark(name)

    def _mark(self, name: str) -> None:
        session = self._table.session(name)
        if session is not None:
            session.unread = True
        self._stale[name] = None
        self._missed.set()

    async def run(self) -> None:
        """Tell for ever; to be supervised."""
        while True:
            await self._woken.wait()
            await asyncio.sleep(SETTLE_SECONDS)
            self._woken.clear()
            await self.tell_queued()

    async def read_missed(self) -> None:
        """Read for ever what was missed, beside what is told: it may take long. To be supervised."""
        while True:
            await self._missed.wait()
            await asyncio.sleep(SETTLE_SECONDS)
            self._missed.clear()
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
        news = [each for each in events if not session.knows(each.hold.id, (each.epoch, each.version))]
        if not news:
            return
        told = {each.hold.id: each.hold for each in news}
        await self.names.look_up({**session.holds, **told}.values())
        found = [self._learned(session, each.hold, each.reason, (each.epoch, each.version)) for each in news]
        messages: list[ServerMessage] = [each for each in found if each is not None]
        messages += self._cart(session)
        for tab in session.tabs if messages else ():
            if tab.greeted:
                tab.peer.answer_all(messages)

    def _decoded(self, data: bytes) -> Sequence[HoldEvent]:
        try:
            return decode_events(data)
        except msgspec.DecodeError as error:
            _log.error("a message about holds is not one", why=str(error))
            return ()

    async def _tell(self, session: Session, hold: Hold, reason: str, heard: Position | None) -> bool:
        """Tell what was read of a hold, unless more than `heard` is heard while its names are looked up.

        False where the names cannot be had now: then the hold is not noted as known either, and read again.
        """
        waits = await self.names.look_up([hold])
        if session.heard.get(hold.id) != heard:
            return True
        if self.names.at_hand(hold) is None:
            if not waits and session.learns(hold):  # its resource is gone: there is no more to tell
                session.note_change()
            return not waits
        changed = self._learned(session, hold, reason, None)
        if changed is not None:
            tell_greeted(session, changed)
        return True

    def _learned(
        self, session: Session, hold: Hold, reason: str, position: Position | None
    ) -> HoldChanged | None:
        """Note a hold as known; answers what tells of it, None if it was known or has no names now.

        One without names is not noted: its session is read again until it has them.
        """
        view = self.names.at_hand(hold)
        if view is None:
            self.read_anew([session.id])
            return None
        if not session.learns(hold, position):
            return None
        session.note_change()
        return hold_changed(view, reason)

    async def tell_cart(self, session: Session) -> bool:
        """Tell the cart that the known holds make up, if it is not what was told last.

        False where the names of something in it cannot be had now.
        """
        waits = await self.names.look_up(list(session.holds.values()))
        views = self._views(session)
        message = None if views is None else self._new_cart(session, views)
        if message is not None:
            tell_greeted(session, message)
        return not waits

    def _cart(self, session: Session) -> list[ServerMessage]:
        """The cart's message, if it changed; where names are missing, the session is read again."""
        views = self._views(session)
        if views is None:
            self.read_anew([session.id])
        message = None if views is None else self._new_cart(session, views)
        return [] if message is None else [message]

    def _views(self, session: Session) -> list[tuple[Hold, HoldView]] | None:
        """What is in the cart; None if something has no names."""
        held = [hold for hold in session.holds.values() if hold.status == "held"]
        if len(held) > 1:
            held.sort(key=lambda hold: (hold.created_at, hold.id))
        views = [(hold, view) for hold in held if (view := self.names.at_hand(hold)) is not None]
        return views if len(views) == len(held) else None

    def _new_cart(self, session: Session, views: Sequence[tuple[Hold, HoldView]]) -> CartChanged | None:
        message = cart_changed([hold for hold, _ in views], [view for _, view in views])
        if message == session.told_cart:
            return None
        session.told_cart = message
        return message

    # What was done by a tab here: its answer, and what all tabs hear of it, in one write.

    def answer_held(self, asker: Tab, held: Held, ref: Any) -> bool:
        """What came of a request for a hold; False, and nothing has happened, if `tell_held` has to do it."""
        view = self.names.at_hand(held.hold)
        if view is None or not self._can_name(asker, held.cart.holds):
            return False
        self._say_held(asker, held, view, ref)
        return True

    async def tell_held(self, asker: Tab, held: Held, ref: Any) -> None:
        """The same where names have to be looked up; raises UnknownResource or Unavailable."""
        view = await self.names.view(held.hold)
        await self.names.look_up((*held.cart.holds, *self._known(asker)))
        self._say_held(asker, held, view, ref)

    def _say_held(self, asker: Tab, held: Held, view: HoldView, ref: Any) -> None:
        """Answer, and tell the session of all holds of the cart, for their deadline has moved.

        Not if any is in another resource: at which version is unknown here, and Redis tells of them.
        """
        hold, cart = held.hold, held.cart
        answer = protocol.Held(ref=ref, hold=view, cart=cart_view(cart), version=held.version)
        is_here = all(each.resource == hold.resource for each in cart.holds)
        self._answer(asker, answer, cart.holds if held.is_news and is_here else (), "", held.version)

    def answer_released(self, asker: Tab, released: Released, ref: Any) -> bool:
        """What was given back; False, and nothing has happened, if `tell_released` has to do it."""
        if not self._can_name(asker, [released.hold]):
            return False
        self._say_released(asker, released, ref)
        return True

    async def tell_released(self, asker: Tab, released: Released, ref: Any) -> None:
        """The same where names have to be looked up."""
        await self.names.look_up((released.hold, *self._known(asker)))
        self._say_released(asker, released, ref)

    def _say_released(self, asker: Tab, released: Released, ref: Any) -> None:
        hold, version = released.hold, released.version
        reason = "" if hold.status == "held" else "released"
        self._answer(asker, protocol.Ok(ref=ref), [hold] if released.is_news else (), reason, version)

    def _can_name(self, asker: Tab, holds: Iterable[Hold]) -> bool:
        """Whether all is in memory that telling the asker's session of these holds needs."""
        return all(self.names.at_hand(hold) is not None for hold in (*holds, *self._known(asker)))

    def _known(self, asker: Tab) -> list[Hold]:
        return [] if asker.session is None else list(asker.session.holds.values())

    def _answer(
        self, asker: Tab, answer: ServerMessage, changed: Sequence[Hold], reason: str, version: int
    ) -> None:
        """Answer a tab, and tell its session at once of holds that are all of one resource at `version`.

        Redis tells every process of them, this one, too: by then it is known here.
        """
        session = asker.session
        messages: list[ServerMessage] = []
        if session is not None:
            found = [self._learned(session, hold, reason, ("", version)) for hold in changed]
            messages += [each for each in found if each is not None]
            messages += self._cart(session) if messages else []
        asker.peer.answer_all([answer, *messages] if asker.greeted else [answer])
        for tab in () if session is None else session.tabs:
            if tab is not asker and tab.greeted:
                tab.peer.answer_all(messages)

    async def tell_missed(self) -> None:
        """Read the stale sessions; those that cannot be read now are tried again.

        Each is taken off before it is read, so that one that is stale again meanwhile is read again.
        """
        try:
            while self._stale:
                batch = list(islice(self._stale, READERS))
                for session in batch:
                    del self._stale[session]
                self._reading |= dict.fromkeys(batch)
                done = await asyncio.gather(*(self._read(session) for session in batch))
                for session in (each for each, well in zip(batch, done, strict=True) if well):
                    del self._reading[session]
                if not any(done):
                    break
        finally:
            again, self._reading = self._reading, {}
            if again:
                self._stale |= again
                asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._missed.set)

    def found(self, tab: Tab, holds: Sequence[Hold], cart: CartChanged) -> None:
        """Note what a tab's welcome says as what its session has.

        If other tabs were greeted before and know something else, the session is read again, to tell them.
        """
        session, live = tab.session, {hold.id: hold for hold in holds}
        if session is None:
            return
        if not any(each.greeted for each in session.tabs if each is not tab):
            session.holds, session.told_cart = live, cart
        elif session.holds != live:
            self.read_anew([session.id])

    async def _read(self, name: str) -> bool:
        session = self._table.session(name)
        if session is None:
            return True
        heard, known = dict(session.heard), dict(session.holds)
        try:
            listing = await self._listing(name)
            has_any = known or listing is None or listing.entries
            is_told = not has_any or await self._compare(session, heard, known, listing)
        except HoldfastError as error:
            _log.debug("a session cannot be read", why=error.detail)
            return False
        except Exception:  # noqa: BLE001  # whatever it is, it is the trouble of this session alone
            _log.exception("a session cannot be read")
            return False
        if not is_told or session.heard != heard:
            return False
        session.unread = name in self._stale
        return True

    async def _listing(self, session: str) -> Listing | None:
        """Where it holds anything, asked with all that are read now; None if it has to be asked alone."""
        if not self._indices.serves:
            return None
        try:
            return (await self._indices.ask(session)).listing
        except HoldfastError:
            raise
        except Exception:  # noqa: BLE001  # it may be of another who was asked about in the same breath
            return None

    async def _compare(
        self,
        session: Session,
        heard: Mapping[str, Position],
        known: Mapping[str, Hold],
        listing: Listing | None,
    ) -> bool:
        """Tell what is not as it was known; but nothing of a hold of which more was heard since.

        False where something of it has no names now.
        """
        live = {hold.id: hold for hold in (await self._holds.standing(session.id, listing)).live}
        missing = [hold for name, hold in known.items() if name not in live]
        found = await self._found(missing)
        told = [
            await self._tell(session, hold, _REASONS.get(hold.status, ""), heard.get(hold.id))
            for hold in (*live.values(), *found)
            if known.get(hold.id) != hold
        ]
        gone = [hold for hold in missing if hold.id not in {each.id for each in found}]
        told += [await self._tell_gone(session, hold, heard.get(hold.id)) for hold in gone]
        return await self.tell_cart(session) and all(told)

    async def _found(self, missing: Sequence[Hold]) -> list[Hold]:
        """What became of holds that their session no longer names: Redis may have lost that list alone."""
        wanted: dict[str, list[str]] = {}
        for hold in missing:
            wanted.setdefault(hold.resource, []).append(hold.id)
        for resource in wanted:
            await self._holds.ensure_current(resource)
        return list((await self._holds.store.holds(wanted)).values()) if wanted else []

    async def _tell_gone(self, session: Session, hold: Hold, heard: Position | None) -> bool:
        """Redis does not know the hold any more. What is being paid is its booking's to tell."""
        booked = "pending" if hold.status == "paying" else await self._booked(hold)
        if session.heard.get(hold.id) != heard:
            return True
        if booked == "pending":
            session.holds.pop(hold.id, None)
            return True
        if booked == "confirmed":
            booking = msgspec.structs.replace(hold, status="confirmed")
            return await self._tell(session, booking, "confirmed", heard)
        over = hold.expires_at <= self._clock()
        gone = msgspec.structs.replace(hold, status="expired" if over else "lost")
        return await self._tell(session, gone, "deadline" if over else "lost", heard)


def tell_greeted(session: Session, message: ServerMessage) -> None:
    """Tell the tabs that had their welcome; the others' will say how things stand."""
    for tab in session.tabs:
        if tab.greeted:
            tab.tell(message)
