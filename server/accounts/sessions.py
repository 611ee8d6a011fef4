"""Sessions and users as the rest of Holdfast meets them: credentials in, a proven Caller out."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

import msgspec
import structlog
from starlette.datastructures import Headers

from server.accounts.rules import Caller, Credentials, Opened, User
from server.accounts.tokens import PREFIX, SESSION_SECONDS, SessionToken, Signer, new_session
from server.accounts.users import Users, keys_of
from server.errors import BadRequest, Forbidden, Unauthorized, Unavailable
from server.ops.redis_errors import redis_away
from server.settings import Settings
from server.times import Clock, now_milliseconds

COOKIE: Final = "holdfast_session"
BOUND_CHANNEL: Final = "holdfast:bound"
_BOUND_SECONDS: Final = SESSION_SECONDS + 24 * 3600

OnBound = Callable[[str, str], Awaitable[None]]
"""Told a session and its user."""

_log = structlog.get_logger(__name__)


async def _nobody_asks(_session: str, _user: str) -> None:
    pass


async def _nobody_knows(_session: str) -> str | None:
    return None


def bound_key(session: str) -> str:
    """Where Redis keeps the user of a bound session, beside what else it keeps of that session."""
    return f"{{session:{session}}}:user"


class Sessions:
    """Opens, renews and proves sessions. Only the binding of a session to a user is stored, in Redis.

    Where Redis has lost it, `user_of` says whose session it was: it is bound to nobody else.
    """

    def __init__(
        self,
        settings: Settings,
        redis: Any,
        *,
        users: Users | None = None,
        clock: Clock = now_milliseconds,
    ) -> None:
        self._signer = Signer(settings.secret_key)
        self._redis = redis
        self._users = users or Users(settings, keys_of(settings))
        self._clock = clock
        self.read: Callable[[str], Awaitable[Any]] = redis.get
        """How a key is read: thousands of sockets may say hello at once."""

        self.on_bound: OnBound = _nobody_asks
        """Called when a session is bound, and whenever its user opens it: what was missed is made up."""

        self.user_of: Callable[[str], Awaitable[str | None]] = _nobody_knows
        """Whose a session has been, by what is kept elsewhere; asked before a session is bound."""

    async def close(self) -> None:
        """Let go of where users' keys come from."""
        await self._users.close()

    async def open(self, caller: Caller | None = None) -> Opened:
        """A new session, or `caller`'s own for another SESSION_SECONDS; bound if the caller is a user."""
        if caller is None:
            return self.open_new()
        session, user = caller.session or new_session(), caller.user
        if user is not None:
            new = await self._bind(session, user)
            with redis_away():
                await self._redis.expire(bound_key(session), _BOUND_SECONDS)
            if not new:
                await self._tell_bound(session, user)
        return self._opened(session, user)

    def open_new(self) -> Opened:
        """A session of somebody who shows nothing, which needs nobody else."""
        return self._opened(new_session(), None)

    def _opened(self, session: str, user: str | None) -> Opened:
        expires_at = (self._clock() // 1000 + SESSION_SECONDS) * 1000
        token = self._signer.sign(session, needs_user=user is not None, expires_at=expires_at)
        return Opened(session, token, expires_at, user)

    def renew(self, session: str) -> Opened:
        """A session of nobody's that was proven, for another SESSION_SECONDS."""
        return self._opened(session, None)

    def recognize(self, token: str) -> Caller:
        """Whose token this is, proven but for one thing: `bound_key` may name a user by now."""
        found = self._signer.verify(token, self._clock())
        if found.needs_user:
            raise belongs_to_user()
        return Caller(found.session, expires_at=found.expires_at)

    def csrf(self, session: str) -> str:
        """The token that a page of `session` sends with its changes."""
        return self._signer.csrf(session)

    def require_csrf(self, caller: Caller, token: str | None) -> None:
        """Raise Forbidden unless `token` is the caller's."""
        if not token or not self._signer.csrf_holds(caller.session, token):
            raise Forbidden("this needs the session's CSRF token")

    async def caller_of(self, headers: Headers) -> Caller | None:
        """Who sent a request: by `Authorization: Bearer`, else by cookie; None if it shows neither."""
        return await self.identify(credentials_of(headers))

    async def identify(self, credentials: Credentials) -> Caller | None:
        """The proven Caller; None if nothing was shown.

        Raises Unauthorized and TokenExpired for what does not hold, Unavailable while Redis cannot say
        whether a session is bound.
        """
        if credentials.token is not None and not credentials.token.startswith(PREFIX):
            return await self._user(credentials.token, credentials.session)
        if credentials.token is not None:
            if credentials.session is not None:
                raise BadRequest("two sessions at once")
            return await self._session(credentials.token, by_cookie=False)
        if credentials.cookie is not None:
            return await self._session(credentials.cookie, by_cookie=True)
        return None

    async def bound_to(self, session: str) -> str | None:
        """The user whose JWT `session` needs; None while it is anonymous."""
        with redis_away():
            user = await self.read(bound_key(session))
        return None if user is None else _text(user)

    async def _session(self, token: str, *, by_cookie: bool) -> Caller:
        found = self.recognize(token)
        if await self.bound_to(found.session) is not None:
            raise belongs_to_user()
        return replace(found, by_cookie=by_cookie)

    async def _user(self, token: str, session_token: str | None) -> Caller:
        user = await self._users.verify(token, self._clock())
        if session_token is None:
            return _caller("", user)
        found: SessionToken = self._signer.verify(session_token, self._clock())
        await self._bind(found.session, user.id)
        return _caller(found.session, user)

    async def _bind(self, session: str, user: str) -> bool:
        """Bind for good; everybody's sockets hear of a new binding, and True says that it is one.

        Unauthorized if it is another user's.
        """
        before, is_new = await self.bound_to(session), False
        if before is None:
            before, is_new = await self._bind_anew(session, await self._user_before(session) or user)
        if before != user:
            raise Unauthorized("this session belongs to another user")
        if is_new:
            await self._tell_bound(session, user)
        return is_new

    async def _bind_anew(self, session: str, user: str) -> tuple[str, bool]:
        """To whom it is bound now, and whether that is new: another request may have been first."""
        with redis_away():
            before = await self._redis.set(bound_key(session), user, nx=True, get=True, ex=_BOUND_SECONDS)
            if before is None:
                await self._redis.publish(BOUND_CHANNEL, msgspec.msgpack.encode((session, user)))
        return (user, True) if before is None else (_text(before), False)

    async def _user_before(self, session: str) -> str | None:
        """Who signs in is signed in, though nobody can be asked: what is a user's is guarded by itself."""
        try:
            return await self.user_of(session)
        except Unavailable as error:
            _log.warning("bound_session_not_looked_up", reason=error.detail)
            return None

    async def _tell_bound(self, session: str, user: str) -> None:
        """Who signs in is signed in, whatever can't be done about it now: the next `open` does it."""
        try:
            await self.on_bound(session, user)
        except Unavailable as error:
            _log.warning("bound_session_not_told", reason=error.detail)


def belongs_to_user() -> Unauthorized:
    """The refusal of a session's token by itself, when it is a user's by now."""
    return Unauthorized("this session belongs to a user; show the user's token with it")


def _caller(session: str, user: User) -> Caller:
    return Caller(session, user.id, user.name, user.roles, expires_at=user.expires_at)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def credentials_of(headers: Headers) -> Credentials:
    """What a request shows; BadRequest for a header given twice, Unauthorized if it is not a Bearer."""
    token = _single(headers, "authorization")
    session = _single(headers, "holdfast-session")
    if token is None:
        return Credentials(cookie=session_cookie(headers.get("cookie", "")))
    scheme, _, value = token.partition(" ")
    if scheme.lower() != "bearer" or not value.strip():
        raise Unauthorized("send Authorization: Bearer and a token")
    return Credentials(token=value.strip(), session=session)


def _single(headers: Headers, name: str) -> str | None:
    found = headers.getlist(name)
    if len(found) > 1:
        raise BadRequest(f"{name} came more than once")
    return found[0] if found else None


def session_cookie(header: str) -> str | None:
    """The session's token out of a Cookie header, None if it has none; other cookies may look as they like.

    Of two, the first: browsers send that of the more specific path first (RFC 6265, section 5.4).
    """
    if COOKIE not in header:
        return None
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return next((value for name, _, value in pairs if name == COOKIE), None)
