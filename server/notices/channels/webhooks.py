"""Events to an owner's own system, signed by Standard Webhooks. At least once, in no promised order."""

from typing import Any, Final

import msgspec

from server.database.pool import Database
from server.http.outgoing import NoAnswer, Outgoing, Reply
from server.http.public_addresses import AddressRefused
from server.notices import webhook_store
from server.notices.channel import Message, Permanent, Temporary
from server.notices.channels.rests import Rests
from server.notices.channels.retry_after import retry_after
from server.notices.channels.signing import signed_headers
from server.notices.webhook_store import Endpoint
from server.times import Clock, rfc3339

GIVEN_UP_MS: Final = 5 * 24 * 3600 * 1000
"""An endpoint that has taken nothing for so long is disabled, until its owner enables it again."""
_GONE: Final = 410


class Webhooks:
    """A Sender: one POST for one event; any 2xx has taken it."""

    name = "webhook"

    def __init__(self, database: Database, outgoing: Outgoing, clock: Clock) -> None:
        self._database = database
        self._outgoing = outgoing
        self._clock = clock
        self._rests = Rests(clock)

    async def send(self, message: Message) -> None:
        """Deliver to the endpoint whose id is the address; Permanent for one that is no more or disabled."""
        async with self._database.connection() as connection:
            endpoint = await webhook_store.find(connection, message.recipient.address)
        if endpoint is None or endpoint.disabled_at is not None:
            raise Permanent("the endpoint is no more", gone=True)
        self._rests.require_none(endpoint.id)
        try:
            reply = await self._post(endpoint, message)
        except (NoAnswer, AddressRefused) as error:
            self._rests.begin(endpoint.id)
            await self._failed(endpoint, str(error))
            raise Temporary(str(error)) from error
        await self._heard(endpoint, reply)

    async def _post(self, endpoint: Endpoint, message: Message) -> Reply:
        now, body = self._clock(), body_of(message)
        headers = signed_headers(message.key, now // 1000, body, endpoint.secrets(now))
        return await self._outgoing.post(endpoint.url, body, {"Content-Type": "application/json", **headers})

    async def _heard(self, endpoint: Endpoint, reply: Reply) -> None:
        if reply.ok:
            async with self._database.connection() as connection:
                await webhook_store.answered(connection, endpoint.id)
            return
        reason = f"answered {reply.status}"
        if reply.status == _GONE:  # the specification's way of saying "never again"
            async with self._database.connection() as connection:
                await webhook_store.disable(connection, endpoint.id, reason, self._clock())
            raise Permanent(reason, gone=True)
        await self._failed(endpoint, reason)
        raise Temporary(reason, retry_after=retry_after(reply.headers, self._clock()))

    async def _failed(self, endpoint: Endpoint, reason: str) -> None:
        now = self._clock()
        async with self._database.connection() as connection:
            await webhook_store.failed(
                connection, endpoint.id, reason, now=now, given_up_before=now - GIVEN_UP_MS
            )


def body_of(message: Message) -> bytes:
    """`{type, timestamp, data}`: what happened, when, and of what; the same bytes on each try."""
    data: dict[str, Any] = {
        **message.data,
        "id": message.event,
        "title": message.title,
        "message": message.text,
    }
    return msgspec.json.encode(
        {"type": message.kind, "timestamp": rfc3339(message.created_at), "data": data}, order="sorted"
    )
