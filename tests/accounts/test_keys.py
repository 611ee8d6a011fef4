"""Which published keys are used, and for what: a key's own kind decides; weak and odd ones are left out."""

from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from server.accounts.keys import MOST_KEYS, KeySetError, read_keys
from tests.accounts.provider import jwk_of

CURVE = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
GOOD = jwk_of(CURVE, "good")


def published(*keys: Any) -> bytes:
    return msgspec.json.encode({"keys": keys})


def test_the_kind_of_a_key_says_what_it_verifies() -> None:
    found = read_keys(published(jwk_of(RSA, "r"), jwk_of(CURVE, "e"), jwk_of(CURVE, "named", alg="ES256")))
    assert {kid: key.algorithm for kid, key in found.items()} == {
        "r": "RS256",
        "e": "ES256",
        "named": "ES256",
    }


LEFT_OUT: dict[str, Any] = {
    "a shared secret": {"kty": "oct", "kid": "x", "k": "c2VjcmV0", "alg": "HS256"},
    "another algorithm": jwk_of(RSA, "x", alg="RS1"),
    "an HMAC by an RSA key": jwk_of(RSA, "x", alg="HS256"),
    "no algorithm at all": jwk_of(RSA, "x", alg="none"),
    "an encryption key": jwk_of(RSA, "x", use="enc"),
    "a key that may not verify": jwk_of(RSA, "x", key_ops=["encrypt"]),
    "a private key": jwk_of(CURVE, "x", d="c2VjcmV0"),
    "a short key": jwk_of(rsa.generate_private_key(65537, 1024), "x"),
    "an endless key": {"kty": "RSA", "kid": "x", "n": "_" * 5_000, "e": "AQAB"},
    "a key of 10 000 bits": {"kty": "RSA", "kid": "x", "n": "_" * 1_700, "e": "AQAB"},
    "an exponent of 1": {**jwk_of(RSA, "x"), "e": "AQ"},
    "another curve": jwk_of(CURVE, "x", crv="P-384"),
    "a point beside the curve": {**GOOD, "kid": "x", "y": GOOD["x"]},
    "numbers that are none": {**GOOD, "kid": "x", "x": "!"},
    "a kid that is a number": {**GOOD, "kid": 7},
    "no key": 7,
}


@pytest.mark.parametrize("key", LEFT_OUT.values(), ids=LEFT_OUT.keys())
def test_what_is_of_no_use_is_left_out_and_the_others_go_on(key: Any) -> None:
    assert list(read_keys(published(key, GOOD))) == ["good"]
    with pytest.raises(KeySetError):
        read_keys(published(key))


def test_a_kid_that_comes_twice_is_the_first_keys() -> None:
    found = read_keys(published(jwk_of(RSA, "twice"), jwk_of(CURVE, "twice")))
    assert found["twice"].algorithm == "RS256"


def test_a_set_has_an_end() -> None:
    keys = [jwk_of(CURVE, str(number)) for number in range(MOST_KEYS + 1)]
    assert len(read_keys(published(*keys))) == MOST_KEYS


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys": []}', b"\xff", b"[" * 50_000, b"<html>"]
)
def test_what_is_no_set_says_so(body: bytes) -> None:
    with pytest.raises(KeySetError):
        read_keys(body)


@given(st.binary() | st.binary().map(lambda data: b'{"keys":[' + data + b"]}"))
def test_nothing_else_ever_comes_of_it(body: bytes) -> None:
    with pytest.raises(KeySetError):
        read_keys(body)
