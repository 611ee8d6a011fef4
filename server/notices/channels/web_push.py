"""Pushes to browsers (RFC 8030): encrypted for one, signed by our key, carried by its push service."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from server.database.pool import Database
from server.http.outgoing import NoAnswer, Outgoing, Reply
from server.http.public_addresses import AddressRefused
from server.notices import push_store
from server.notices.channel import Message, Permanent, Temporary
from server.notices.channels.push_encryption import PLAIN_LIMIT, BadSubscription, BrowserKeys
from server.notices.channels.rests import Rests
from server.notices.channels.retry_after import retry_after
from server.notices.channels.vapid import VapidKey, to_base64url
from server.notices.push_store import Subscription
from server.times import Clock, rfc3339

TTL_SECONDS: Final = 24 * 3600
"""How long a push service keeps what a browser that is away will still want."""
SHORT_TTL_SECONDS: Final = 15 * 60
_URGENT: Final = frozenset({"booking_created", "booking_cancelled", "payment_failed"})
_SOON_STALE: Final = frozenset({"hold_expired"})
_GONE: Final = frozenset({404, 410})
_AGAIN: Final = frozenset({408, 425, 429})


class WebPush:
    """A Sender for every push service there is."""

    name = "push"

    def __init__(
        self,
        database: Database,
        outgoing: Outgoing,
        key: VapidKey,
        *,
        subject: str,
        clock: Clock,
    ) -> None:
        self._database = database
        self._outgoing = outgoing
        self._key = key
        self._subject = subject
        self._clock = clock
        self._rests = Rests(clock)

    async def send(self, message: Message) -> None:
        """Push to the subscription whose id is the address; one that is no more is forgotten."""
        async with self._database.connection() as connection:
            subscription = await push_store.find(connection, message.recipient.address)
        if subscription is None:
            raise Permanent("the subscription is no more", gone=True)
        if subscription.user != message.recipient.user:
            raise Permanent("somebody else is signed in at that browser", gone=True)
        if (subscription.expires_at or self._clock() + 1) <= self._clock():
            await self._forget(subscription, "the subscription has expired")
        self._rests.require_none(subscription.id)
        try:
            reply = await self._post(subscription, message)
        except NoAnswer as error:
            self._rests.begin(subscription.id)
            raise Temporary(str(error)) from error
        except AddressRefused as error:
            raise Permanent(f"a push service {error}") from error
        await self._heard(subscription, reply)

    async def _post(self, subscription: Subscription, message: Message) -> Reply:
        now = self._clock()
        try:
            keys = BrowserKeys.read(subscription.p256dh, subscription.auth)
        except BadSubscription as error:
            raise Permanent(f"{error.name} {error}") from error
        headers = {
            "Authorization": self._key.authorization(subscription.endpoint, self._subject, now),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(seconds_to_live(message, now)),
            "Urgency": "high" if message.kind in _URGENT else "normal",
            "Topic": topic_of(message.key),
        }
        return await self._outgoing.post(subscription.endpoint, keys.encrypt(plain_of(message)), headers)

    async def _heard(self, subscription: Subscription, reply: Reply) -> None:
        if reply.ok:
            async with self._database.connection() as connection:
                await push_store.used(connection, subscription.id, self._clock())
            return
        reason = f"the push service answered {reply.status}"
        if reply.status in _GONE:
            await self._forget(subscription, reason)
        if reply.status in _AGAIN or reply.status >= 500:
            raise Temporary(reason, retry_after=retry_after(reply.headers, self._clock()))
        raise Permanent(reason)

    async def _forget(self, subscription: Subscription, reason: str) -> None:
        async with self._database.connection() as connection:
            await push_store.gone(connection, subscription.id)
        raise Permanent(reason, gone=True)


def topic_of(key: str) -> str:
    """A repeat takes the place of what still waits at the push service: 32 characters of base64url."""
    return to_base64url(hashlib.sha256(key.encode()).digest())[:32]


def seconds_to_live(message: Message, now: int) -> int:
    """Until when it is of use: what wants an answer until that is due, what passes soon not for long."""
    due = message.data.get("respond_by")
    if isinstance(due, int):
        return min(max((due - now) // 1000, 0), TTL_SECONDS)
    return SHORT_TTL_SECONDS if message.kind in _SOON_STALE else TTL_SECONDS


def plain_of(message: Message) -> bytes:
    """What the page's service worker shows: a `notification` as sockets have it, cut to fit a push."""
    text = message.text
    content = _encode(message, text, message.data)
    if len(content) > PLAIN_LIMIT:
        booking = {name: message.data[name] for name in ("booking",) if name in message.data}
        content = _encode(message, text, booking)
        while len(content) > PLAIN_LIMIT and text:
            text = text[: len(text) * 3 // 4]
            content = _encode(message, f"{text}…", booking)
    return content


def _encode(message: Message, text: str, data: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(
        {
            "id": message.event,
            "kind": message.kind,
            "title": message.title[:200],
            "message": text,
            "data": data,
            "created_at": rfc3339(message.created_at),
        }
    )
