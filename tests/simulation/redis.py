"""A Redis in plain Python: the few commands that server.holds sends, its scripts by their names, and pub/sub.

It answers at once and alone, as Redis does; what lies between it and a process is network.py's.
"""

import copy
from array import array
from collections.abc import Callable
from typing import Any, Final

import msgspec

from server.holds.store import RESOURCES_KEY
from tests.simulation.live import Live, Outcome, Session, Turn
from tests.simulation.scripts import NEEDS_LOADED, SCRIPTS, WAITS_FOR_REBUILD
from tests.simulation.sessions import hold_many, index, joined_alone, listing, release_many

Command = tuple[Any, ...]

_LISTS: Final = {"join": joined_alone, "index": index}
_BESIDE: Final[dict[str, Callable[[Session, Turn], Outcome]]] = {
    "hold_many": hold_many,
    "release_many": release_many,
}
_WIDTHS: Final = {1: "B", 2: "H", 4: "I"}

_decode = msgspec.msgpack.decode
_encode = msgspec.msgpack.encode


class Redis:
    """`clock` is its own, in µs. `on_turn` hears of each script, `on_publish` of each message."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.clock = clock
        self.scripts = SCRIPTS
        self.on_turn: Callable[[Turn], None] = lambda _turn: None
        self.on_publish: Callable[[str, bytes], None] = lambda _channel, _data: None
        self.runs = 0
        self.starts_empty()

    # Its life.

    @property
    def now(self) -> int:
        return self.clock() // 1000

    @property
    def run_id(self) -> str:
        return f"run-{self.runs}"

    def starts_empty(self) -> None:
        """All is lost."""
        self.resources: dict[str, Live] = {}
        self.sessions: dict[str, Session] = {}
        self.loaded: set[str] = set()
        self.restarts()

    def restarts(self) -> None:
        """With its data, but as another run."""
        self.runs += 1

    def snapshot(self) -> Any:
        """What a replica, or a disk, has of it just now."""
        return copy.deepcopy((self.resources, self.sessions, self.loaded))

    def goes_back(self, snapshot: Any) -> None:
        """A replica that was behind takes over."""
        self.resources, self.sessions, self.loaded = copy.deepcopy(snapshot)
        self.restarts()

    # Commands.

    def do(self, command: Command) -> Any:
        """The answer to one command, as hiredis gives it; errors are raised."""
        name, *given = command
        return getattr(self, f"_{name.lower()}")(*given)

    def script(self, name: str, keys: tuple[str, ...], arguments: tuple[bytes, ...]) -> bytes:
        given, now = _decode(arguments[0]), self.now
        owner, _ = _parsed(keys[0])
        if name == "listing":
            return listing(self.session(owner), now)
        if name in _LISTS:
            return _LISTS[name](self.session(owner), given, now)
        live = self.live(owner)
        turn = Turn(name, owner, live, given, self.clock())
        answer = self._run(turn, arguments[1:])
        self._tell(turn)
        return answer

    def script_of_many(self, name: str, keys: tuple[str, ...], arguments: tuple[bytes, ...]) -> list[bytes]:
        """What take or give answers each of those who asked together; see lib/many.lua."""
        owner, _ = _parsed(keys[0])
        turn = Turn(name, owner, self.live(owner), _decode(arguments[0]), self.clock())
        if turn.meta.epoch is None:
            return [turn.answer({"status": "unloaded"}) for _ in keys[1:]]
        common, outcomes = turn.given, []
        for turn.step, (key, own) in enumerate(zip(keys[1:], arguments[1:], strict=True)):
            turn.given, turn.joined = {**common, **_decode(own)}, None
            outcome = _BESIDE[name](self.session(_parsed(key)[0]), turn)
            outcomes.append((turn.given, turn.joined, outcome))
        turn.commit()
        answers = []
        for turn.given, turn.joined, outcome in outcomes:
            answers.append(turn.said(outcome))
        self._tell(turn)
        return answers

    def _tell(self, turn: Turn) -> None:
        for channel, data in turn.published:
            self.on_publish(channel, data)
        self.on_turn(turn)

    def _run(self, turn: Turn, blobs: tuple[bytes, ...]) -> bytes:
        if turn.meta.epoch is None and turn.name in NEEDS_LOADED:
            return turn.answer({"status": "unloaded"})
        if turn.name in WAITS_FOR_REBUILD:
            if turn.live.lease(turn.now) is not None:
                return turn.answer({"status": "loading"})
            if turn.live.unfinished is not None:
                return turn.answer({"status": "abandoned"})
        return self.scripts[turn.name](turn, blobs)

    def _hmget(self, key: str, *fields: str) -> list[bytes | None]:
        meta = self.live(_parsed(key)[0]).meta
        if meta.epoch is None:
            return [None] * len(fields)
        found = (getattr(meta, field, None) for field in fields)
        return [None if value is None else str(value).encode() for value in found]

    def _mget(self, *keys: str) -> list[bytes | None]:
        return [self._get(key) for key in keys]

    def _get(self, key: str) -> bytes | None:
        owner, parts = _parsed(key)
        if parts[0] == "ended":
            resource, until = self.session(owner).ended.get(parts[1], ("", 0))
            return resource.encode() if until > self.now else None
        assert parts[0] == "hold", key
        found = self.live(owner).read(parts[1], self.now)
        return None if found is None else _encode(found)

    def _hget(self, key: str, field: str) -> bytes | None:
        owner, parts = _parsed(key)
        assert parts == ["cart"], key
        entry = self.session(owner).entries.get(field)
        return None if entry is None else _encode(entry)

    def _time(self) -> tuple[int, int]:
        return divmod(self.clock(), 1_000_000)

    def _publish(self, channel: str, data: bytes) -> int:
        self.on_publish(channel, data)
        return 1

    def _sadd(self, key: str, member: str) -> int:
        assert key == RESOURCES_KEY
        self.loaded.add(member)
        return 1

    def _srem(self, key: str, member: str) -> int:
        assert key == RESOURCES_KEY
        self.loaded.discard(member)
        return 1

    def _smembers(self, key: str) -> set[bytes]:
        assert key == RESOURCES_KEY
        return {name.encode() for name in self.loaded}

    def _exists(self, key: str) -> int:
        owner, parts = _parsed(key)
        assert parts == ["loading"], key
        return int(self.live(owner).lease(self.now) is not None)

    def _info(self, _section: str) -> dict[str, str]:
        return {"run_id": self.run_id}

    def _slots(self, key: str, fields: list[str]) -> list[Any]:
        """MULTI, HMGET, GET, EXEC."""
        return [self._hmget(key, *fields), self.records(_parsed(key)[0])]

    # What is there.

    def live(self, resource: str) -> Live:
        return self.resources.setdefault(resource, Live())

    def session(self, name: str) -> Session:
        return self.sessions.setdefault(name.removeprefix("session:"), Session())

    def records(self, resource: str) -> bytes:
        live = self.live(resource)
        flat = [n for slot in live.slots for n in (slot.available, slot.held, slot.booked, slot.capacity)]
        return array(_WIDTHS[live.meta.width], flat).tobytes()


def _parsed(key: str) -> tuple[str, list[str]]:
    """`{hall}:hold:17` as hall, [hold, 17]."""
    owner, _, rest = key[1:].partition("}:")
    return owner, rest.split(":")
