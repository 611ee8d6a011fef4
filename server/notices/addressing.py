"""Where what happened goes outside: to which addresses of whom, and when; in the dispatcher's transaction."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from server.bookings.outbox import event_id
from server.bookings.store import moment
from server.database.pool import Connection
from server.database.queries import load
from server.notices.batching import LATELY_MS, Lately, due
from server.notices.channel import Channel
from server.notices.preferences import read_preferences
from server.notices.rules import USUAL, Event, Person, Preferences, channels_for, usual_email
from server.notices.wording import Words
from server.times import Clock, milliseconds

# A message that goes out this soon is joined by no other: another process' clock may be ahead.
MARGIN_MS: Final = 200

Told = Sequence[tuple[Event, Person, Words]]
Address = tuple[Channel, str]
# Of one address each user is a reader of their own: another's quiet hours, or signing out, are not theirs.
Reader = tuple[Channel, str, str | None]

_queries = load(__file__, "sql/dispatch.sql")


@dataclass(slots=True)
class Book:
    """How to reach the users of a round."""

    preferences: dict[str, Preferences] = field(default_factory=dict)
    subscriptions: dict[str, list[str]] = field(default_factory=dict)
    endpoints: dict[str, list[tuple[str, frozenset[str] | None]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sending:
    """One message to one address."""

    to: Address
    event: Event
    person: Person
    words: Words
    preferences: Preferences

    def row(self, leader: UUID | None, planned: int) -> tuple[Any, ...]:
        """As the table has it."""
        name = event_id("delivery", str(self.event.id), *self.to)
        message = {
            "kind": self.event.kind,
            "title": self.words.title,
            "text": self.words.message,
            "data": self.words.data,
            "side": self.person.side,
            "name": self._name,
            "created_at": self.event.at,
        }
        where = self.to[0], self.to[1]
        return (name, self.event.id, self.person.user, *where, message, leader, moment(planned))

    @property
    def reader(self) -> Reader:
        """Whose messages it goes with."""
        return (*self.to, self.person.user)

    @property
    def _name(self) -> str:
        is_theirs = self.person.side == "buyer" and not self.person.former
        return str(self.event.facts.customer.get("name") or "") if is_theirs else ""


class Addressing:
    """`write` has the deliveries of a round written; `channels` are those that somebody serves."""

    def __init__(self, channels: Collection[Channel], clock: Clock) -> None:
        self._channels = frozenset(channels)
        self._clock = clock

    async def write(self, connection: Connection, told: Told) -> bool:
        """Whether there are any."""
        if not self._channels:
            return False
        book = await self._book(connection, told)
        sendings = [
            Sending(to, event, person, words, book.preferences.get(person.user or "", USUAL))
            for event, person, words in told
            for to in _addresses(event, person, book)
            if to[0] in self._channels
        ]
        if sendings:
            await self._write(connection, sendings)
        return bool(sendings)

    async def _book(self, connection: Connection, told: Told) -> Book:
        users, now = sorted({person.user for _, person, _ in told if person.user}), self._clock()
        book = Book()
        for row in await connection.fetch(_queries.book, users, moment(now)):
            user = row["user_id"]
            if row["channels"] is not None:
                book.preferences[user] = read_preferences(row)
            book.subscriptions[user] = [str(each) for each in row["subscriptions"] or ()]
            book.endpoints[user] = [
                (name, None if kinds is None else frozenset(kinds)) for name, kinds in row["endpoints"] or ()
            ]
        return book

    async def _write(self, connection: Connection, sendings: Sequence[Sending]) -> None:
        now = self._clock()
        batched = {sending.reader for sending in sendings if sending.to[0] != "webhook"}
        lately, leaders = await _standing(connection, list(batched), now)
        rows, told = [], set[tuple[UUID, Address]]()
        for sending in sendings:
            if (sending.event.id, sending.to) in told:
                continue  # to one address once, whoever else reads there
            told.add((sending.event.id, sending.to))
            reader = sending.reader
            leader = leaders.get(reader)
            if leader is not None:
                rows.append(sending.row(leader[0], leader[1]))
                continue
            before = lately.get(reader, Lately())
            stranger = sending.person.user is None
            planned = due(sending.to[0], now, before, sending.preferences, stranger=stranger)
            row = sending.row(None, planned)
            rows.append(row)
            if sending.to[0] != "webhook":
                lately[reader] = Lately(before.sent + 1, planned)
                if planned > now + MARGIN_MS:
                    leaders[reader] = row[0], planned
        columns: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)]
        await connection.execute(_queries.write_deliveries, *columns, moment(now))


async def bring_forward(connection: Connection, user: str, preferences: Preferences, now: int) -> bool:
    """Have what waits for the user go out as early as these preferences have it; whether anything does.

    Nothing becomes later: it was planned by the preferences of then. All that happens from now on joins what
    waits, and would be as late as that.
    """
    since = now - max(LATELY_MS, 1000 * preferences.batch_seconds)
    sooner: dict[UUID, int] = {}
    for row in await connection.fetch(_queries.untried, user, moment(now), moment(since)):
        latest = None if row["latest"] is None else milliseconds(row["latest"])
        planned = due(row["channel"], now, Lately(row["sent"], latest), preferences)
        if planned < milliseconds(row["planned_at"]):
            sooner[row["id"]] = planned
    if sooner:
        planned_at = [moment(planned) for planned in sooner.values()]
        await connection.execute(_queries.bring_forward, list(sooner), planned_at)
    return bool(sooner)


async def wait_alone(connection: Connection) -> None:
    """Until this transaction ends nothing is addressed, and what was is there to be seen."""
    await connection.execute(_queries.wait_alone)


def _addresses(event: Event, person: Person, book: Book) -> list[Address]:
    usual = usual_email(event, person)
    if person.user is None:
        return [("email", usual)] if usual else []
    preferences = book.preferences.get(person.user, USUAL)
    wanted = channels_for(preferences, event, person.side)
    email = preferences.email or usual
    found: list[Address] = []
    if "email" in wanted and email:
        found.append(("email", email))
    if "sms" in wanted and preferences.phone:
        found.append(("sms", preferences.phone))
    if "push" in wanted:
        found += [("push", name) for name in book.subscriptions.get(person.user, ())]
    if person.side == "owner":
        hooks = book.endpoints.get(person.user, ())
        found += [("webhook", name) for name, kinds in hooks if kinds is None or event.kind in kinds]
    return found


async def _standing(
    connection: Connection, readers: Sequence[Reader], now: int
) -> tuple[dict[Reader, Lately], dict[Reader, tuple[UUID, int]]]:
    """How often each was written to lately, and the messages that wait for company."""
    if not readers:
        return {}, {}
    columns = [list(column) for column in zip(*readers, strict=True)]
    lately: dict[Reader, Lately] = {}
    for row in await connection.fetch(_queries.lately, *columns, moment(now - LATELY_MS)):
        latest = None if row["latest"] is None else milliseconds(row["latest"])
        lately[row["channel"], row["address"], row["user_id"]] = Lately(row["sent"], latest)
    leaders: dict[Reader, tuple[UUID, int]] = {}
    for row in await connection.fetch(_queries.open_leaders, *columns, moment(now + MARGIN_MS)):
        reader = row["channel"], row["address"], row["user_id"]
        leaders[reader] = row["id"], milliseconds(row["planned_at"])
    return lately, leaders
