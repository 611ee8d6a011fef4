"""The Redis client for what changes: it fails fast and never repeats by itself.

redis-py's own default repeats a command up to ten times, which ran one increment twice across a stall.
"""

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

TIMEOUT_SECONDS = 1.0
CONNECTIONS = 16


def connect(url: str, *, connections: int = CONNECTIONS) -> Redis:
    """A client of `url` whose calls answer or fail within about a second; answers are bytes."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=TIMEOUT_SECONDS,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis.from_pool(pool)
