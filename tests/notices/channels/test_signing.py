"""Webhook signatures, checked by a reader of the specification's own text and by its published example."""

import base64
import hashlib
import hmac

import pytest

from server.notices.channels.signing import new_secret, signed_headers
from tests.notices.channels.standard_webhooks import Refused, verify

BODY = b'{"test": 2432232314}'
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # published by the Standard Webhooks specification


def test_the_published_example_comes_out() -> None:
    headers = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, BODY, [SECRET])
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_the_key_is_what_the_secret_says_in_base64() -> None:
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    ours = base64.b64encode(hmac.new(key, b"a.1." + BODY, hashlib.sha256).digest()).decode()
    assert signed_headers("a", 1, BODY, [SECRET])["webhook-signature"] == f"v1,{ours}"


def test_a_new_secret_is_32_bytes_and_never_the_same() -> None:
    first, second = new_secret(), new_secret()
    assert first != second
    assert len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 32
    verify(BODY, signed_headers("a", 1000, BODY, [first]), first, now=1000)


def test_in_a_rotation_both_secrets_verify() -> None:
    old, new = new_secret(), new_secret()
    headers = signed_headers("a", 1000, BODY, [new, old])
    verify(BODY, headers, old, now=1000)
    verify(BODY, headers, new, now=1000)
    with pytest.raises(Refused):
        verify(BODY, headers, new_secret(), now=1000)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_whatever_is_changed_does_not_verify(name: str) -> None:
    headers = signed_headers("a", 1000, BODY, [SECRET])
    with pytest.raises(Refused):
        verify(BODY, {**headers, name: headers[name] + "1"}, SECRET, now=1000)
    with pytest.raises(Refused):
        verify(BODY + b" ", headers, SECRET, now=1000)


@pytest.mark.parametrize("now", [1000 - 301, 1000 + 301])
def test_a_replay_is_known_by_its_time(now: int) -> None:
    with pytest.raises(Refused):
        verify(BODY, signed_headers("a", 1000, BODY, [SECRET]), SECRET, now=now)
