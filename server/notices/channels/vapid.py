"""VAPID (RFC 8292): a push service learns from a signed token which server a push is from.

The key is a point on P-256; browsers get its public half when they subscribe, and take no other pushes.
"""

import base64
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

TOKEN_SECONDS: Final = 12 * 3600  # push services refuse tokens of more than a day
_KEY_BYTES: Final = 32


class BadKey(ValueError):
    """The text is no private key."""


@dataclass(frozen=True, slots=True)
class VapidKey:
    """A key pair; `public` is what `pushManager.subscribe` takes as `applicationServerKey`."""

    _private: ec.EllipticCurvePrivateKey = field(repr=False)
    public: str

    @classmethod
    def read(cls, text: str) -> Self:
        """From the private number in base64url, as web-push tools write it; BadKey."""
        try:
            number = from_base64url(text)
            if len(number) != _KEY_BYTES:
                raise BadKey("has 32 bytes in base64url, 43 characters")
            private = ec.derive_private_key(int.from_bytes(number, "big"), ec.SECP256R1())
        except ValueError as error:
            raise BadKey("has 32 bytes in base64url, 43 characters") from error
        return cls(private, to_base64url(point_of(private.public_key())))

    def authorization(self, endpoint: str, subject: str, now_ms: int) -> str:
        """The Authorization header of a push; `subject` is `mailto:…`, `https://…` or "" for none."""
        parts = urlsplit(endpoint)
        claims: dict[str, object] = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": now_ms // 1000 + TOKEN_SECONDS,
        }
        if subject:
            claims["sub"] = subject
        return f"vapid t={jwt.encode(claims, self._private, algorithm='ES256')}, k={self.public}"


def new_private_key() -> str:
    """A fresh private number in base64url."""
    private = ec.generate_private_key(ec.SECP256R1())
    return to_base64url(private.private_numbers().private_value.to_bytes(_KEY_BYTES, "big"))


def point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    """The 65 bytes of an uncompressed point."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def to_base64url(data: bytes) -> str:
    """Without padding, as all of Web Push has it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """With or without padding; ValueError for anything else."""
    stripped = text.rstrip("=")
    return base64.b64decode(stripped + "=" * (-len(stripped) % 4), altchars=b"-_", validate=True)
