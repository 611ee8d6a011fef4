"""Keys that verify users' tokens, and how a JSON Web Key Set becomes them (RFC 7517, 7518). Pure.

The algorithm is the key's: an RSA key verifies RS256, one on the curve P-256 verifies ES256, and a key that
says anything else of itself is left out.
"""

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

MOST_KEYS: Final = 100
RSA_BITS: Final = range(2048, 8192 + 1)
_MOST_DIGITS: Final = 2048


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A key and the only algorithm it is used with."""

    algorithm: str
    key: Any


class KeySetError(Exception):
    """What was fetched is no set of keys, or has none that can be used."""


class _Jwk(msgspec.Struct, frozen=True):
    """One key as it is published. Members of no use here are not read; `d` would be a private one's."""

    kty: str
    kid: str | None = None
    use: str | None = None
    key_ops: tuple[str, ...] | None = None
    alg: str | None = None
    crv: str | None = None
    n: str = ""
    e: str = ""
    x: str = ""
    y: str = ""
    d: str | None = None


class _Set(msgspec.Struct, frozen=True):
    keys: tuple[msgspec.Raw, ...]


def read_keys(body: bytes) -> Mapping[str | None, VerifyingKey]:
    """The usable keys by `kid`, the first of each; raise KeySetError where there is none."""
    try:
        published = msgspec.json.decode(body, type=_Set).keys
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise KeySetError(f"the provider's answer is no key set: {error}") from None
    found: dict[str | None, VerifyingKey] = {}
    for raw in published[:MOST_KEYS]:
        kid, key = _read(raw)
        if key is not None:
            found.setdefault(kid, key)
    if not found:
        raise KeySetError("the provider publishes no key for RS256 or ES256")
    return found


def _read(raw: msgspec.Raw) -> tuple[str | None, VerifyingKey | None]:
    """One key, or none where it is of another kind, another use, weak or broken: the others go on."""
    try:
        jwk = msgspec.json.decode(raw, type=_Jwk)
        return jwk.kid, _key(jwk) if _verifies(jwk) else None
    except (msgspec.DecodeError, ValueError):
        return None, None


def _verifies(jwk: _Jwk) -> bool:
    return jwk.d is None and jwk.use in {None, "sig"} and (jwk.key_ops is None or "verify" in jwk.key_ops)


def _key(jwk: _Jwk) -> VerifyingKey | None:
    if jwk.kty == "RSA" and jwk.alg in {None, "RS256"}:
        numbers = RSAPublicNumbers(_number(jwk.e), _number(jwk.n))
        public = numbers.public_key()
        return VerifyingKey("RS256", public) if public.key_size in RSA_BITS else None
    if jwk.kty == "EC" and jwk.crv == "P-256" and jwk.alg in {None, "ES256"}:
        point = EllipticCurvePublicNumbers(_number(jwk.x), _number(jwk.y), SECP256R1())
        return VerifyingKey("ES256", point.public_key())
    return None


def _number(text: str) -> int:
    """A Base64urlUInt (RFC 7518, section 2)."""
    if not text or len(text) > _MOST_DIGITS:
        raise ValueError("no number, or one too long")
    return int.from_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
