"""The Lua scripts: composed of their pieces, run by their hash, their refusals and failures made errors."""

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from redis.asyncio import Redis
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MasterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from channels.cluster import Cluster
from server.errors import Unavailable
from server.holds.batching import batcher

FOLDER = Path(__file__).parent / "lua"

Result = TypeVar("Result")
Keys = str | tuple[str, ...]

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
_NOT_ALL_HERE = "ttempted to access a non local key"  # Redis and Valkey begin it differently


class Script(msgspec.Struct, frozen=True):
    """One script's whole text, and the SHA-1 that Redis knows it by."""

    name: str
    text: str
    sha: str


@cache
def script(name: str, *, in_cluster: bool = False) -> Script:
    """`lua/<name>.lua` behind the pieces of `lua/lib/` that its line `-- uses:` names.

    The first line makes Redis strict: in a cluster it refuses keys of two slots. A line `-- flags:` may
    follow; Redis' documentation of scripts lists them.
    """
    body = (FOLDER / f"{name}.lua").read_text()
    flags = re.search(r"^-- flags: (.+)$", body, re.MULTILINE)
    uses = re.search(r"^-- uses: (.+)$", body, re.MULTILINE)
    if uses is None:
        raise ValueError(f"{name}.lua has no line that says what it uses")
    pieces = [(FOLDER / "lib" / f"{piece}.lua").read_text() for piece in uses[1].split()]
    head = "#!lua" if flags is None else f"#!lua flags={flags[1]}"
    text = "\n".join([head, *([_ALL_HERE] if in_cluster else []), *pieces, body])
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def names() -> list[str]:
    """Every script there is."""
    return sorted(path.stem for path in FOLDER.glob("*.lua"))


async def or_unavailable(work: Awaitable[Result]) -> Result:
    """What `work` answers; a Redis that is away, or cannot write, is Unavailable."""
    try:
        return await work
    except _AWAY as error:
        raise Unavailable("Redis does not answer", retry_after=1) from error
    except ResponseError as error:
        if str(error).split(" ", 1)[0] in _AWAY_WORDS or _NOT_ALL_HERE in str(error):
            raise Unavailable("Redis cannot serve this just now", retry_after=1) from error
        raise


class Scripts:
    """Runs scripts on one Redis. `clock` (µs) stands in for Redis' own; tests alone give one."""

    def __init__(self, client: Redis, clock: Callable[[], int] | None = None) -> None:
        self.client = client
        self._batcher = batcher(client)
        self.in_cluster = isinstance(client, Cluster)
        self._clock = clock

    async def run(self, name: str, key: Keys, content: Mapping[str, Any], *blobs: bytes) -> bytes:
        """Run `lua/<name>.lua` on `key`, or on several, with `content` as its input; its answer as msgpack.

        `blobs` are further arguments as they are, for Lua's msgpack knows no binary strings.
        """
        return bytes(await self._run(name, key, content, *blobs))

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
        try:
            return await self._batcher.call("EVALSHA", it.sha, len(keys), *keys, *given)
        except NoScriptError:
            return await self._batcher.call("EVAL", it.text, len(keys), *keys, *given)

    async def command(self, *command: Any) -> Any:
        """One plain command, sent along with the scripts."""
        return await or_unavailable(self._batcher.call(*command))
