"""The Redis client for what changes: it fails fast and never repeats by itself."""

from redis.asyncio import Redis

from channels.cluster import Cluster
from channels.redis_clients import TIMEOUT_SECONDS, open_client
from channels.redis_url import read

CONNECTIONS = 16


def connect(url: str, *, connections: int = CONNECTIONS, seconds: float = TIMEOUT_SECONDS) -> Redis:
    """A client of `url` whose calls answer or fail within about so many seconds, a cluster's within one.

    Answers are bytes.
    """
    where = read(url)
    if where.kind == "cluster":
        return Cluster(where, connections=connections)
    return open_client(where, connections=connections, seconds=seconds)
