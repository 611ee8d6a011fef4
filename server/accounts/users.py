"""Users, as a JWT names them. The algorithm is pinned by configuration, never by the token."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

import jwt

from server.accounts.jwks import KeySet
from server.accounts.keys import VerifyingKey
from server.accounts.rules import ROLES, Role, User
from server.accounts.tokens import TOKEN_LIMIT
from server.errors import TokenExpired, Unauthorized
from server.settings import Settings

AUDIENCE: Final = "holdfast"
_LEEWAY_SECONDS: Final = 10
_LAST_SECOND: Final = 253_402_300_799  # the end of the year 9999
_UNCHECKED = {f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}


class Keys(Protocol):
    """Where the key that a token must be signed with comes from."""

    async def key(self, token: str) -> VerifyingKey:
        """The key for `token`, with its algorithm; Unauthorized if there is none."""

    async def close(self) -> None:
        """Let go of everything."""


class SharedSecret:
    """HS256 with JWT_SECRET. Headers that offer other keys (`kid jku x5u jwk`) are never read."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    async def key(self, _token: str) -> VerifyingKey:
        """The secret; Unauthorized where none is configured."""
        if not self._secret:
            raise Unauthorized("no users are known here")
        return VerifyingKey("HS256", self._secret)

    async def close(self) -> None:
        """There is nothing to let go of."""


def keys_of(settings: Settings) -> Keys:
    """The provider's keys where it has an address, else the shared secret; never both."""
    if settings.jwt_jwks_url:
        return KeySet(settings.jwt_jwks_url)
    return SharedSecret(settings.jwt_secret)


class Users:
    """Verifies JWTs: signature by `keys`, then every claim by its type and time."""

    def __init__(self, settings: Settings, keys: Keys) -> None:
        own = settings.jwt_audience
        self._audiences = {own} if own else {AUDIENCE, settings.public_url} - {""}
        self._needs_audience = bool(own)
        self._issuer = settings.jwt_issuer
        self._keys = keys

    async def close(self) -> None:
        """Let go of where the keys come from."""
        await self._keys.close()

    async def verify(self, token: str, now: int) -> User:
        """The user `token` names at `now` (ms); Unauthorized or TokenExpired."""
        if len(token) > TOKEN_LIMIT:
            raise Unauthorized("the token is too long")
        return self._user(await self._claims(token), now // 1000)

    async def _claims(self, token: str) -> Mapping[str, Any]:
        key = await self._keys.key(token)
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm],
                options=_UNCHECKED,  # type: ignore[arg-type]  # a plain dict is a fine set of options
            )
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise Unauthorized from None
        return claims

    def _user(self, claims: Mapping[str, Any], now: int) -> User:
        expires = _second(claims, "exp")
        if expires is None or not isinstance(claims.get("sub"), str):
            raise Unauthorized("the token says neither who nor until when")
        if expires <= now - _LEEWAY_SECONDS:
            raise TokenExpired
        if any((_second(claims, name) or 0) > now + _LEEWAY_SECONDS for name in ("nbf", "iat")):
            raise Unauthorized("the token is not valid yet")
        if not self._for_us(claims.get("aud")):
            raise Unauthorized("the token is meant for somebody else")
        if self._issuer and claims.get("iss") != self._issuer:
            raise Unauthorized("the token is somebody else's")
        return User(
            id=_text(claims["sub"], 255),
            name=None if claims.get("name") is None else _text(claims["name"], 200),
            roles=_roles(claims.get("roles")),
            expires_at=expires * 1000,
        )

    def _for_us(self, audience: Any) -> bool:
        if audience is None:
            return not self._needs_audience
        named = audience if isinstance(audience, list) else [audience]
        return any(isinstance(name, str) and name in self._audiences for name in named)


def _second(claims: Mapping[str, Any], name: str) -> int | None:
    """A NumericDate (RFC 7519, section 2), which may have a fraction: rounded down."""
    value = claims.get(name)
    if value is None:
        return None
    if type(value) not in {int, float} or not 0 <= value <= _LAST_SECOND:  # NaN is in no range
        raise Unauthorized(f"the token's {name} is not a time")
    return int(value)


def _text(value: Any, limit: int) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= limit or not value.isprintable():
        raise Unauthorized("the token's claims are not usable")
    return value


def _roles(value: Any) -> frozenset[Role]:
    named = [] if value is None else value
    if not isinstance(named, list) or not all(isinstance(role, str) for role in named):
        raise Unauthorized("the token's roles are not a list of names")
    return frozenset(role for role in named if role in ROLES)


def mint(
    secret: str,
    *,
    user: str,
    now: int,
    name: str | None = None,
    roles: Iterable[Role] = (),
    seconds: int = 86_400,
) -> str:
    """A JWT for `user` from `now` (ms) for `seconds`, as `holdfast token` makes it.

    Raises ValueError where there is no secret to sign it with.
    """
    if not secret:
        raise ValueError("JWT_SECRET is empty; users' tokens are signed with it")
    claims = {
        "sub": user,
        "name": name,
        "roles": sorted(roles),
        "iat": now // 1000,
        "exp": now // 1000 + seconds,
    }
    given = {key: value for key, value in claims.items() if value is not None}
    return jwt.encode(given, secret, algorithm="HS256")
