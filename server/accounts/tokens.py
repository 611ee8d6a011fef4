"""Session tokens: signed, self-contained, of no cost to us until the first hold. Pure; time is an argument.

    holdfast1.<key id>.<kind>.<session>.<expires at, seconds>.<HMAC-SHA256 of all before it>

`kind` is `a` for an anonymous session, `u` for one that needs its user's JWT beside it. SECRET_KEY may name
several keys, parted by blanks: the first signs, all verify, so that a change of key ends no session.
"""

import hashlib
import hmac
import re
import secrets
from binascii import b2a_base64
from dataclasses import dataclass
from typing import Final, Literal

from server.errors import TokenExpired, Unauthorized

PREFIX: Final = "holdfast1."
SESSION_SECONDS: Final = 30 * 24 * 3600
TOKEN_LIMIT: Final = 8_192
_SHAPE = re.compile(
    r"holdfast1\.([0-9a-f]{8})\.([au])\.([A-Za-z0-9_-]{22})\.([0-9]{1,12})\.([A-Za-z0-9_-]{43})"
)
_FOR_ADDRESSES: Final = bytes.maketrans(b"+/", b"-_")

Kind = Literal["a", "u"]


@dataclass(frozen=True, slots=True)
class SessionToken:
    """A verified token: its session, whether that needs a user, and its end in milliseconds."""

    session: str
    needs_user: bool
    expires_at: int


class Signer:
    """Signs and verifies with the keys of SECRET_KEY, one derived key for each purpose."""

    def __init__(self, secret_key: str) -> None:
        if not secret_key.split():
            raise ValueError("SECRET_KEY is empty")
        self._derived = {
            (_key_id(key), purpose): _derived(key, purpose)
            for key in secret_key.split()
            for purpose in ("session", "csrf")
        }
        self._keys = [key for key, purpose in self._derived if purpose == "session"]
        self._first = self._keys[0]

    def sign(self, session: str, *, needs_user: bool, expires_at: int) -> str:
        """A token for `session` until `expires_at` (ms, rounded down to the second)."""
        kind: Kind = "u" if needs_user else "a"
        text = f"{PREFIX}{self._first}.{kind}.{session}.{expires_at // 1000}"
        return f"{text}.{self._mac(self._first, 'session', text)}"

    def verify(self, token: str, now: int) -> SessionToken:
        """What `token` says; Unauthorized unless we signed it, TokenExpired if its time is over."""
        found = _SHAPE.fullmatch(token)
        if found is None or found[1] not in self._keys:
            raise Unauthorized
        text, _, mac = token.rpartition(".")
        if not hmac.compare_digest(mac, self._mac(found[1], "session", text)):
            raise Unauthorized
        expires_at = int(found[4]) * 1000
        if expires_at <= now:
            raise TokenExpired
        return SessionToken(found[3], needs_user=found[2] == "u", expires_at=expires_at)

    def csrf(self, session: str) -> str:
        """The session's CSRF token: derived, so that it is stored nowhere."""
        return self._mac(self._first, "csrf", session)

    def csrf_holds(self, session: str, token: str) -> bool:
        """Whether `token` is the session's CSRF token under any of the keys."""
        given = token.encode("utf-8", "replace")
        found = [hmac.compare_digest(given, self._mac(key, "csrf", session).encode()) for key in self._keys]
        return any(found)

    def _mac(self, key_id: str, purpose: str, text: str) -> str:
        return _text(hmac.digest(self._derived[key_id, purpose], text.encode(), "sha256"))


def _derived(key: str, purpose: str) -> bytes:
    return hmac.digest(key.encode(), purpose.encode(), "sha256")


def _key_id(key: str) -> str:
    return hashlib.sha256(b"holdfast key id " + key.encode()).hexdigest()[:8]


def new_session() -> str:
    """An id of 128 random bits, in 22 characters."""
    return _text(secrets.token_bytes(16))


def _text(data: bytes) -> str:
    """Base64 for addresses, without padding (RFC 4648, section 5)."""
    return b2a_base64(data, newline=False).translate(_FOR_ADDRESSES, b"=").decode()
