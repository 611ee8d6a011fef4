"""A browser and its push service, written from RFC 8030, 8188, 8291 and 8292: nothing of ours decrypts."""

import base64
import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.receiver import Received, response

BODY_LIMIT = 4096


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def decrypt(body: bytes, private: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """One record of RFC 8188 with the key of RFC 8291, section 3.4."""
    salt, size, key_length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
    sender, sealed = body[21 : 21 + key_length], body[21 + key_length :]
    assert len(sealed) <= size
    shared = private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
    keys = point(private.public_key()) + sender
    secret = HKDF(hashes.SHA256(), 32, auth, b"WebPush: info\0" + keys).derive(shared)
    key = HKDF(hashes.SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(secret)
    nonce = HKDF(hashes.SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(secret)
    padded = AESGCM(key).decrypt(nonce, sealed, None)
    plain, delimiter, _ = padded.rpartition(b"\x02")
    assert delimiter
    return plain


@dataclass
class Browser:
    """Subscribed at `endpoint` for the pushes of one server's key."""

    endpoint: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    def subscription(self) -> dict[str, Any]:
        """What `PushSubscription.toJSON()` gives a page."""
        keys = {"p256dh": b64(point(self.key.public_key())), "auth": b64(self.auth)}
        return {"endpoint": self.endpoint, "expirationTime": None, "keys": keys}

    def reads(self, request: Received) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(decrypt(request.body, self.key, self.auth))
        return shown


@dataclass
class PushService:
    """Answers as a push service does: 201 for a push of `server_key` (None: of anybody's), else a refusal."""

    origin: str = ""
    server_key: str | None = None
    now: float = 0.0
    trouble: bytes | None = None
    claims: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, request: Received) -> bytes:
        if self.trouble is not None:
            return self.trouble
        if not request.headers.get("ttl", "").isdigit():
            return response(400)
        if request.headers.get("content-encoding") != "aes128gcm" or len(request.body) > BODY_LIMIT:
            return response(413)
        if len(request.headers.get("topic", "")) > 32:
            return response(400)
        return response(201) if self._knows(request.headers.get("authorization", "")) else response(403)

    def _knows(self, authorization: str) -> bool:
        scheme, _, rest = authorization.partition(" ")
        pairs = dict(part.strip().split("=", 1) for part in rest.split(","))
        if scheme != "vapid" or (self.server_key or pairs["k"]) != pairs["k"]:
            return False
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(pairs["k"]))
        try:
            claims = jwt.decode(
                pairs["t"], public, algorithms=["ES256"], audience=self.origin, options={"verify_exp": False}
            )
        except jwt.PyJWTError:
            return False
        self.claims.append(claims)
        subject = urlsplit(claims["sub"])
        return self.now < claims["exp"] <= self.now + 86_400 and subject.scheme in {"mailto", "https"}
