"""Buyers over real sockets, so that tests read as sentences.

    async with visiting(holdfast.base_url) as ann:
        await ann.watches("hall")
        hold = await ann.holds("A-12")
        await ben.sees("A-12", available=0, held=1)
        await ben.agrees()

A buyer is one browser: a cookie jar, a session, and tabs. Each tab keeps its map as a client does, by a
snapshot and deltas; `agrees` compares it with a fresh one in both codecs (I10). `visiting` does so at its
end, too.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx
import msgpack
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

CodecName = Literal["msgpack", "json"]
CODECS: tuple[CodecName, ...] = ("msgpack", "json")
PATIENCE = 60.0
"""Seconds until a test that waits for something gives up; nothing is asserted about how long it took."""

Json = dict[str, Any]


class Refused(Exception):
    """An `error` instead of the answer, or a problem of HTTP; `answer` is the whole message."""

    def __init__(self, answer: Json) -> None:
        super().__init__(f"{answer['code']}: {answer.get('message') or answer['detail']}")
        self.answer = answer
        self.code: str = answer["code"]


@dataclass
class Map:
    """One channel as a client draws it: built by snapshots and deltas alone."""

    channel: str
    view: Any = None
    epoch: str = ""
    version: int = -1
    layout: int = 0
    first: int = 0
    available: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    totals: dict[str, list[int]] = field(default_factory=dict)
    gaps: int = 0
    places: list[int] | None = None

    def take(self, message: Json) -> bool:
        """Apply a message of this channel; False if something is missing before it."""
        kind = message["type"]
        if kind == "totals":
            self.epoch, self.version, self.totals = message["epoch"], message["version"], message["sections"]
        elif kind == "snapshot":
            self._replace(message)
        elif message["epoch"] != self.epoch or message["from"] > self.version:
            self.gaps += 1
            return False
        elif message["to"] > self.version:
            self._change(message["changes"])
            self.version = message["to"]
        return True

    def _replace(self, message: Json) -> None:
        for name in ("epoch", "version", "layout", "first"):
            setattr(self, name, message[name])
        self.available = numbers(message["available"], message["width"])
        self.held = numbers(message["held"], message["width"])
        assert len(self.available) == len(self.held) == message["count"]

    def _change(self, changes: list[int]) -> None:
        assert len(changes) % 3 == 0
        indices = changes[0::3]
        assert indices == sorted(set(indices)), "a delta's indices ascend"
        for index, available, held in zip(indices, changes[1::3], changes[2::3], strict=True):
            place = index - self.first if self.places is None else self.places.index(index)
            self.available[place] = available
            self.held[place] = held

    @property
    def position(self) -> list[Any]:
        return [self.epoch, self.version]

    @property
    def truth(self) -> tuple[Any, ...]:
        """What two clients at one position must have alike."""
        return self.epoch, self.version, self.layout, self.first, self.available, self.held, self.totals


def numbers(value: bytes | list[int], width: int) -> list[int]:
    """An array of a snapshot: JSON's list, or msgpack's little-endian `bin`."""
    if isinstance(value, list):
        return value
    return [int.from_bytes(value[place : place + width], "little") for place in range(0, len(value), width)]


class Tab:
    """One socket. What it is told unasked is in `heard`, in order."""

    def __init__(self, socket: ClientConnection, codec: CodecName) -> None:
        self.socket = socket
        self.codec = codec
        self.welcome: Json = {}
        self.maps: dict[str, Map] = {}
        self.heard: list[Json] = []
        self.closed_with: int | None = None
        self.on_message: Callable[[Json], None] = lambda _message: None
        self._refs = itertools.count(1)
        self._answers: dict[str | int, asyncio.Future[Json]] = {}
        self._changed = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    # -- the wire -------------------------------------------------------------------------------------------

    async def send(self, message: Mapping[str, Any]) -> None:
        """Send a message and wait for nothing."""
        if self.codec == "json":
            await self.socket.send(json.dumps(message))
        else:
            await self.socket.send(msgpack.packb(message))

    async def ask(self, kind: str, **fields: Any) -> Json:
        """Send a message and wait for its answer, whatever it is."""
        ref = next(self._refs)
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._answers[ref] = answer
        await self.send({"type": kind, "ref": ref, **fields})
        async with asyncio.timeout(PATIENCE):
            return await answer

    async def gets(self, kind: str, **fields: Any) -> Json:
        """Send a message; its answer, or Refused."""
        answer = await self.ask(kind, **fields)
        if answer["type"] == "error":
            raise Refused(answer)
        return answer

    async def _read(self) -> None:
        try:
            async for data in self.socket:
                message = json.loads(data) if isinstance(data, str) else msgpack.unpackb(data)
                await self._take(message)
        except ConnectionClosed:
            pass
        finally:
            self.closed_with = self.socket.close_code or 1006
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(ConnectionError(f"closed with {self.closed_with}"))
                    answer.exception()
            async with self._changed:
                self._changed.notify_all()

    async def _take(self, message: Json) -> None:
        self.on_message(message)
        answer = self._answers.pop(message.get("ref", ""), None)
        seen = self.maps.get(message.get("channel", ""))
        if answer is not None and not answer.done():
            answer.set_result(message)
        elif seen is not None and not seen.take(message):
            subscribe = {"type": "subscribe", "channel": seen.channel, "position": seen.position}
            await self.send(subscribe if seen.view is None else {**subscribe, "view": seen.view})
        elif seen is None:
            self.heard.append(message)
        async with self._changed:
            self._changed.notify_all()

    async def until(self, holds: Callable[[], bool], what: str = "it") -> None:
        """Wait until something is true of this tab."""
        try:
            async with asyncio.timeout(PATIENCE), self._changed:
                await self._changed.wait_for(holds)
        except TimeoutError:
            news = [each for each in self.heard if each["type"] != "heartbeat"]
            raise AssertionError(f"{what} did not happen; heard {news[-8:]}") from None

    async def hears(self, kind: str, **fields: Any) -> Json:
        """The first message of this kind, with these fields, that it was or will be told; it is taken."""

        def fits(message: Json) -> bool:
            return message["type"] == kind and all(
                message.get(name) == value for name, value in fields.items()
            )

        await self.until(lambda: any(map(fits, self.heard)), f"{kind} {fields}")
        found = next(message for message in self.heard if fits(message))
        self.heard.remove(found)
        return found

    async def is_closed(self) -> int:
        """Wait for the end; its code."""
        await self.until(lambda: self.closed_with is not None, "a close")
        assert self.closed_with is not None
        return self.closed_with

    # -- the conversation -----------------------------------------------------------------------------------

    async def says_hello(self, **fields: Any) -> Json:
        self.welcome = await self.gets("hello", **fields)
        return self.welcome

    async def watches(self, resource: str, *, view: Any = None, position: list[Any] | None = None) -> Map:
        """Follow a resource; returns when its map can be drawn."""
        channel = f"availability:{resource}"
        seen = self.maps[channel] = Map(channel, view)
        fields: Json = {"channel": channel}
        if view is not None:
            fields["view"] = view
        if position is not None:
            fields["position"] = position
        await self.gets("subscribe", **fields)
        await self.until(lambda: seen.version >= 0, "a snapshot")
        return seen

    async def resumes(self, before: Map) -> Map:
        """Follow again from where a map of another tab stood; the map goes on."""
        self.maps[before.channel] = before
        fields: Json = {"channel": before.channel, "position": before.position}
        if before.view is not None:
            fields["view"] = before.view
        await self.gets("subscribe", **fields)
        return before

    async def closes(self, code: int = 1000) -> None:
        """Say goodbye and close."""
        await self.socket.close(code)
        await self._reader

    async def is_cut_off(self) -> None:
        """Lose the line without a word."""
        self.socket.transport.abort()
        await self._reader


class Buyer:
    """One browser with its session. `tab` is the one it looks at."""

    def __init__(self, base_url: str, codec: CodecName) -> None:
        self.base_url = base_url
        self.ws_url = base_url.replace("http", "ws", 1) + "/ws"
        self.codec: CodecName = codec
        self.http = httpx.AsyncClient(base_url=base_url, timeout=PATIENCE)
        self.session = ""
        self.token = ""
        self.csrf = ""
        self.user_token: str | None = None
        self.tabs: list[Tab] = []
        self.slots: dict[str, dict[str, int]] = {}

    # -- over HTTP ------------------------------------------------------------------------------------------

    async def opens_session(self) -> Json:
        """`POST /api/sessions`: new, or the same again; Refused where the server cannot now."""
        answer = await self.http.post("/api/sessions", headers=self._identity())
        if answer.status_code == 503:
            raise Refused(answer.json())
        assert answer.status_code == 201, answer.text
        opened: Json = answer.json()
        self.session, self.token, self.csrf = opened["session"], opened["token"], opened["csrf"]
        return opened

    def signs_in(self, token: str) -> None:
        """Show this JWT from now on."""
        self.user_token = token

    def _identity(self) -> dict[str, str]:
        if self.user_token is None:
            return {}
        headers = {"Authorization": f"Bearer {self.user_token}"}
        return {**headers, "Holdfast-Session": self.token} if self.token else headers

    async def changes(
        self, method: str, path: str, body: Any = None, *, key: str | None = None
    ) -> httpx.Response:
        """A change over HTTP, as a page of ours makes it."""
        headers = {**self._identity(), "Origin": self.base_url}
        if self.user_token is None:
            headers["X-CSRF-Token"] = self.csrf
        if key is not None:
            headers["Idempotency-Key"] = key
        return await self.http.request(method, path, json=body, headers=headers)

    async def posts(self, path: str, body: Any = None, *, key: str | None = None) -> httpx.Response:
        return await self.changes("POST", path, body, key=key)

    async def reads(self, path: str) -> httpx.Response:
        return await self.http.get(path, headers=self._identity())

    async def knows(self, resource: str) -> dict[str, int]:
        """The index of each slot, as HTTP tells it."""
        if resource not in self.slots:
            answer = await self.http.get(f"/api/resources/{resource}")
            assert answer.status_code == 200, answer.text
            named = answer.json()["slots"]
            self.slots[resource] = {slot["id"]: slot["index"] for slot in named}
        return self.slots[resource]

    # -- tabs -----------------------------------------------------------------------------------------------

    @property
    def tab(self) -> Tab:
        return self.tabs[-1]

    async def connects(self, codec: CodecName | None = None) -> Tab:
        """A socket before its hello."""
        used = codec or self.codec
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.http.cookies.jar)
        socket = await connect(
            self.ws_url,
            subprotocols=[Subprotocol(f"holdfast.v1.{used}")],
            origin=Origin(self.base_url),
            additional_headers={"Cookie": cookies} if cookies else None,
            compression=None,
            max_size=None,
        )
        tab = Tab(socket, used)
        self.tabs.append(tab)
        return tab

    async def opens_tab(self, codec: CodecName | None = None) -> Tab:
        """One more tab, greeted; the session is opened first."""
        if not self.session:
            await self.opens_session()
        tab = await self.connects(codec)
        await tab.says_hello(**self._hello())
        return tab

    def _hello(self) -> Json:
        if self.user_token is None:
            return {}
        return {"token": self.user_token, "session": self.token}

    async def watches(self, resource: str, *, view: Any = None) -> Map:
        """Look at a resource, in a tab."""
        if not self.tabs:
            await self.opens_tab()
        await self.knows(resource)
        seen = await self.tab.watches(resource, view=view)
        if isinstance(view, dict):
            seen.places = await self._places(resource, view["sections"])
        return seen

    async def _places(self, resource: str, sections: list[str]) -> list[int]:
        answer = await self.http.get(f"/api/resources/{resource}")
        return [slot["index"] for slot in answer.json()["slots"] if slot["section"] in sections]

    async def closes_all(self) -> None:
        tabs, self.tabs = self.tabs, []
        for tab in tabs:
            with suppress(ConnectionClosed):
                await tab.closes()

    # -- buying ---------------------------------------------------------------------------------------------

    def _resource(self, resource: str | None) -> str:
        if resource is not None:
            return resource
        (channel,) = {name for tab in self.tabs for name in tab.maps}
        return channel.partition(":")[2]

    async def asks_for(self, *slots: str, resource: str | None = None, **fields: Any) -> Json:
        """Ask to hold each slot once (`B-1*2` is twice); the answer, whatever it is."""
        items = [_item(slot) for slot in slots]
        wanted = {"items": items} if items else {}
        return await self.tab.ask("hold", resource=self._resource(resource), **wanted, **fields)

    async def holds(self, *slots: str, resource: str | None = None, **fields: Any) -> Json:
        """Hold them; the `held` message, or Refused."""
        answer = await self.asks_for(*slots, resource=resource, **fields)
        if answer["type"] == "error":
            raise Refused(answer)
        return answer

    async def holds_best(self, quantity: int, *, resource: str | None = None, **best: Any) -> Json:
        return await self.holds(resource=resource, best={"quantity": quantity, **best})

    async def releases(self, held: Json, *slots: str) -> Json:
        """Give a hold back, or some slots of it. `held` is a hold, or the message that has it."""
        hold = held.get("hold", held)
        part = {"items": [_item(slot) for slot in slots]} if slots else {}
        return await self.tab.gets("release", hold=hold["id"], **part)

    async def extends(self) -> Json:
        answer = await self.tab.gets("extend")
        cart: Json = answer["cart"]
        return cart

    async def leaves(self) -> None:
        await self.tab.send({"type": "leave"})

    async def books(self, *, key: str | None = None, **fields: Any) -> httpx.Response:
        """`POST /api/bookings` with the session's cart."""
        customer = {"name": "Ann Example", "email": "ann@example.org"}
        return await self.posts("/api/bookings", {"customer": customer, **fields}, key=key)

    # -- seeing ---------------------------------------------------------------------------------------------

    def map(self, resource: str | None = None) -> Map:
        channel = f"availability:{self._resource(resource)}"
        return next(tab.maps[channel] for tab in reversed(self.tabs) if channel in tab.maps)

    async def sees(
        self, slot: str, *, available: int | None = None, held: int | None = None, resource: str | None = None
    ) -> None:
        """Wait until the map shows this of a slot."""
        name = self._resource(resource)
        index = (await self.knows(name))[slot]
        tab = next(tab for tab in reversed(self.tabs) if f"availability:{name}" in tab.maps)
        seen = tab.maps[f"availability:{name}"]

        def shows() -> bool:
            place = index - seen.first if seen.places is None else seen.places.index(index)
            return (available is None or seen.available[place] == available) and (
                held is None or seen.held[place] == held
            )

        await tab.until(shows, f"{slot} with available={available}, held={held}")

    async def agrees(self) -> None:
        """I10: each map, built by snapshots and deltas, is what a fresh snapshot says in any codec."""
        for tab in self.tabs:
            if tab.closed_with is None:
                for seen in tab.maps.values():
                    await self._agrees(tab, seen)

    async def _agrees(self, tab: Tab, seen: Map) -> None:
        for codec in CODECS:
            async with asyncio.timeout(PATIENCE):
                fresh = await self._fresh(seen, codec)
                while fresh.position != seen.position:
                    newer = fresh.version
                    with suppress(AssertionError):
                        await tab.until(lambda: seen.version >= newer, "the next position")  # noqa: B023  # awaited here
                    fresh = await self._fresh(seen, codec)
            assert seen.truth == fresh.truth

    async def _fresh(self, seen: Map, codec: CodecName) -> Map:
        """The channel as somebody sees it who has just come."""
        async with visiting(self.base_url, codec, agree=False) as somebody:
            await somebody.opens_tab()
            return await somebody.tab.watches(seen.channel.partition(":")[2], view=seen.view)


def _item(text: str) -> list[Any]:
    name, _, quantity = text.partition("*")
    return [name, int(quantity or 1)]


@asynccontextmanager
async def visiting(
    base_url: str, codec: CodecName = "msgpack", *, agree: bool = True
) -> AsyncIterator[Buyer]:
    """A buyer who goes at the end, after a last look at whether all its maps are true."""
    buyer = Buyer(base_url, codec)
    try:
        yield buyer
        if agree:
            await buyer.agrees()
    finally:
        await buyer.closes_all()
        await buyer.http.aclose()
