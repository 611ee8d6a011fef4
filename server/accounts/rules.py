"""Who is asking: a session, and the user it is bound to when somebody signed in."""

from dataclasses import dataclass, field
from typing import Literal, get_args

import msgspec

Role = Literal["buyer", "owner", "operator", "display"]
ROLES: frozenset[str] = frozenset(get_args(Role))


@dataclass(frozen=True, slots=True)
class Caller:
    """A request's or socket's identity, already proven.

    `session` is "" for a caller with a JWT and no session; `by_cookie` asks for the CSRF token on changes.
    `expires_at` (ms) is when the proof ends; 0 where nobody asks.
    """

    session: str
    user: str | None = None
    name: str | None = None
    roles: frozenset[Role] = frozenset()
    by_cookie: bool = False
    expires_at: int = field(default=0, compare=False)

    @property
    def only_watches(self) -> bool:
        """A wall screen: it reads and subscribes and changes nothing."""
        return self.roles == {"display"}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody shows: a session's token or a JWT, the session's token beside a JWT, a session cookie."""

    token: str | None = None
    session: str | None = None
    cookie: str | None = None


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A valid JWT's claims; `expires_at` in milliseconds."""

    id: str
    name: str | None
    roles: frozenset[Role]
    expires_at: int


class Opened(msgspec.Struct, frozen=True):
    """A session as its owner gets it; `expires_at` in milliseconds."""

    session: str
    token: str
    expires_at: int
    user: str | None = None
