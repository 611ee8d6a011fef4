"""Who is asking: a session, and the user it is bound to when somebody signed in."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["buyer", "owner", "operator", "display"]


@dataclass(frozen=True, slots=True)
class Caller:
    """A request's or socket's identity, already proven.

    `session` is "" for a caller with a JWT and no session; `by_cookie` asks for the CSRF token on changes.
    """

    session: str
    user: str | None = None
    name: str | None = None
    roles: frozenset[Role] = frozenset()
    by_cookie: bool = False
