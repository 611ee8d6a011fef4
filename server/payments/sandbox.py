"""The sandbox provider: a third party that takes play money, with a ledger of its own and events of its own.

It knows nothing of bookings and believes nobody: amounts are what the order said, a key used twice is the
same call, money moves once. Its faults are those of real providers: events are delivered at least once and
in no order, and a payment under way may succeed after a cancel was answered with "cancelled".
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Literal

import asyncpg
import msgspec
import structlog

from server.bookings.store import moment
from server.database.coalescing import Coalescer
from server.database.pool import Connection, Database
from server.database.queries import load
from server.errors import Unavailable
from server.payments.provider import (
    Event,
    Intent,
    IntentStatus,
    Order,
    ProviderRefused,
    ProviderUnavailable,
    Refund,
)
from server.times import Clock, milliseconds
from server.worker import Worker

Outcome = Literal["succeed", "decline", "cancel"]
Deliver = Callable[[Event], Awaitable[None]]

NAME: Final = "sandbox"
BATCH: Final = 50
IDLE_SECONDS: Final = 1.0
# So long an event is left to the process that wrote it, which delivers it at once.
TAKEN_MS: Final = 1_000
_NEVER: Final = 2**53

_queries = load(__file__, "sql/sandbox.sql")
_log = structlog.get_logger(__name__)

# A payment that was paid stays paid, whatever is pressed.
_POSSIBLE: Final[frozenset[IntentStatus]] = frozenset({"open", "processing", "declined"})
_BECOMES: Final[dict[Outcome, IntentStatus]] = {
    "succeed": "authorised",
    "decline": "declined",
    "cancel": "cancelled",
}
_ALREADY: Final[dict[Outcome, frozenset[IntentStatus]]] = {
    "succeed": frozenset({"authorised", "captured"}),
    "decline": frozenset(),
    "cancel": frozenset({"cancelled"}),
}


class Sandbox:
    """A Provider, the buttons of its page (`act`), and `worker`, which reports to `deliver`."""

    name = NAME

    def __init__(self, database: Database, deliver: Deliver, clock: Clock) -> None:
        self._database = database
        self._deliver = deliver
        self._clock = clock
        self._fetch = Coalescer(self._fetch_all)
        self._make = Coalescer(self._make_all)
        self._authorise = Coalescer(self._authorise_all)
        self._capture = Coalescer(self._capture_all)
        # When (ms) the next delayed outcome and the next event are due, as far as this process knows, and
        # when it looks into the tables again, where others may have left some.
        self._outcome_due = self._event_due = self._looks_at = 0
        self._fresh: list[Event] = []
        self.worker = Worker("sandbox.deliver", self.work, idle=IDLE_SECONDS)

    # What our side calls.

    def refuses(self, amount: int, currency: str) -> str | None:  # noqa: ARG002  # play money has every currency
        return None if amount else "an amount is more than nothing"

    def step(self, currency: str) -> int:  # noqa: ARG002  # play money has every amount
        return 1

    async def create(self, order: Order, key: str) -> Intent:
        if order.amount <= 0:
            raise ProviderRefused("an amount is more than nothing")
        metadata = {"payment": order.payment, "booking": order.booking, "reference": order.reference}
        new = Intent(
            id=_new_id(), status="open", amount=order.amount, currency=order.currency, metadata=metadata
        )
        try:
            made = await self._make((new, key))
            if made is not None:
                return made
            async with self._database.connection() as connection:
                return await self._same_order(connection, order, key)
        except Unavailable as error:
            raise ProviderUnavailable from error

    async def fetch(self, intent_id: str) -> Intent:
        try:
            found = await self._fetch(intent_id)
        except Unavailable as error:
            raise ProviderUnavailable from error
        if found is None:
            raise ProviderRefused("there is no such payment")
        return found

    async def capture(self, intent_id: str, amount: int, key: str) -> Intent:
        async def work(connection: Connection, intent: Intent) -> None:
            if intent.status == "authorised":
                if amount > intent.amount:
                    raise ProviderRefused("more than was authorised")
                await self._move(connection, intent, "capture", amount, key=key)
                await self._set(connection, intent, "captured")

        taken = await _reachable(self._capture((intent_id, amount, key)))
        return taken or await self._change(intent_id, work)

    async def cancel(self, intent_id: str, key: str) -> Intent:  # noqa: ARG002  # cancelling twice is harmless
        async def work(connection: Connection, intent: Intent) -> None:
            if intent.status in {"open", "processing", "declined", "authorised"}:
                await self._set(connection, intent, "cancelled")

        return await self._change(intent_id, work)

    async def refund(self, intent_id: str, amount: int, key: str) -> Refund:
        answer: list[int] = []

        async def work(connection: Connection, intent: Intent) -> None:
            done = await connection.fetchrow(_queries.movement_by_key, key)
            if done is None:
                if intent.dispute == "open":
                    raise ProviderRefused("the buyer's bank is asking for it")
                if amount > intent.captured - intent.refunded - intent.reversed:
                    raise ProviderRefused("more than is left of it")
                answer.append(await self._move(connection, intent, "refund", amount, key=key))
            elif done["amount"] == amount:
                answer.append(done["id"])
            else:
                raise ProviderRefused("this key was used for something else")

        await self._change(intent_id, work)
        return Refund(id=f"sbr_{answer[0]}", status="succeeded")

    async def fetch_refund(self, refund_id: str) -> Refund:
        return Refund(id=refund_id, status="succeeded")

    async def recent(self, since_ms: int) -> list[Intent]:
        try:
            async with self._database.connection() as connection:
                rows = await connection.fetch(_queries.recent, moment(since_ms))
                found = await connection.fetch(_queries.intents, [row["id"] for row in rows])
                return [_intent(row) for row in found]
        except Unavailable as error:
            raise ProviderUnavailable from error

    # What its page's buttons do.

    async def act(
        self, intent_id: str, outcome: Outcome, *, delay_ms: int = 0, twice: bool = False
    ) -> Intent:
        """The buyer pays, is declined or goes back; `twice` charges a second intent as well.

        With a delay the outcome is reported so much later, whatever a cancel was answered meanwhile. Raises
        ProviderRefused where the intent can't have that outcome any more.
        """

        async def work(connection: Connection, intent: Intent) -> None:
            if intent.status in _ALREADY[outcome]:
                return
            if intent.status not in _POSSIBLE:
                raise ProviderRefused(f"this payment is {intent.status}")
            if delay_ms:
                await self._plan(connection, intent, outcome, delay_ms)
                self._outcome_due = min(self._outcome_due, self._clock() + delay_ms)
            else:
                await self._happen(connection, intent, outcome)
                if twice:
                    await self._charge_again(connection, intent)

        if outcome == "succeed" and not delay_ms and not twice:
            paid = await _reachable(self._authorise(intent_id))
            if paid is not None:
                return paid
        return await self._change(intent_id, work)

    async def work(self) -> float:
        """One round: outcomes that were delayed, then deliveries; answers when the next is due.

        What this process has just written is delivered as it is; the table is asked for what others left.
        """
        now = self._clock()
        fresh, self._fresh = self._fresh, []
        if self._outcome_due <= now:
            async with self._database.transaction() as connection:
                for row in await connection.fetch(_queries.due_outcomes, moment(now), BATCH):
                    await self._report_late(connection, row["id"])
        looks = not fresh or min(self._event_due, self._outcome_due, self._looks_at) <= now
        await self._deliver_all([*fresh, *(await self._due_events(now) if looks else ())])
        if looks:
            await self._look_ahead()
        due = min(self._outcome_due, self._event_due)
        return IDLE_SECONDS if due == _NEVER else (due - self._clock()) / 1000

    # Inside.

    async def _due_events(self, now: int) -> list[Event]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_queries.take_events, moment(now), BATCH)
        return [Event(id=row["id"], kind=row["kind"], object_id=row["intent_id"]) for row in rows]

    async def _deliver_all(self, events: Sequence[Event]) -> None:
        delivered = await asyncio.gather(*map(self._is_delivered, events))
        done = [event.id for event, taken in zip(events, delivered, strict=True) if taken]
        if len(done) < len(events):
            self._event_due = 0
        if done:
            async with self._database.connection() as connection:
                await connection.execute(_queries.events_delivered, done)

    async def _look_ahead(self) -> None:
        """When something is due next; what other processes leave is looked for now and then."""
        async with self._database.connection() as connection:
            next_due = await connection.fetchrow(_queries.next_due)
        assert next_due is not None, "it has no table to be empty"
        outcome, event = next_due
        self._looks_at = self._clock() + round(1000 * IDLE_SECONDS)
        self._outcome_due = _NEVER if outcome is None else milliseconds(outcome)
        self._event_due = _NEVER if event is None else milliseconds(event)

    async def _keep(
        self, connection: Connection, intent: Intent, key: str, capture: Literal["manual", "automatic"]
    ) -> Intent | None:
        """The intent as it is kept; None if the key was used before."""
        return (await self._keep_all(connection, [(intent, key)], capture))[0]

    async def _make_all(self, orders: list[tuple[Intent, str]]) -> list[Intent | None]:
        async with self._database.connection() as connection:
            return await self._keep_all(connection, orders, "manual")

    async def _keep_all(
        self,
        connection: Connection,
        orders: Sequence[tuple[Intent, str]],
        capture: Literal["manual", "automatic"],
    ) -> list[Intent | None]:
        rows = await connection.fetch(
            _queries.insert_intents,
            [intent.id for intent, _ in orders],
            [secrets.token_urlsafe(24) for _ in orders],
            [key for _, key in orders],
            [intent.amount for intent, _ in orders],
            [intent.currency for intent, _ in orders],
            capture,
            [dict(intent.metadata) for intent, _ in orders],
            moment(self._clock()),
        )
        found = {row["id"]: _intent(row) for row in rows}
        return [found.get(intent.id) for intent, _ in orders]

    async def _same_order(self, connection: Connection, order: Order, key: str) -> Intent:
        row = await connection.fetchrow(_queries.by_key, key)
        assert row is not None, "it was just made, or before"
        if (row["amount"], row["currency"]) != (order.amount, order.currency):
            raise ProviderRefused("this key was used for another order")
        return await _read(connection, row["id"])

    async def _change(self, intent_id: str, work: Callable[[Connection, Intent], Awaitable[None]]) -> Intent:
        """Do something to a locked intent; the intent as it is then."""
        try:
            async with self._database.transaction() as connection:
                await connection.execute(_queries.lock_intent, intent_id)
                await work(connection, await _read(connection, intent_id))
                intent = await _read(connection, intent_id)
        except Unavailable as error:
            raise ProviderUnavailable from error
        self.worker.wake()
        return intent

    async def _fetch_all(self, intents: list[str]) -> list[Intent | None]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_queries.intents, intents)
        found = {row["id"]: _intent(row) for row in rows}
        return [found.get(name) for name in intents]

    async def _authorise_all(self, intents: list[str]) -> list[Intent | None]:
        """The usual change, of many; None, with nothing changed, where the intent is not as usual."""
        events = [_new_event() for _ in intents]
        return await self._at_once(_queries.authorise, "intent.authorised", intents, events)

    async def _capture_all(self, asked: list[tuple[str, int, str]]) -> list[Intent | None]:
        intents, amounts, keys = ([each[place] for each in asked] for place in range(3))
        events = [_new_event() for _ in asked]
        return await self._at_once(_queries.capture, "intent.captured", intents, amounts, keys, events)

    async def _at_once(
        self, query: str, kind: str, intents: list[Any], *arguments: list[Any]
    ) -> list[Intent | None]:
        now = self._clock()
        async with self._database.connection() as connection:
            rows = await connection.fetch(query, intents, *arguments, moment(now), moment(now + TAKEN_MS))
        self._fresh += [Event(id=row["event"], kind=kind, object_id=row["id"]) for row in rows]
        self.worker.wake()
        found = {row["id"]: _intent(row) for row in rows}
        return [found.get(name) for name in intents]

    async def _happen(self, connection: Connection, intent: Intent, outcome: Outcome) -> None:
        if outcome == "succeed":
            await self._plan(connection, intent, None, 0)
        await self._set(connection, intent, _BECOMES[outcome])

    async def _report_late(self, connection: Connection, intent_id: str) -> None:
        """What was under way arrives; if it was cancelled meanwhile, the money is taken all the same."""
        outcome: Outcome = await connection.fetchval(_queries.outcome, intent_id)
        intent = await _read(connection, intent_id)
        await self._plan(connection, intent, None, 0)
        if intent.status == "processing":
            await self._happen(connection, intent, outcome)
        elif intent.status == "cancelled" and outcome == "succeed":
            await self._move(connection, intent, "capture", intent.amount, key=f"late:{intent.id}")
            await self._set(connection, intent, "captured")

    async def _plan(
        self, connection: Connection, intent: Intent, outcome: Outcome | None, delay_ms: int
    ) -> None:
        now = self._clock()
        when = None if outcome is None else moment(now + delay_ms)
        await connection.execute(_queries.set_outcome, intent.id, outcome, when, moment(now))

    async def _charge_again(self, connection: Connection, intent: Intent) -> None:
        """The page was sent twice: a second intent, taken at once."""
        second = msgspec.structs.replace(intent, id=_new_id(), status="open")
        await self._keep(connection, second, f"again:{second.id}", "automatic")
        await self._move(connection, second, "capture", second.amount, key=f"again:{second.id}")
        await self._set(connection, second, "captured")

    async def _move(
        self,
        connection: Connection,
        intent: Intent,
        kind: Literal["capture", "refund"],
        amount: int,
        key: str,
    ) -> int:
        now = moment(self._clock())
        moved: int = await connection.fetchval(_queries.insert_movement, intent.id, kind, amount, key, now)
        if kind == "refund":
            await self._set(connection, intent, intent.status, kind="intent.refunded")
        return moved

    async def _set(
        self, connection: Connection, intent: Intent, status: IntentStatus, *, kind: str | None = None
    ) -> None:
        now = moment(self._clock())
        await connection.execute(_queries.set_status, intent.id, status, now)
        await connection.execute(
            _queries.insert_event, _new_event(), intent.id, kind or f"intent.{status}", now
        )
        self._event_due = 0

    async def _is_delivered(self, event: Event) -> bool:
        try:
            await self._deliver(event)
        except Exception as error:  # noqa: BLE001  # whatever ails the receiver, the event comes again
            _log.warning("sandbox_delivery_failed", event_id=event.id, reason=str(error))
            return False
        return True


async def _reachable(answer: Awaitable[Intent | None]) -> Intent | None:
    try:
        return await answer
    except Unavailable as error:
        raise ProviderUnavailable from error


def _new_id() -> str:
    return f"sbx_{secrets.token_hex(12)}"


def _new_event() -> str:
    return f"sbe_{secrets.token_hex(12)}"


async def _read(connection: Connection, intent_id: str) -> Intent:
    row = await connection.fetchrow(_queries.intents, [intent_id])
    if row is None:
        raise ProviderRefused("there is no such payment")
    return _intent(row)


def _intent(row: asyncpg.Record) -> Intent:
    status: IntentStatus = row["status"]
    under_way = status in {"open", "declined"} and row["outcome"] is not None
    return Intent(
        id=row["id"],
        status="processing" if under_way else status,
        amount=row["amount"],
        currency=row["currency"],
        captured=row["captured"],
        refunded=row["refunded"],
        reversed=row["reversed"],
        dispute=row["dispute"],
        metadata=row["metadata"],
        redirect_url=f"/sandbox/payments/{row['metadata']['payment']}",
    )
