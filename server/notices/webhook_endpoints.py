"""Where owners' own systems hear of events: a few addresses for each user, each with a secret of its own."""

from typing import Annotated, Final, get_args

import msgspec

from server.bookings.outbox import NoticeKind
from server.database.pool import Database
from server.errors import FieldError, InvalidFields, LimitExceeded, NotFound
from server.http.outgoing import Outgoing
from server.http.public_addresses import AddressRefused
from server.notices import webhook_store
from server.notices.channels.mail import one_line
from server.notices.channels.signing import new_secret
from server.notices.ids import uuid_of
from server.notices.webhook_store import Endpoint
from server.times import Clock

MOST: Final = 10
ROTATION_MS: Final = 24 * 3600 * 1000
"""How long the secret before signs beside a new one."""

Url = Annotated[str, msgspec.Meta(max_length=2000)]
Kinds = Annotated[tuple[NoticeKind, ...], msgspec.Meta(min_length=1, max_length=len(get_args(NoticeKind)))]
Description = Annotated[str, msgspec.Meta(max_length=200)]


class WebhookRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kinds` null: all that there are and will be."""

    url: Url
    kinds: Kinds | None = None
    description: Description = ""


class WebhookEndpoints:
    """An owner's; whatever is not the owner's is not there."""

    def __init__(self, database: Database, outgoing: Outgoing, clock: Clock) -> None:
        self._database = database
        self._outgoing = outgoing
        self._clock = clock

    async def add(self, user: str, request: WebhookRequest) -> Endpoint:
        """With a fresh secret; InvalidFields for an address that would not be called, LimitExceeded."""
        try:
            await self._outgoing.require(request.url)
        except AddressRefused as error:
            raise InvalidFields("a field does not hold", errors=[FieldError("url", str(error))]) from None
        kinds = None if request.kinds is None else tuple(sorted(set(request.kinds)))
        async with self._database.transaction() as connection:
            if await webhook_store.lock_user(connection, user) >= MOST:
                raise LimitExceeded(f"a user has at most {MOST} webhooks")
            return await webhook_store.add(
                connection,
                user=user,
                url=request.url,
                secret=new_secret(),
                kinds=kinds,
                description=one_line(request.description),
                now=self._clock(),
            )

    async def of_user(self, user: str) -> list[Endpoint]:
        """All of the user's, oldest first."""
        async with self._database.connection() as connection:
            return await webhook_store.of_user(connection, user)

    async def find(self, user: str, endpoint_id: str) -> Endpoint:
        """NotFound unless it is the user's."""
        async with self._database.connection() as connection:
            return _there(await webhook_store.find_of(connection, user, uuid_of(endpoint_id)))

    async def delete(self, user: str, endpoint_id: str) -> None:
        """Nothing more goes there, of what waits neither."""
        async with self._database.connection() as connection:
            if not await webhook_store.delete(connection, user, uuid_of(endpoint_id)):
                raise NotFound

    async def rotate(self, user: str, endpoint_id: str) -> Endpoint:
        """With a new secret; for ROTATION_MS the one before signs too."""
        until = self._clock() + ROTATION_MS
        async with self._database.connection() as connection:
            return _there(
                await webhook_store.rotate(connection, user, uuid_of(endpoint_id), new_secret(), until=until)
            )

    async def enable(self, user: str, endpoint_id: str) -> Endpoint:
        """Tell one again that was given up."""
        async with self._database.connection() as connection:
            return _there(await webhook_store.enable(connection, user, uuid_of(endpoint_id)))


def _there(endpoint: Endpoint | None) -> Endpoint:
    if endpoint is None:
        raise NotFound
    return endpoint
