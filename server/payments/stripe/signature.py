"""Stripe-Signature: `t=seconds,v1=hex[,v1=hex…]`, HMAC-SHA256 over `t.body` with the endpoint's secret.

The library's own check takes text: a header that is not ASCII or a body that is not UTF-8 makes it raise what
nobody expects, and it takes any time in the future. This one works on bytes, and time is an argument.
https://docs.stripe.com/webhooks#verify-manually
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

Reason = Literal["missing", "malformed", "too_old", "in_the_future", "wrong"]

TOLERANCE_SECONDS: Final = 300
SIGNATURES_AT_MOST: Final = 16
_DIGITS_AT_MOST: Final = 12


class BadSignature(Exception):
    """The delivery is not Stripe's, or not of now."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Signature:
    """What the header claims: when, as it was written, and what the body hashes to."""

    time: bytes
    candidates: Sequence[bytes] = field(repr=False)


def read_header(headers: Sequence[bytes], now_ms: int) -> Signature:
    """The one header's claim; BadSignature unless it is well-formed and of now, which needs no body."""
    if not headers:
        raise BadSignature("missing")
    times, candidates = _fields(headers)
    if len(times) != 1 or not 1 <= len(candidates) <= SIGNATURES_AT_MOST:
        raise BadSignature("malformed")
    (time,) = times
    if not time.isdigit() or len(time) > _DIGITS_AT_MOST:
        raise BadSignature("malformed")
    age = now_ms / 1000 - int(time)
    if age > TOLERANCE_SECONDS:
        raise BadSignature("too_old")
    if age < -TOLERANCE_SECONDS:
        raise BadSignature("in_the_future")
    return Signature(time, candidates)


def require_genuine(signature: Signature, body: bytes, secrets: Sequence[bytes]) -> None:
    """BadSignature unless one of the secrets (two during a rotation) makes one of the candidates."""
    genuine, signed = False, b"%b.%b" % (signature.time, body)
    for secret in secrets:
        expected = hmac.digest(secret, signed, "sha256").hex().encode()
        for candidate in signature.candidates:
            genuine |= hmac.compare_digest(expected, candidate)
    if not genuine:
        raise BadSignature("wrong")


def _fields(headers: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
    times: list[bytes] = []
    candidates: list[bytes] = []
    for part in b",".join(headers).split(b","):
        name, _, value = part.strip().partition(b"=")
        if name == b"t":
            times.append(value)
        elif name == b"v1":
            candidates.append(value)
    return times, candidates
