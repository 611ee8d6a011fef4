"""Web Push's encryption (RFC 8291): only the browser that subscribed can read what a push service carries."""

from dataclasses import dataclass, field
from typing import Final, Self

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec

from server.notices.channels.vapid import from_base64url

# A push service takes 4096 bytes: 86 of header, 16 of tag and 1 of padding leave this.
PLAIN_LIMIT: Final = 3993
_RECORD: Final = 4096
_AUTH_BYTES: Final = 16


class BadSubscription(ValueError):
    """The keys are none that a browser makes; the message names the field."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True, slots=True)
class BrowserKeys:
    """What a browser encrypts by: its public point and the secret that only it and we know."""

    point: bytes
    auth: bytes = field(repr=False)

    @classmethod
    def read(cls, p256dh: str, auth: str) -> Self:
        """From base64url, as `PushSubscription.toJSON()` has them; BadSubscription."""
        try:
            point = from_base64url(p256dh)
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        except ValueError:
            raise BadSubscription("keys.p256dh", "is a point on P-256 in base64url") from None
        try:
            secret = from_base64url(auth)
        except ValueError:
            secret = b""
        if len(secret) != _AUTH_BYTES:
            raise BadSubscription("keys.auth", "has 16 bytes in base64url")
        return cls(point, secret)

    def encrypt(self, plain: bytes) -> bytes:
        """The body of a push, `Content-Encoding: aes128gcm`; each has a key and a salt of its own."""
        if len(plain) > PLAIN_LIMIT:
            raise ValueError(f"a push has at most {PLAIN_LIMIT} bytes")
        ours = ec.generate_private_key(ec.SECP256R1())
        sealed: bytes = http_ece.encrypt(
            plain,
            private_key=ours,
            dh=self.point,
            auth_secret=self.auth,
            rs=_RECORD,
            version="aes128gcm",
        )
        return sealed
