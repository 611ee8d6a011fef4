"""A receiver's side of Standard Webhooks, written from the specification alone, with nothing of ours."""

import base64
import hashlib
import hmac
from collections.abc import Mapping

TOLERANCE_SECONDS = 300


class Refused(Exception):
    """The delivery is not from whom it says, not whole or not of now."""


def verify(body: bytes, headers: Mapping[str, str], secret: str, *, now: float) -> None:
    identity, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
    if not timestamp.isdigit() or abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise Refused("not of now")
    kind, _, encoded = secret.partition("_")
    assert kind == "whsec"
    digest = hmac.new(
        base64.b64decode(encoded), f"{identity}.{timestamp}.".encode() + body, hashlib.sha256
    ).digest()
    for signature in headers["webhook-signature"].split(" "):
        version, _, value = signature.partition(",")
        if version == "v1" and hmac.compare_digest(value.encode(), base64.b64encode(digest)):
            return
    raise Refused("no signature fits")
