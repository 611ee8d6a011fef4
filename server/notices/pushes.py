"""Browsers that take a user's pushes: subscribed by the page, forgotten by it or by their push service."""

from typing import Annotated, Final

import msgspec

from server.database.pool import Database
from server.errors import Conflict, FieldError, InvalidFields, NotFound
from server.http.outgoing import Outgoing
from server.http.public_addresses import AddressRefused
from server.notices import push_store
from server.notices.channels.mail import one_line
from server.notices.channels.push_encryption import BadSubscription, BrowserKeys
from server.notices.channels.vapid import VapidKey
from server.notices.ids import uuid_of
from server.notices.push_store import Subscription
from server.times import Clock

AGENT_LENGTH: Final = 200
LAST_MS: Final = 253_402_300_799_999

Text = Annotated[str, msgspec.Meta(max_length=2000)]
Key = Annotated[str, msgspec.Meta(max_length=200)]


class PushKeys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """In base64url."""

    p256dh: Key
    auth: Key


class PushRequest(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"expires_at": "expirationTime"},
):
    """What `PushSubscription.toJSON()` gives; `expirationTime` in milliseconds since the epoch."""

    endpoint: Text
    keys: PushKeys
    expires_at: Annotated[float, msgspec.Meta(ge=0, le=LAST_MS)] | None = None


class Pushes:
    """`key` None: this server sends none."""

    def __init__(self, database: Database, outgoing: Outgoing, key: VapidKey | None, clock: Clock) -> None:
        self._database = database
        self._outgoing = outgoing
        self._key = key
        self._clock = clock

    @property
    def public_key(self) -> str | None:
        """What pages subscribe with (`applicationServerKey`); None where there are no pushes."""
        return None if self._key is None else self._key.public

    async def subscribe(self, user: str, request: PushRequest, agent: str) -> Subscription:
        """Keep it; InvalidFields for what no push service or browser would make, Conflict without a key."""
        if self._key is None:
            raise Conflict("pushes are not set up here")
        await self._check(request)
        wanted = Subscription(
            id="",
            user=user,
            endpoint=request.endpoint,
            p256dh=request.keys.p256dh,
            auth=request.keys.auth,
            agent=one_line(agent)[:AGENT_LENGTH],
            expires_at=None if request.expires_at is None else int(request.expires_at),
            created_at=self._clock(),
        )
        async with self._database.transaction() as connection:
            return await push_store.subscribe(connection, wanted)

    async def of_user(self, user: str) -> list[Subscription]:
        """The user's browsers, oldest first."""
        async with self._database.connection() as connection:
            return await push_store.of_user(connection, user)

    async def unsubscribe(self, user: str, endpoint: str) -> None:
        """NotFound unless that browser is the user's."""
        async with self._database.connection() as connection:
            if not await push_store.unsubscribe(connection, user, endpoint):
                raise NotFound

    async def unsubscribe_by_id(self, user: str, subscription_id: str) -> None:
        """NotFound unless it is the user's."""
        async with self._database.connection() as connection:
            if not await push_store.unsubscribe_by_id(connection, user, uuid_of(subscription_id)):
                raise NotFound

    async def _check(self, request: PushRequest) -> None:
        try:
            BrowserKeys.read(request.keys.p256dh, request.keys.auth)
        except BadSubscription as error:
            raise InvalidFields(
                "a field does not hold", errors=[FieldError(error.name, str(error))]
            ) from None
        try:
            await self._outgoing.require(request.endpoint)
        except AddressRefused as error:
            raise InvalidFields(
                "a field does not hold", errors=[FieldError("endpoint", str(error))]
            ) from None
