"""The bus of one server, or of the master that Sentinels name: one pub/sub connection for the whole process.

A resource's channel is a shard channel everywhere, so that scripts publish alike with and without a cluster.
"""

from secrets import token_hex

from channels.cluster_bus import ClusterBus
from channels.reader import Handler, Reader
from channels.redis_clients import open_client
from channels.redis_url import read

__all__ = ["Bus", "ClusterBus", "Handler", "open_bus"]


def open_bus(url: str) -> "Bus | ClusterBus":
    """The bus of whatever is at the address; it listens once it is started."""
    return ClusterBus(url) if read(url).kind == "cluster" else Bus(url)


class Bus(Reader):
    """Channels of Redis and their handlers; see Reader."""

    def __init__(self, url: str, *, probe_seconds: float = 1.0, confirm_seconds: float = 1.0) -> None:
        self._redis = open_client(read(url), connections=4)
        super().__init__(
            lambda: self._redis,
            probe=f"holdfast:probe:{token_hex(8)}",
            probe_seconds=probe_seconds,
            confirm_seconds=confirm_seconds,
        )

    async def close(self) -> None:
        """End the connection and the tasks."""
        await super().close()
        await self._redis.aclose()
