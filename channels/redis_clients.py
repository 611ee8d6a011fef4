"""Clients of Redis that fail fast and never repeat by themselves.

redis-py's own default repeats a command up to ten times, which ran one increment twice across a stall.
"""

from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from channels.redis_url import Host, RedisUrl
from channels.sentinel import MasterPool, Sentinels

TIMEOUT_SECONDS: Final = 1.0
_OF_POOLS: Final = frozenset({"max_connections", "timeout"})


def open_client(url: RedisUrl, *, connections: int, seconds: float = TIMEOUT_SECONDS) -> Redis:
    """A client of one server, or of the master that Sentinels name; its answers are bytes.

    Its calls answer or fail within about `seconds`.
    """
    given = _bounded(url.options, seconds)
    if url.kind == "sentinel":
        theirs = _bounded({**_without_account(url.options), **(url.for_sentinels or {})}, seconds)
        sentinels = Sentinels(url.service, [_client(host, theirs, 2) for host in url.hosts])
        pool: BlockingConnectionPool = MasterPool(
            sentinels, max_connections=connections, timeout=seconds, **given
        )
        return Redis.from_pool(pool)
    return Redis.from_pool(BlockingConnectionPool(max_connections=connections, timeout=seconds, **given))


def open_node(url: RedisUrl, host: Host, *, connections: int, seconds: float = TIMEOUT_SECONDS) -> Redis:
    """A client of one server of a cluster."""
    return _client(host, _bounded(url.options, seconds), connections, seconds)


def _client(host: Host, given: dict[str, Any], connections: int, seconds: float = TIMEOUT_SECONDS) -> Redis:
    pool = BlockingConnectionPool(
        max_connections=connections, timeout=seconds, **{**given, "host": host[0], "port": host[1]}
    )
    return Redis.from_pool(pool)


def _bounded(options: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The options with our bounds; how large pools are, and how long one waits for them, is ours."""
    options = {name: value for name, value in options.items() if name not in _OF_POOLS}
    bounds = {"socket_timeout": seconds, "socket_connect_timeout": seconds, "retry": Retry(NoBackoff(), 0)}
    return {**options, **bounds}


def _without_account(options: dict[str, Any]) -> dict[str, Any]:
    """Sentinels have their own password, or none, and no databases; TLS is the same for all."""
    return {name: value for name, value in options.items() if name not in {"username", "password", "db"}}
