"""What processes tell each other about notices, over Redis: that a user has new ones, or has read some.

It carries no text and no order: whoever hears it reads PostgreSQL. So one that is lost costs a second, after
which everybody looks there anyway, and one that comes twice costs nothing.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Final

import msgspec
import structlog
from redis.asyncio import Redis

from server.errors import Unavailable
from server.ops.redis_errors import redis_away

CHANNEL: Final = "holdfast:notices"

_log = structlog.get_logger(__name__)


class NoticeNews(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`users` have new notices; `reader` has read `ids`."""

    users: tuple[str, ...] = ()
    reader: str = ""
    ids: tuple[str, ...] = ()


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(NoticeNews)


class Newsman:
    """Publishes on CHANNEL. While Redis is away, only this process hears it, by `here`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.here: Callable[[bytes], None] = lambda _data: None

    async def tell_users(self, users: Collection[str]) -> None:
        """They have new notices."""
        await self._publish(NoticeNews(users=tuple(users)))

    async def tell_read(self, reader: str, ids: Sequence[str]) -> None:
        """They have been read."""
        await self._publish(NoticeNews(reader=reader, ids=tuple(ids)))

    async def _publish(self, news: NoticeNews) -> None:
        data = _encoder.encode(news)
        try:
            with redis_away():
                await self._redis.publish(CHANNEL, data)
        except Unavailable as error:
            _log.info("notices_told_here_alone", reason=error.detail)
            self.here(data)


def read_news(data: bytes) -> NoticeNews:
    """What came from CHANNEL."""
    return _decoder.decode(data)
