"""The simulated Redis does not lie: each script beside the real Lua, the same inputs at the same time."""

import random
from array import array
from typing import Any, cast

import msgspec
from redis.asyncio import Redis as RedisClient

from channels.upkeep import changes_channel
from server.holds.events import SESSIONS_CHANNEL
from server.holds.index import Entry, Index
from server.holds.scripts import Scripts
from server.holds.store import HoldStore, key
from tests.simulation.redis import Redis

HALLS = ("hall", "other")
CAPACITIES = (1, 1, 3, 2)
SESSIONS = ("ann", "ben")
IDS = tuple(f"{number:02}" for number in range(8))
BOOKINGS = ("b1", "b2")
START = 1_800_000_000_000_000
STEPS = 110
SEEDS = 16
_decode = msgspec.msgpack.decode


class Both:
    """The real one and the simulated one, asked the same."""

    def __init__(self, client: RedisClient, seed: int) -> None:
        self.micros = START
        self.client = client
        self.real = Scripts(client, lambda: self.micros)
        self.simulated = Redis(lambda: self.micros)
        self.simulated.on_publish = self._published
        self.published: list[tuple[str, Any]] = []
        self.chance = random.Random(seed)
        self.epochs = 0
        self.known: dict[str, dict[str, Any]] = {}
        self.said: set[str] = set()

    def _published(self, channel: str, data: bytes) -> None:
        self.published.append((channel, _decode(data)))

    async def run(self, name: str, keys: Any, content: dict[str, Any], *blobs: bytes) -> Any:
        """What both answer; it has to be the same."""
        given = {field: value for field, value in content.items() if value is not None}
        real = await self.real.run(name, keys, given, *blobs)
        text = msgspec.msgpack.encode({**given, "now": self.micros})
        simulated = self.simulated.script(name, (keys,) if isinstance(keys, str) else keys, (text, *blobs))
        said = _said(real)
        assert said == _said(simulated), (name, given)
        self.said.add(f"{name} {said.get('status')}{' again' if said.get('replayed') else ''}")
        return said

    async def run_many(
        self, name: str, hall: str, common: dict[str, Any], each: list[dict[str, Any]]
    ) -> list[Any]:
        """The same of a script that serves many: what each of them is answered."""
        packed = [(f"{{session:{one['session']}}}:cart", msgspec.msgpack.encode(one)) for one in each]
        real = await self.real.run_many(name, key(hall, "meta"), common, packed)
        given = (msgspec.msgpack.encode({**common, "now": self.micros}), *(own for _, own in packed))
        keys = (key(hall, "meta"), *(one for one, _ in packed))
        answers = []
        for found, other in zip(real, self.simulated.script_of_many(name, keys, given), strict=True):
            assert isinstance(found, bytes), (name, found)
            said = _said(found)
            assert said == _said(other), (name, common, each)
            self.said.add(f"{name} {said.get('status')}{' again' if said.get('replayed') else ''}")
            answers.append(said)
        return answers

    async def step(self) -> None:
        self.micros += self.chance.choice((0, 1_000, 700_000, 5_000_000, 12_000_000))
        self.micros -= 40_000_000 if self.chance.random() < 0.03 else 0  # Redis' clock goes back
        for hall in HALLS:
            if self.simulated.live(hall).meta.epoch is None and self.chance.random() < 0.2:
                await self._load(hall)
        name = self.chance.choice(
            ("hold_many", "hold_many", "hold_many", "hold", "hold", "release",
             "release_many", "release_many", "move", "wait", "leave", "renew", "pay", "pay", "await",
             "confirm", "end", "return_to_cart", "retake", "unbook", "recall", "expire", "load", "join",
             "index", "listing", "unload" if self.chance.random() < 0.2 else "expire")
        )  # fmt: skip
        await getattr(self, f"_{name}")()

    # What is asked.

    @property
    def hall(self) -> str:
        return self.chance.choice(HALLS)

    def _some(self, most: int = 3) -> list[str]:
        return self.chance.sample(IDS, self.chance.randint(1, most))

    def _op(self) -> str | None:
        return self.chance.choice((None, "o1", "o2", "o3"))

    def _items(self) -> list[list[int]]:
        slots = self.chance.sample(range(len(CAPACITIES)), self.chance.randint(1, 2))
        return [[slot, self.chance.randint(1, CAPACITIES[slot])] for slot in sorted(slots)]

    def _wanted(self, hall: str) -> dict[str, Any]:
        return {
            "id": self.chance.choice(IDS), "session": self.chance.choice(SESSIONS), "resource": hall,
            "layout": 1, "op": self._op(), "items": self._items(), "hold_ms": 10_000, "max_ms": 25_000,
            "limit": self.chance.choice((0, 2, 4)), "liveness": self.chance.random() < 0.5,
            "process": self.chance.choice((None, "p1", "p2")), "live_ms": 6_000,
            "fresh": self.chance.choice(("r1", "r2", "r3")),
        }  # fmt: skip

    async def _hold_many(self) -> None:
        hall = self.hall
        wanted = self._wanted(hall)
        more = {"owner": self.chance.choice(("olga", "olga", "otto")), "currency": "eur", "lasts_ms": 10**8}
        own = ("id", "session", "items", "op")
        each = [self._wanted(hall) for _ in range(self.chance.choice((1, 1, 2, 3)))]
        each = [{name: value for name, value in one.items() if name in own} for one in each]
        common = {name: value for name, value in wanted.items() if name not in own}
        common |= {**more, "on_its_way_ms": 15_000}
        for answer in await self.run_many("hold_many", hall, common, each):
            self._learn(answer)

    async def _hold(self) -> None:
        hall = self.hall
        more = {
            "reference": self.chance.choice((None, "r1")),
            "first_hold_at": self.chance.choice((None, self.micros // 1000 - 4_000)),
            "joining": "r7",
            "pending": self._some(),
            "latest": self.micros // 1000 + self.chance.choice((5_000, 5_000, -1)),
        }
        self._learn(await self.run("hold", key(hall, "meta"), {**self._wanted(hall), **more}))

    def _learn(self, answer: Any) -> None:
        if answer.get("hold"):
            self.known[answer["hold"]["id"]] = answer["hold"]

    async def _release(self) -> None:
        content: dict[str, Any] = {"holds": self._some(), "op": self._op()}
        content["session"], hall = self.chance.choice(SESSIONS), self.hall
        if self.known and self.chance.random() < 0.5:  # a part of one that there may be
            one = self.chance.choice(list(self.known.values()))
            hall, content["session"] = one["resource"], one["session"]
            content["holds"], content["items"] = [one["id"]], self._items()
        await self.run("release", key(hall, "meta"), content)

    async def _release_many(self) -> None:
        """One of those that there may be."""
        if self.known:
            one = self.chance.choice(list(self.known.values()))
            items = self._items() if self.chance.random() < 0.5 else None
            content = {"session": one["session"], "holds": [one["id"]], "items": items, "op": self._op()}
            others = [each for each in self.known.values() if each["resource"] == one["resource"]]
            also = self.chance.choice(others)
            more = {"session": also["session"], "holds": [also["id"]], "op": self._op()}
            each = self.chance.choice(([content], [content, more]))
            await self.run_many("release_many", one["resource"], {"resource": one["resource"]}, each)

    def _deadline(self) -> dict[str, Any]:
        now = self.micros // 1000
        first = self.chance.choice((None, now - 20_000, now - 1_000))
        at = now + 3_000 if first is None or self.chance.random() < 0.5 else None
        return {"expires_at": at, "first_hold_at": first, "hold_ms": 10_000, "max_ms": 25_000}

    async def _move(self) -> None:
        content = {"session": self.chance.choice(SESSIONS), "holds": self._some(), "op": self._op()}
        more = {"reference": self.chance.choice((None, "r5"))}
        await self.run("move", key(self.hall, "meta"), {**content, **self._deadline(), **more})

    async def _leave(self) -> None:
        content = {"field": self.chance.choice(("leave", "p1")), "grace_ms": 3_000, "sessions": SESSIONS}
        await self.run("leave", key(self.hall, "meta"), content)

    async def _renew(self) -> None:
        content = {"process": self.chance.choice(("p1", "p2")), "live_ms": 6_000, "sessions": SESSIONS}
        await self.run("renew", key(self.hall, "meta"), content)

    def _booking(self) -> dict[str, Any]:
        return {"booking": self.chance.choice(BOOKINGS)}

    async def _pay(self) -> None:
        until = self.micros // 1000 + self.chance.choice((4_000, 30_000))
        some = self.chance.choice((self._some(), list(self.known)[-2:]))
        await self.run("pay", key(self.hall, "meta"), {"holds": some, "until_ms": until, **self._booking()})

    async def _await(self, hall: str | None = None) -> None:
        content = {"session": self.chance.choice(SESSIONS), "holds": self._some(), "wait_ms": 8_000}
        await self.run("await", key(hall or self.hall, "meta"), content)

    async def _confirm(self) -> None:
        await self.run("confirm", key(self.hall, "meta"), {"holds": self._some(), **self._booking()})

    async def _end(self) -> None:
        how = self.chance.choice((("released", "cancelled"), ("expired", "deadline")))
        content = {"holds": self._some(), **self._booking(), "as": how[0], "reason": how[1]}
        await self.run("end", key(self.hall, "meta"), content)

    async def _return_to_cart(self) -> None:
        content = {"holds": self._some(), **self._booking(), **self._deadline()}
        if self.chance.random() < 0.3:
            content |= {"undone": True, "expires_at": None, "first_hold_at": None}
        await self.run("return_to_cart", key(self.hall, "meta"), content)

    def _whole(self, hall: str) -> list[dict[str, Any]]:
        found = [hold for hold in self.known.values() if hold["resource"] == hall]
        return self.chance.sample(found, min(len(found), 2))

    async def _retake(self) -> None:
        hall = self.hall
        content = {"holds": self._whole(hall), **self._booking(), "until_ms": self.micros // 1000 + 9_000}
        await self.run("retake", key(hall, "meta"), content)

    async def _unbook(self) -> None:
        """Only of what is booked: a count below zero means nothing on either side."""
        hall = self.hall
        live = self.simulated.live(hall)
        whole = [
            hold for hold in self._whole(hall)
            if all(live.slots[index].booked >= quantity for index, quantity, *_ in hold["items"])
        ] if live.slots else []  # fmt: skip
        epoch = self.chance.choice((f"e{self.epochs}", "e0"))
        await self.run("unbook", key(hall, "meta"), {"holds": whole[:1], **self._booking(), "epoch": epoch})

    async def _recall(self) -> None:
        content = {"id": self.chance.choice(IDS), "session": self.chance.choice(SESSIONS), "op": self._op()}
        await self.run("recall", key(self.hall, "meta"), content)

    async def _expire(self) -> None:
        reference = self.chance.choice((None, None, "r1"))
        content = {"limit": self.chance.choice((1, 1000)), "liveness": self.chance.random() < 0.5}
        await self.run("expire", key(self.hall, "meta"), {**content, "reference": reference})

    async def _load(self, hall: str | None = None) -> None:
        """Under a lease, and now and then without; what is booked and pending is what is known of it."""
        hall = hall or self.hall
        self.epochs += 1
        await self._lease(hall, self.chance.choice(("mine",) * 9 + ("theirs",)))
        counted = [(0, slot.booked) for slot in self.simulated.live(hall).slots] or [(0, 0)] * len(CAPACITIES)
        slots = array("B")
        for (_, booked), capacity in zip(counted, CAPACITIES, strict=True):
            slots.extend((max(0, capacity - booked), 0, booked, capacity))
        pending = [
            {**hold, "status": "paying", "booking": "b1", "expires_at": self.micros // 1000 + 5_000}
            for hold in self._whole(hall)[:1]
        ]
        content = {
            "token": "mine", "resource": hall, "epoch": f"e{self.epochs}", "layout": 1, "width": 1,
            "count": len(CAPACITIES), "currency": "eur", "run_id": f"run{self.epochs}", "best": [],
            "pending": self._fitting(hall, pending), "confirmed": self._some(),
            "returned": self._some(),
            "given_up": [f"{self.chance.choice(('b1', 'b2'))}:{hold}" for hold in self._some()],
        }  # fmt: skip
        prices = array("I", [2_500] * len(CAPACITIES)).tobytes()
        await self._goes_on(hall)
        await self.run("load", key(hall, "meta"), content, slots.tobytes(), prices)
        await self._release_lease(hall)

    def _fitting(self, hall: str, pending: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """PostgreSQL counts within capacity, so does what it says is pending."""
        slots = self.simulated.live(hall).slots
        fits = not slots or all(
            slots[index].booked + quantity <= slots[index].capacity
            for hold in pending
            for index, quantity, *_ in hold["items"]
        )
        return pending if fits else []

    async def _wait(self) -> None:
        """While somebody rebuilds a resource, what bookings change waits."""
        hall = self.hall
        await self._lease(hall, "theirs")
        await self._goes_on(hall)
        await self.run("confirm", key(hall, "meta"), {"holds": self._some(), **self._booking()})
        await self._release_lease(hall)

    async def _lease(self, hall: str, token: str) -> None:
        """By Redis' own clock it may last for ever: it is ended by hand."""
        content = {"token": token, "lease_ms": 10**8, "most_ms": 10**9}
        await self.run("lease", key(hall, "meta"), content)
        await self.run("lease", key(hall, "meta"), content)

    async def _goes_on(self, hall: str) -> None:
        """Sometimes its builder lives, or is gone, and what is due falls into that."""
        live = self.simulated.live(hall)
        if live.loading is not None:
            live.loading = (live.loading[0], 10**14)
        what = self.chance.choice(("nothing", "nothing", "renews", "dies", "waits"))
        if what == "renews":
            await self.run("renew_lease", key(hall, "meta"), {"token": "mine", "lease_ms": 10**8})
            live.loading = live.loading and (live.loading[0], 10**14)
        elif what != "nothing":
            await self._await(hall)
            self.micros += 6_000_000
            if what == "dies":
                await self.client.delete(key(hall, "loading"))
                live.loading = None
            await self.run("expire", key(hall, "meta"), {"limit": 1000, "liveness": True})

    async def _release_lease(self, hall: str) -> None:
        """As one who may have begun, or not."""
        content = {"token": self.chance.choice(("mine", "theirs")), "untouched": self.chance.random() < 0.5}
        await self.run("release_lease", key(hall, "meta"), content)
        gone = ("loading",) if self.chance.random() < 0.3 else ("loading", "unfinished")
        await self.client.delete(*(key(hall, name) for name in gone))
        for name in gone:
            setattr(self.simulated.live(hall), name, None)

    async def _unload(self) -> None:
        await self.run("unload", key(self.hall, "meta"), {})

    @property
    def _cart(self) -> str:
        return f"{{session:{self.chance.choice(SESSIONS)}}}:cart"

    async def _join(self) -> None:
        content = {
            "id": self.chance.choice(IDS), "resource": self.hall, "owner": "olga", "currency": "eur",
            "fresh": "r8", "lasts_ms": 10**8,
        }  # fmt: skip
        await self.run("join", self._cart, content)

    async def _index(self) -> None:
        cart = {"reference": "r4", "owner": "olga", "currency": "eur", "first_hold_at": 5}
        content = {
            "drop": self._some(), "forget": [[each, self.micros // 1000] for each in self._some()],
            "put": [[self.chance.choice(IDS), "r4", self.hall]], "lasts_ms": 10**8,
            "cart": self.chance.choice((None, None, cart)),
            "close": self.chance.choice((None, "r1", "r4")),
        }  # fmt: skip
        await self.run("index", self._cart, content)

    async def _listing(self) -> None:
        await self.run("listing", self._cart, {})

    # What is there afterwards.

    async def look(self) -> None:
        """The records, the metas, every hold and every session's index."""
        for hall in HALLS:
            live = self.simulated.live(hall)
            meta = await HoldStore(self.real).meta(hall)
            assert (meta is None) == (live.meta.epoch is None)
            if meta is not None:
                assert (meta.epoch, meta.version) == (live.meta.epoch, live.meta.version)
                assert await self.client.get(key(hall, "slots")) == self.simulated.records(hall)
            for hold in IDS:
                real = await self.client.get(key(hall, "hold", hold))
                simulated = live.read(hold, self.simulated.now)
                assert (real and _bare(_decode(cast("bytes", real)))) == (simulated and _bare(simulated)), (
                    hold
                )
        for session in SESSIONS:
            listing = await Index(self.real).read(session)
            said = self.simulated.script("listing", (f"{{session:{session}}}:cart",), (b"\x80",))
            entries = {Entry(*entry) for entry in _decode(said)["entries"]}
            assert set(listing.entries) == entries


def _bare(content: Any) -> Any:
    """Without what is absent on one side and null on the other."""
    if isinstance(content, dict):
        return {name: _bare(value) for name, value in content.items() if value is not None}
    return [_bare(each) for each in content] if isinstance(content, list | tuple) else content


def _said(answer: bytes) -> Any:
    said = _bare(_decode(answer)) if answer else None
    for part in (said, (said or {}).get("joined")):
        if part and "entries" in part:
            part["entries"] = sorted(part["entries"] or [])
    return {name: value for name, value in (said or {}).items() if name != "command" and value != []}


SAID = set(
    """
    hold_many: held, held again, taken, limit, apart, unloaded, op_reused
    hold: held, late, taken, unloaded
    release: released, released again, paying, excess
    release_many: released, apart, excess, paying
    move: moved, moved again
    await: awaited
    pay: paying, ended
    confirm: confirmed, loading, abandoned
    lease: leased, loading
    renew_lease: renewed, lease_lost
    release_lease: released
    end: ended
    return_to_cart: returned
    retake: paying, taken
    unbook: unbooked
    recall: held again, ended
    expire: expired
    load: loaded, lease_lost
    unload: unloaded
    join: joined, differs, ended
    index: indexed
    listing: listed
    leave: left
    renew: renewed
    """.strip().splitlines()
)
EXPECTED = {
    f"{name.strip()} {status.strip()}"
    for name, _, statuses in (line.partition(":") for line in SAID)
    for status in statuses.split(",")
}


async def test_scripts_do_as_the_real_ones_do(redis: RedisClient) -> None:
    said: set[str] = set()
    for seed in range(SEEDS):
        await redis.flushall()
        said |= await _side_by_side(redis, seed)
    assert said >= EXPECTED, EXPECTED - said


async def _side_by_side(redis: RedisClient, seed: int) -> set[str]:
    both = Both(redis, seed)
    pubsub = redis.pubsub()
    await pubsub.subscribe(SESSIONS_CHANNEL)
    await pubsub.ssubscribe(*map(changes_channel, HALLS))
    heard: list[tuple[str, Any]] = []
    for _ in range(STEPS):
        await both.step()
        await _hear(pubsub, heard, len(both.published))
    await both.look()
    for real, simulated in zip(heard, both.published, strict=True):
        assert _bare(real) == _bare(simulated)
    await pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
    return both.said


async def _hear(pubsub: Any, heard: list[tuple[str, Any]], wanted: int) -> None:
    """As many messages as the simulated one has published."""
    for _ in range(1000):
        if len(heard) >= wanted:
            return
        message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=5)
        if message is not None:
            heard.append((message["channel"].decode(), _decode(message["data"])))
    raise AssertionError(f"{len(heard)} messages of {wanted}")
