"""The Lua scripts: composed of their pieces, run by their hash, their refusals and failures made errors."""

import hashlib
import re
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from redis.asyncio import Redis
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from channels.cluster import Cluster
from server.errors import Unavailable
from server.holds.pipeline import open_pipeline
from server.times import Clock

FOLDER = Path(__file__).parent / "lua"

Result = TypeVar("Result")
Keys = str | tuple[str, ...]
Own = tuple[str, bytes]
"""What one of many asks: the key of its own, and its fields beside those of all, packed."""

_AWAY = (
    RedisConnectionError,
    RedisTimeoutError,
    OSError,
    AskError,
    ClusterDownError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)
# The first words of those errors that redis-py has no class for.
_AWAY_WORDS = frozenset({"BUSY", "MISCONF", "NOREPLICAS"})
# While a slot goes to another server key by key, its keys are on two of them, and a script sees only some:
# it would take what is not there yet for absent. Asking for two keys that are nowhere fails just then, on
# both servers, before anything is written.
_ALL_HERE = """do
  local tag = string.match(KEYS[1], '{[^}]*}')
  redis.call('EXISTS', tag .. ':nowhere:1', tag .. ':nowhere:2')
end"""
_UNKNOWN = "Function not found"
_NAME = "holdfast_name"
_LIBRARY = f"""#!lua name={_NAME}
local KEYS, ARGV
%(pieces)s
local function call()
%(first)s
%(call)s
%(body)s
end
redis.register_function{{
  function_name = '{_NAME}', flags = {{%(flags)s}},
  callback = function(keys, arguments)
    KEYS, ARGV = keys, arguments
    return call()
  end,
}}
"""
_NOT_ALL_HERE = "ttempted to access a non local key"  # Redis and Valkey begin it differently


TEACHINGS = 4
"""How often a script is taught for one call: each process of another version deletes it once at each server,
and a slot may be moving to a server that does not know it."""

EACH_CALL = "-- each call:"
"""In a piece: what stands before is done once, when Redis learns the script; what follows at each call."""


class Script(msgspec.Struct, frozen=True):
    """One script as a library of Redis, and the name of the function in it, which says its SHA-1."""

    name: str
    text: str
    function: str


@cache
def script(name: str, *, in_cluster: bool = False) -> Script:
    """`lua/<name>.lua` behind the pieces of `lua/lib/` that its line `-- uses:` names.

    A function, not a text to evaluate: whatever is defined would be defined anew at each call, which takes
    longer than all else that a script does. A line `-- flags:` may follow; Redis' documentation lists them.
    """
    body = (FOLDER / f"{name}.lua").read_text()
    flags = re.search(r"^-- flags: (.+)$", body, re.MULTILINE)
    uses = re.search(r"^-- uses: (.+)$", body, re.MULTILINE)
    if uses is None:
        raise ValueError(f"{name}.lua has no line that says what it uses")
    pieces = [(FOLDER / "lib" / f"{piece}.lua").read_text() for piece in uses[1].split()]
    parts = [piece.partition(EACH_CALL) for piece in pieces]
    text = _LIBRARY % {
        "pieces": "\n".join(before for before, _, _ in parts),
        "first": _ALL_HERE if in_cluster else "",
        "call": "\n".join(after for _, _, after in parts),
        "body": body,
        "flags": "" if flags is None else f"'{flags[1]}'",
    }
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    function = f"holdfast_{name}_{digest}"
    return Script(name, text.replace(_NAME, function), function)


def names() -> list[str]:
    """Every script there is."""
    return sorted(path.stem for path in FOLDER.glob("*.lua"))


def told_of(error: Exception) -> Exception:
    """What a caller is told of an error: Unavailable where Redis is away or cannot write, else itself."""
    if isinstance(error, _AWAY):
        return Unavailable("Redis does not answer", retry_after=1)
    if isinstance(error, ResponseError):
        words = str(error)
        if words.split(" ", 1)[0] in _AWAY_WORDS or _NOT_ALL_HERE in words:
            return Unavailable("Redis cannot serve this just now", retry_after=1)
    return error


async def or_unavailable(work: Awaitable[Result]) -> Result:
    """What `work` answers; a Redis that is away, or cannot write, is Unavailable."""
    try:
        return await work
    except (RedisError, OSError) as error:
        told = told_of(error)
        if told is error:
            raise
        raise told from error


class Scripts:
    """Runs scripts on one Redis. `clock` (µs) stands in for Redis' own; tests alone give one."""

    def __init__(self, client: Redis, clock: Clock | None = None) -> None:
        self.client = client
        self._pipeline = open_pipeline(client)
        self.in_cluster = isinstance(client, Cluster)
        self._clock = clock
        self._taught: set[tuple[str, Redis]] = set()  # once by each server

    async def aclose(self) -> None:
        """Give the connections back that it keeps; the client stays open."""
        await self._pipeline.aclose()

    async def run(self, name: str, key: Keys, content: Mapping[str, Any], *blobs: bytes) -> bytes:
        """Run `lua/<name>.lua` on `key`, or on several, with `content` as its input; its answer as msgpack.

        `blobs` are further arguments as they are, for Lua's msgpack knows no binary strings.
        """
        return bytes(await self._run(name, key, content, *blobs))

    async def run_many(
        self, name: str, key: str, common: Mapping[str, Any], each: Sequence[Own], *blobs: bytes
    ) -> list[bytes | Exception]:
        """Run a script once for many, see lua/lib/many.lua: an answer for each, or why there is none.

        `common` is what all of them ask, `key` their resource's.
        """
        keys, given = (key, *(one for one, _ in each)), [own for _, own in each]
        answers = await self._run(name, keys, common, *given, *blobs)
        if isinstance(answers, bytes):  # nobody was served, all for this reason
            return [answers] * len(each)
        return [told_of(found) if isinstance(found, Exception) else found for found in answers]

    async def read(self, name: str, key: str) -> Any:
        """Run a script that changes nothing and answers in Redis' own types, for the sake of bytes."""
        return await self._run(name, key, {})

    async def now(self) -> int:
        """Redis' clock, in ms."""
        if self._clock is not None:
            return self._clock() // 1000
        seconds, micros = await self.command("TIME")
        return int(seconds) * 1000 + int(micros) // 1000

    async def _run(self, name: str, key: Keys, content: Mapping[str, Any], *blobs: bytes) -> Any:
        if self._clock is not None:
            content = {**content, "now": self._clock()}
        given = (msgspec.msgpack.encode(content), *blobs)
        return await or_unavailable(self._evaluate(script(name, in_cluster=self.in_cluster), key, given))

    async def _evaluate(self, it: Script, key: Keys, given: tuple[bytes, ...]) -> Any:
        keys = (key,) if isinstance(key, str) else key
        for _ in range(TEACHINGS):
            try:
                return await self._pipeline.call("FCALL", it.function, len(keys), *keys, *given)
            except ResponseError as error:
                if _UNKNOWN not in str(error):
                    raise
            await self._teach(it, keys[0])
        raise Unavailable("Redis does not keep its scripts just now", retry_after=1)

    async def _teach(self, it: Script, key: str) -> None:
        """Let the server that has `key` know the script; several may do so at once."""
        server = await self.client.at(key) if isinstance(self.client, Cluster) else self.client
        if (it.name, server) not in self._taught:
            self._taught.add((it.name, server))
            await self._forget_others(it, key)
        try:
            await self._pipeline.call("FUNCTION", "LOAD", it.text, at=key)
        except ResponseError as error:
            if "already exists" not in str(error):
                raise

    async def _forget_others(self, it: Script, key: str) -> None:
        """Delete what other versions of Holdfast left of this script.

        One that still runs teaches its own again. Each process deletes once at each server, so that two
        versions do not take turns for ever.
        """
        call = self._pipeline.call
        for found in await call("FUNCTION", "LIST", "LIBRARYNAME", f"holdfast_{it.name}_*", at=key):
            library = (found if isinstance(found, dict) else dict(zip(found[::2], found[1::2], strict=True)))[
                b"library_name"
            ].decode()
            if re.fullmatch(rf"holdfast_{it.name}_[0-9a-f]{{40}}", library) and library != it.function:
                with suppress(ResponseError):  # another process was faster
                    await call("FUNCTION", "DELETE", library, at=key)

    async def command(self, *command: Any) -> Any:
        """One plain command, sent along with the scripts."""
        return await or_unavailable(self._pipeline.call(*command))
