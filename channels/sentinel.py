"""The master that Sentinels name, and connections that are always to it.

A failover shows in three ways, and each leads to the new master: Sentinel says `+switch-master`, the
connection breaks, or the server that was asked answers that it is a replica now.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from redis.asyncio import BlockingConnectionPool, Connection, Redis, SSLConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError, RedisError

from channels.redis_url import Host
from channels.supervisor import stop, supervise

LOOK_SECONDS = 1.0  # how often the master's address is compared, whatever was said or not

_ERRORS = (RedisError, OSError, asyncio.TimeoutError)
_WHERE = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME")
_SWITCH = "+switch-master"
_log = logging.getLogger("holdfast.sentinel")


class Sentinels:
    """Asks them in turn, the one that answered last first."""

    def __init__(self, service: str, clients: Sequence[Redis]) -> None:
        self._service = service
        self._clients = list(clients)

    async def master(self) -> Host:
        """Where the master is; ConnectionError where no Sentinel knows."""
        for client in list(self._clients):
            with suppress(*_ERRORS):
                found: Any = await client.execute_command(*_WHERE, self._service)  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
                if found:
                    self._prefer(client)
                    host, port = found
                    return host.decode() if isinstance(host, bytes) else str(host), int(port)
        raise RedisConnectionError(f"no Sentinel names a master of {self._service!r}")

    def _prefer(self, client: Redis) -> None:
        self._clients.remove(client)
        self._clients.insert(0, client)

    async def wait_for_word(self, seconds: float) -> None:
        """Return when one says that a master has changed, or after so long."""
        pubsub = self._clients[0].pubsub()
        try:
            await pubsub.subscribe(_SWITCH)
            async with asyncio.timeout(seconds):
                while True:
                    message = await pubsub.get_message(timeout=seconds)
                    if message is not None and message["type"] == "message":
                        return
        except TimeoutError:
            return
        except _ERRORS:
            await asyncio.sleep(seconds)
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped

    async def close(self) -> None:
        """End the connections."""
        for client in self._clients:
            await client.aclose()


class _ToMaster(Connection):
    """Asks where the master is each time it connects."""

    def __init__(self, *, sentinels: Sentinels, **given: Any) -> None:
        self._sentinels = sentinels
        super().__init__(**given)

    async def _connect(self) -> None:
        self.host, self.port = await self._sentinels.master()
        await super()._connect()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped

    async def read_response(self, *given: Any, **named: Any) -> Any:
        try:
            return await super().read_response(*given, **named)
        except ReadOnlyError:
            await self.disconnect()
            raise


class _ToMasterByTLS(_ToMaster, SSLConnection):
    """As above, with TLS."""


class MasterPool(BlockingConnectionPool):
    """A pool of connections to the master; it drops them all as soon as another is named."""

    def __init__(self, sentinels: Sentinels, **given: Any) -> None:
        tls = issubclass(given.pop("connection_class", Connection), SSLConnection)
        given["connection_class"] = _ToMasterByTLS if tls else _ToMaster
        super().__init__(sentinels=sentinels, **given)
        self._sentinels = sentinels
        self._follower: asyncio.Task[None] | None = None

    async def get_connection(self, *given: Any, **named: Any) -> Any:
        """A connection to the master; the first one begins to follow who that is."""
        if self._follower is None:
            self._follower = asyncio.create_task(supervise("follower of the master", self._follow))
        return await super().get_connection(*given, **named)  # type: ignore[no-untyped-call]  # as above

    async def _follow(self) -> None:
        known: Host | None = None
        while True:
            with suppress(*_ERRORS):
                found = await self._sentinels.master()
                if known is not None and found != known:
                    _log.warning("the master of Redis is another one now")
                    await self.disconnect()
                known = found
            await self._sentinels.wait_for_word(LOOK_SECONDS)

    async def aclose(self) -> None:
        """End the connections, those to the Sentinels too."""
        await stop(self._follower)
        await super().aclose()
        await self._sentinels.close()
