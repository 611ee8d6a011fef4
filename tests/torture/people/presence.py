"""A browser that is there: its session, a socket that comes back with its token, what it sees and is told."""

import asyncio
import itertools
import random
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgpack

from tests.torture.history import Fields, Recorder
from tests.torture.people.desk import Desk
from tests.torture.people.line import Line, Unanswered
from tests.torture.people.maps import Gallery, Gap, Picture

Json = dict[str, Any]

JITTER_SECONDS: Final = 0.5
"""Who lost its socket comes back within so long, at random; after each failure within twice that."""

MOST_JITTER_SECONDS: Final = 2.0
PATIENCE_SECONDS: Final = 8.0
UNSURE: Final = frozenset({"unavailable", "internal"})
"""Refusals that leave open whether it was done; on a socket `overloaded` says that it was not."""

_SNAPSHOT, _DELTA, _HEARTBEAT = b"\xa8snapshot", b"\xa5delta", b"\xa9heartbeat"


class Refused(Exception):
    """The server said no, and nothing was done."""

    def __init__(self, code: str, answer: Json) -> None:
        super().__init__(f"{code}: {answer.get('message') or answer.get('detail')}")
        self.code = code
        self.answer = answer
        self.retry_after = float(answer.get("retry_after") or 0.0)


@dataclass
class Offer:
    """A link to somebody's booking, which lies about for anybody to take."""

    booking: str
    giver: str
    link: str
    taken: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Surroundings:
    """What all people of a process share. `port_of(chance)` is where one goes that comes or comes back."""

    recorder: Recorder
    desk: Desk
    ports: list[int]
    stripe: int = 0
    gallery: Gallery = field(default_factory=Gallery)
    marks: dict[str, list[float]] = field(default_factory=dict)
    """Seconds that things took, by name."""
    counts: dict[str, int] = field(default_factory=dict)
    offers: list[Offer] = field(default_factory=list)

    def took(self, name: str, seconds: float) -> None:
        self.marks.setdefault(name, []).append(seconds)

    def counted(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1


class Presence:
    """`comes` and then stays until it `goes`; all that it sees and is told is recorded."""

    def __init__(self, name: str, resource: str, around: Surroundings, chance: random.Random) -> None:
        self.name = name
        self.resource = resource
        self.chance = chance
        self.token = ""
        self.user = ""
        """A user's token, once signed in: from then on the session's alone opens nothing."""
        self.picture: Picture | None = None
        self.reference: str | None = None
        self.holds_known: dict[str, Json] = {}
        self.bookings: dict[str, Json] = {}
        self.latest: dict[str, str] = {}
        """By slot, the hold that it had last."""
        self.ends: dict[str, tuple[float, int]] = {}
        """Holds that were told to have ended: when (ms), and when they were due."""
        self.ended_again = 0
        self.is_stale = False
        self._around = around
        self._line: Line | None = None
        self._stays = False
        self._refs = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Json]] = {}
        self._here = asyncio.Event()
        self._news = asyncio.Event()
        self._wants_a_seat = False
        self._coming: asyncio.Task[None] | None = None
        self._following = 0

    # Coming and going.

    @property
    def channel(self) -> str:
        return f"availability:{self.resource}"

    @property
    def board(self) -> list[Offer]:
        """The links that lie about."""
        return self._around.offers

    @property
    def is_here(self) -> bool:
        """Whether its socket is open and follows its resource."""
        return self._here.is_set()

    @property
    def is_staying(self) -> bool:
        """Whether it means to be there, and comes back if it is not."""
        return self._stays

    @property
    def port(self) -> int:
        """Of the server it is with, 0 of none."""
        return self._line.port if self._line is not None else 0

    async def comes(self, port: int = 0) -> None:
        """Open a socket and follow the resource; from now on it comes back by itself."""
        self._stays = True
        self._comes_back(0.0, port)
        await self._here.wait()

    def _comes_back(self, within: float, port: int = 0) -> None:
        if self._coming is None or self._coming.done():
            self._coming = asyncio.get_running_loop().create_task(self._come_back(within, port))

    async def _come_back(self, within: float, port: int) -> None:
        away = 0
        while self._stays and not self.is_here:
            await asyncio.sleep(self.chance.uniform(0, within))
            port = port or self._elsewhere(away)
            try:
                await self._joins(port)
            except (OSError, Unanswered, Refused):
                if self._line is not None:
                    self._line.cuts()
                away, port = port, 0
                within = min(MOST_JITTER_SECONDS, max(JITTER_SECONDS, 2 * within))

    def _elsewhere(self, away: int) -> int:
        """Any server, as a load balancer has it: but not the one that did not answer a moment ago."""
        ports = self._around.ports
        return self.chance.choice([port for port in ports if port != away] or ports)

    async def _joins(self, port: int) -> None:
        line = await Line.opens(port, self._hears, self._lost)
        self._line = line
        if not line.is_open:  # lost before anybody knew of it
            raise Unanswered("closed as soon as it was open")
        began = time.perf_counter()
        await self._greets()
        fields: Json = {"channel": self.channel}
        if self.picture is not None:
            fields["position"] = [self.picture.epoch, self.picture.version]
            self._sees("resync", self.picture.version)
        else:  # what comes may be a second old
            self._around.recorder.observe(self.name, "view", resource=self.resource, how="fresh")
        await self._asks("subscribe", **fields)
        self._around.took("join", time.perf_counter() - began)
        self._here.set()

    async def _greets(self) -> None:
        hello: Json = {"token": self.token} if self.token else {}
        if self.user:
            hello = {"token": self.user, "session": self.token}
        with self._around.recorder.operation(self.name, "connect") as pending:
            welcome = await self._asks("hello", **hello)
            self.token = welcome["token"]
            kept = {each["id"]: each for each in welcome["holds"]}
            names = ("id", "expires_at", "status")
            pending.ok(holds=[{name: each[name] for name in names} for each in kept.values()])
        self.holds_known = kept
        self.reference = welcome["cart"]["reference"] if welcome["cart"] else None

    def _lost(self, line: Line, code: int) -> None:
        if line is not self._line:
            return
        self._here.clear()
        self._line = None
        self._around.counted("sockets lost")
        with self._around.recorder.operation(self.name, "disconnect", code=code) as pending:
            pending.ok()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(Unanswered(f"closed with {code}"))
                answer.exception()
        self._answers.clear()
        self._news.set()
        if self._stays:
            self._comes_back(JITTER_SECONDS)

    async def goes(self, *, politely: bool = True) -> None:
        """Leave for good: with a word, or by a socket that just ends."""
        self._stays = False
        if self._coming is not None:
            self._coming.cancel()
        if politely and self._line is not None:
            with self._around.recorder.operation(self.name, "leave") as pending:
                self._line.says({"type": "leave"})
                pending.ok()
        if self._line is not None:
            (self._line.closes if politely else self._line.cuts)()

    def falls_silent(self) -> None:
        """Neither read nor answer any more, as one whose network is gone; it does not come back."""
        self._stays = False
        with self._around.recorder.operation(self.name, "disconnect", silent=True) as pending:
            pending.ok()
        if self._line is not None:
            self._line.is_mute = True
            self._line.stops_reading()

    def drops(self) -> None:
        """Lose the socket, and come back."""
        if self._line is not None:
            self._line.cuts()

    def begins_anew(self) -> None:
        """Write down for a history that begins now what this one has: its connection, view and bookings."""
        with self._around.recorder.operation(self.name, "connect", again=True) as pending:
            names = ("id", "expires_at", "status")
            pending.ok(holds=[{name: each[name] for name in names} for each in self.holds_known.values()])
        if self.picture is not None:
            self._sees("snapshot", self.picture.version)
        for booking in self.bookings.values():
            self._around.recorder.observe(self.name, "booking", **of_booking(booking))

    # What it hears.

    def _hears(self, payload: bytes) -> None:
        kind = payload[6:15]
        if kind.startswith(_DELTA):
            self._moves_on(payload)
        elif kind == _SNAPSHOT:
            self.picture = self._around.gallery.of(payload)
            self._sees("snapshot", self.picture.version)
        elif payload[6:16] == _HEARTBEAT:
            self.is_stale = b"stale" in payload
            return
        else:
            self._is_told(msgpack.unpackb(payload))
        if not self._wants_a_seat or self._sees_a_chance():
            self._news.set()

    def _sees_a_chance(self) -> bool:
        return self.picture is not None and bool(self.picture.free or self.picture.is_over)

    def _moves_on(self, payload: bytes) -> None:
        if self.picture is None:
            return
        try:
            after = self.picture.becomes(payload)
        except Gap:
            self._around.counted("gaps")
            self._subscribes_again()
            return
        if after is not self.picture:
            self._sees("delta", after.version, ("since", self.picture.version))
        self.picture = after

    def _subscribes_again(self) -> None:
        assert self.picture is not None
        position = [self.picture.epoch, self.picture.version]
        self._sees("resync", self.picture.version)
        if self._line is not None:
            self._line.says({"type": "subscribe", "channel": self.channel, "position": position})

    def _sees(self, how: str, to: int, *more: tuple[str, int]) -> None:
        assert self.picture is not None
        epoch = self.picture.epoch
        what: Fields = (("resource", self.resource), ("epoch", epoch), ("how", how), ("to", to), *more)
        self._around.recorder.observe_alike(self.name, "view", what)

    def _is_told(self, message: Json) -> None:
        answer = self._answers.pop(message.get("ref", 0), None)
        if answer is not None:
            if not answer.done():
                answer.set_result(message)
            return
        listens = getattr(self, f"_told_{message['type']}", None)
        if listens is not None:
            listens(message)

    def _told_hold(self, message: Json) -> None:
        told = {name: message[name] for name in ("status", "reason", "expires_at")}
        self._around.recorder.observe(self.name, "hold", hold=message["id"], **told)
        if message["status"] in ("held", "paying"):
            self.holds_known[message["id"]] = message
        else:
            self.holds_known.pop(message["id"], None)
            self.ended_again += message["id"] in self.ends
            self.ends[message["id"]] = (time.time() * 1000, message["expires_at"])
            self._around.counted(f"holds {message['status']}")

    def _told_cart(self, message: Json) -> None:
        self._around.recorder.observe(
            self.name, "cart", reference=message["reference"], expires_at=message["expires_at"]
        )
        self.reference = message["reference"]

    def _told_booking(self, message: Json) -> None:
        self.bookings[message["id"]] = message
        self._around.recorder.observe(self.name, "booking", **of_booking(message))

    def _told_goodbye(self, _message: Json) -> None:
        self._around.counted("goodbyes")

    async def waits(self, seconds: float) -> None:
        """Until something new comes, but so long at the most."""
        self._news.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            pass

    async def waits_for_a_seat(self, seconds: float) -> None:
        """Until a seat is free or all are sold, but so long at the most: thousands sleep meanwhile."""
        self._wants_a_seat = True
        try:
            await self.waits(seconds)
        finally:
            self._wants_a_seat = False

    # What it asks on its socket.

    async def _asks(self, kind: str, patience: float = PATIENCE_SECONDS, **fields: Any) -> Json:
        line = self._line
        if line is None or not line.is_open:
            raise Unanswered("nobody is there")
        ref = next(self._refs)
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._answers[ref] = answer
        line.says({"type": kind, "ref": ref, **fields})
        try:
            async with asyncio.timeout(patience):
                found = await answer
        except TimeoutError:
            raise Unanswered("no answer in time") from None
        finally:
            self._answers.pop(ref, None)
        if found["type"] == "error":
            if found["code"] in UNSURE:
                raise Unanswered(found["code"], found.get("retry_after", 0.0))
            raise Refused(found["code"], found)
        return found


def of_booking(booking: Json) -> Json:
    """What is recorded of a booking, however it was told; its deadline in milliseconds."""
    expires_at = booking["expires_at"]
    if isinstance(expires_at, str):  # HTTP's way
        expires_at = round(1000 * datetime.fromisoformat(expires_at).timestamp())
    return {
        "booking": booking["id"],
        "reference": booking["reference"],
        "status": booking["status"],
        "payment_status": booking["payment_status"],
        "lines": [[each["resource"], each["slot"], each["quantity"]] for each in booking["items"]],
        "total": booking["total"]["amount"],
        "currency": booking["total"]["currency"],
        "expires_at": expires_at,
        "change": booking.get("change"),
    }
