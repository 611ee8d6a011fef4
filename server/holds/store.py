"""A resource's live state in Redis, one method for each script, and the reads beside them.

Indices, counts and times (ms) are numbers; whole holds come and go as `Hold`.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import msgspec

from channels.cluster import Cluster
from server.errors import BadRequest, Unavailable
from server.holds.days import Reading
from server.holds.gathering import Command, Gathering, Reply
from server.holds.index import Joined
from server.holds.packing import Packed
from server.holds.rules import Hold
from server.holds.scripts import Scripts, or_unavailable
from server.holds.sources import Booked

_META = ["epoch", "version", "layout", "width", "run_id", "chunk"]
_PASSED = ["width", "passed", "layout"]
RESOURCES_KEY = "holdfast:resources"
BATCH = 100  # holds given back by one call: they are told while Redis gives back the next ones

Status = Literal[
    "abandoned", "apart", "awaited", "confirmed", "ended", "excess", "expired", "held", "late", "lease_lost",
    "leased", "left", "limit", "loaded", "loading", "moved", "needs", "newer", "op_reused",
    "outdated", "passed", "paying", "released", "renewed", "returned", "taken", "unbooked", "unloaded",
]  # fmt: skip


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a script answers; each script's head says which fields it fills. `now`, `next` in ms."""

    status: Status
    now: int
    version: int = 0
    created: bool = True
    replayed: bool = False
    hold: Hold | None = None
    others: tuple[Hold, ...] = ()
    holds: tuple[Hold, ...] = ()
    slots: tuple[int, ...] = ()
    ended: tuple[str, ...] = ()
    has: int = 0
    expires_at: int = 0
    next: int | None = None
    epoch: str = ""
    layout: int = 0
    run_id: str = ""
    days: tuple[int, ...] = ()
    passed: int = 0
    first: int = 0
    joined: Joined | None = None
    abandoned: bool = False
    lease_ms: int = 0
    times: int = 0


class NotReady(Exception):
    """A resource has to be rebuilt, or is being rebuilt."""


class Unloaded(NotReady):
    """Redis does not know the resource: it has to be rebuilt."""


class Outdated(NotReady):
    """Redis knows an older layout than `layout`: it has to be rebuilt."""

    def __init__(self, resource: str, layout: int) -> None:
        super().__init__(resource)
        self.layout = layout


class Rebuilding(NotReady):
    """The resource is being rebuilt; what bookings change waits for it."""


class Abandoned(NotReady):
    """Somebody began to rebuild the resource and is gone: whoever finds that has to finish it."""


class Newer(Exception):
    """A grid stands under a newer `layout` than the one by which something was to be taken of it."""

    def __init__(self, resource: str, layout: int) -> None:
        super().__init__(resource)
        self.layout = layout


@dataclass(frozen=True, slots=True)
class Meta:
    """What Redis says of a resource as a whole; `chunk` is how many steps a grid's chunk has, else 0."""

    epoch: str
    version: int
    layout: int
    width: int
    run_id: str
    chunk: int = 0


class Leased(NamedTuple):
    """A lease on a rebuild: how long it lasts, and how often the rebuild was begun, this time included."""

    milliseconds: int
    times: int


@dataclass(frozen=True, slots=True)
class SomeDays:
    """Some of a grid's chunks, those that there are; steps before `passed` are past."""

    width: int
    passed: int
    layout: int
    days: Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One version's step: `changes` is flat (index, available, held, …)."""

    from_version: int
    to_version: int
    changes: list[int]


_decoder = msgspec.msgpack.Decoder(Answer)
_hold_decoder = msgspec.msgpack.Decoder(Hold)


def read(packed: bytes, resource: str, layout: int = 0) -> Answer:
    """What a script answered that was asked by this layout of the resource; raises as HoldStore.run does."""
    answer = _decoder.decode(packed)
    refusal = _REFUSALS.get(answer.status)
    if refusal is not None:
        raise refusal(resource, answer, layout)
    return answer


_REFUSALS: Final[Mapping[str, Callable[[str, Answer, int], Exception]]] = {
    "unloaded": lambda resource, _answer, _layout: Unloaded(resource),
    "outdated": lambda resource, _answer, layout: Outdated(resource, layout),
    "loading": lambda resource, _answer, _layout: Rebuilding(resource),
    "abandoned": lambda resource, _answer, _layout: Abandoned(resource),
    "late": lambda _resource, _answer, _layout: Unavailable(
        "It took too long until the resource was ready", retry_after=1
    ),
    "newer": lambda resource, answer, _layout: Newer(resource, answer.layout),
    "op_reused": lambda _resource, _answer, _layout: BadRequest("This op has been used for another command"),
}


def key(resource: str, *parts: str) -> str:
    """`{resource}:part:…`: everything of a resource has one hash tag."""
    return ":".join(["{" + resource + "}", *parts])


class HoldStore:
    """The scripts of server/holds/lua by name. Every call raises Unavailable while Redis is away."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._client = scripts.client
        self._many = {name: Gathering(scripts, name) for name in ("hold_many", "release_many")}
        self._on_expired: list[Callable[[Sequence[Hold]], None]] = []

    def on_expired(self, listener: Callable[[Sequence[Hold]], None]) -> None:
        """Call with the holds that `expire` ended when this process ran it."""
        self._on_expired.append(listener)

    async def run(self, name: str, resource: str, /, *blobs: bytes, **content: Any) -> Answer:
        """Run a script on a resource.

        Raises Unloaded, Outdated, Rebuilding, Abandoned; Newer of a grid; BadRequest for an op of something
        else.
        """
        answer = await self._run(name, resource, content, *blobs)
        if name == "expire" and answer.holds:
            for listener in self._on_expired:
                listener(answer.holds)
        return answer

    async def _run(self, name: str, resource: str, content: Mapping[str, Any], *blobs: bytes) -> Answer:
        given = {field: value for field, value in content.items() if value is not None}
        packed = await self._scripts.run(name, key(resource, "meta"), given, *blobs)
        return read(packed, resource, content.get("layout", 0))

    def ask(self, name: Literal["hold_many", "release_many"], resource: str, command: Command) -> Reply:
        """Run a script that serves many with one call; what it answers is to be `read`."""
        return self._many[name].ask(key(resource, "meta"), command)

    @property
    def is_behind(self) -> bool:
        """Whether as many hold commands wait as all calls at once can take."""
        return self._many["hold_many"].is_behind

    async def expire(self, resource: str, *, liveness: bool, reference: str | None = None) -> Answer:
        """Give back one batch of what is due."""
        return await self.run("expire", resource, limit=BATCH, liveness=liveness, reference=reference)

    async def load(self, resource: str, token: str, packed: Packed, booked: Booked) -> Answer:
        """Build the resource anew under the lease `token`: loaded, lease_lost, or needs (further `days`)."""
        content = {
            "token": token,
            "pending": booked.pending,
            "confirmed": booked.confirmed,
            "given_up": booked.given_up,
            "returned": booked.returned,
            **packed.content(),
        }
        return await self._run("load", resource, content, packed.slots, packed.prices)

    async def forget(self, resource: str) -> None:
        """Drop a resource that is gone from the catalogue; its holds are told `lost`."""
        with suppress(Unloaded):
            await self.run("unload", resource)
        await or_unavailable(self._client.srem(RESOURCES_KEY, resource))

    async def remember_resource(self, resource: str) -> None:
        """Let every process' sweep know of the resource."""
        await or_unavailable(self._client.sadd(RESOURCES_KEY, resource))

    async def resources(self) -> set[str]:
        """Every resource that was loaded."""
        found: set[Any] = await or_unavailable(self._client.smembers(RESOURCES_KEY))
        return {name.decode() for name in found}

    async def now(self) -> int:
        """Redis' clock, in ms."""
        return await self._scripts.now()

    async def run_id(self, resource: str) -> str:
        """Which run of which Redis has it; a restart, a failover or a move in a cluster changes that."""
        client = self._client
        if isinstance(client, Cluster):
            client = await or_unavailable(client.at(key(resource, "meta")))
        return str((await or_unavailable(client.info("server")))["run_id"])

    def by_server(self, resources: Sequence[str]) -> list[list[str]]:
        """The resources, those of one server together."""
        if isinstance(self._client, Cluster):
            return self._client.by_server({name: key(name, "meta") for name in resources})
        return [list(resources)]

    async def meta(self, resource: str) -> Meta | None:
        """What Redis says of the resource, None if it does not know it."""
        return (await self.metas([resource]))[resource]

    async def metas(self, resources: Sequence[str]) -> dict[str, Meta | None]:
        """What Redis says of several resources, asked all at once."""
        command = self._scripts.command
        found = await asyncio.gather(*(command("HMGET", key(name, "meta"), *_META) for name in resources))
        return dict(zip(resources, map(_meta, found), strict=True))

    async def slots(self, resource: str) -> tuple[Meta, bytes] | None:
        """The meta and the records (see packing.py) of one moment."""
        async with self._client.pipeline(transaction=True) as pipeline:
            pipeline.hmget(key(resource, "meta"), _META)
            pipeline.get(key(resource, "slots"))
            found, records = await or_unavailable(pipeline.execute())
        meta = _meta(found)
        return None if meta is None else (meta, records or b"")

    async def days(self, resource: str) -> Reading | None:
        """All that there is of a grid at one moment; None if Redis does not know it, or knows no grid."""
        micros, found, numbers, chunks = await self._scripts.read("days", key(resource, "meta"))
        epoch, version, layout, width, run_id, chunk, passed, first = found
        if epoch is None or chunk is None:
            return None
        return Reading(
            now=int(micros) // 1000,
            epoch=epoch.decode(),
            version=int(version),
            layout=int(layout),
            width=int(width),
            run_id=run_id.decode(),
            chunk=int(chunk),
            passed=int(passed),
            first=int(first),
            days={int(number): bytes(chunk) for number, chunk in zip(numbers, chunks, strict=True)},
        )

    async def some_days(self, wanted: Mapping[str, Sequence[int]]) -> dict[str, SomeDays | None]:
        """Chunks of several grids, asked all at once; None for one that Redis does not know."""
        command = self._scripts.command
        metas, chunks = await asyncio.gather(
            asyncio.gather(*(command("HMGET", key(name, "meta"), *_PASSED) for name in wanted)),
            asyncio.gather(
                *(command("MGET", *(key(name, "day", str(n)) for n in days)) for name, days in wanted.items())
            ),
        )
        return {
            name: None
            if meta[0] is None
            else SomeDays(
                width=int(meta[0]),
                passed=int(meta[1]),
                layout=int(meta[2]),
                days={n: records for n, records in zip(days, found, strict=True) if records is not None},
            )
            for (name, days), meta, found in zip(wanted.items(), metas, chunks, strict=True)
        }

    async def log_after(
        self, resource: str, version: int, at_most: int
    ) -> tuple[Meta, list[LogEntry]] | None:
        """The meta and the log's entries after `version`, of one moment; at most so many entries."""
        async with self._client.pipeline(transaction=True) as pipeline:
            pipeline.hmget(key(resource, "meta"), _META)
            pipeline.xrange(key(resource, "log"), f"({version}-0", "+", count=at_most)
            found, entries = await or_unavailable(pipeline.execute())
        meta = _meta(found)
        return None if meta is None else (meta, [_log_entry(entry) for entry in entries])

    async def holds(self, wanted: Mapping[str, Sequence[str]]) -> dict[str, Hold]:
        """Holds by id, ended ones too while they are remembered; `wanted` maps resource → ids."""
        command = self._scripts.command
        answers = await asyncio.gather(
            *(
                command("MGET", *(key(name, "hold", each) for each in ids))
                for name, ids in wanted.items()
                if ids
            )
        )
        found = (
            _hold_decoder.decode(packed) for answer in answers for packed in answer if packed is not None
        )
        return {hold.id: hold for hold in found}

    async def take_lease(
        self, resource: str, token: str, milliseconds: int, at_most: int = 0
    ) -> Leased | None:
        """Take the right to rebuild the resource for a while; None if somebody has it.

        Twice as long each time that it was taken and nothing came of it, up to `at_most` milliseconds.
        """
        content = {"token": token, "lease_ms": milliseconds, "most_ms": at_most}
        try:
            answer = await self._run("lease", resource, content)
        except Rebuilding:
            return None
        return Leased(answer.lease_ms, answer.times)

    async def renew_lease(self, resource: str, token: str, milliseconds: int) -> bool:
        """Have one's own lease last so long from now on; False if somebody else took it meanwhile."""
        content = {"token": token, "lease_ms": milliseconds}
        return (await self._run("renew_lease", resource, content)).status == "renewed"

    async def release_lease(self, resource: str, token: str, *, untouched: bool = False) -> None:
        """End one's own lease. What it failed to finish stays noted, for somebody else to finish.

        Not so where it is `untouched`: PostgreSQL was not asked to begin.
        """
        await self._run("release_lease", resource, {"token": token, "untouched": untouched})

    async def has_lease(self, resource: str) -> bool:
        """Whether somebody is rebuilding the resource."""
        return bool(await or_unavailable(self._client.exists(key(resource, "loading"))))


def _meta(found: Sequence[Any]) -> Meta | None:
    epoch, version, layout, width, run_id, chunk = found
    if epoch is None or version is None or layout is None or width is None:
        return None
    run = (run_id or b"").decode()
    return Meta(epoch.decode(), int(version), int(layout), int(width), run, int(chunk or 0))


def _log_entry(entry: tuple[bytes, Mapping[bytes, bytes]]) -> LogEntry:
    name, fields = entry
    changes = msgspec.msgpack.decode(fields[b"changes"], type=list[int])
    return LogEntry(int(fields[b"from"]), int(name.split(b"-")[0]), changes)
