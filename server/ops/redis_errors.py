"""Redis away, loading, read-only or full: one refusal, `unavailable`, wherever it is met."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import (
    AskError,
    ClusterDownError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from server.errors import Unavailable

_AWAY = (
    RedisConnectionError,
    RedisTimeoutError,
    ReadOnlyError,
    OutOfMemoryError,
    OSError,
    AskError,
    ClusterDownError,
    MasterDownError,
    TryAgainError,
)


@contextmanager
def redis_away() -> Iterator[None]:
    """Raise Unavailable in place of whatever redis-py says when its server cannot serve."""
    try:
        yield
    except _AWAY as error:
        raise Unavailable("the live state is away; nothing was changed", retry_after=2) from error
