"""What only the browser can read: the published example, and ours by the same reader."""

import secrets

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec

from server.notices.channels.push_encryption import PLAIN_LIMIT, BadSubscription, BrowserKeys
from server.notices.channels.vapid import BadKey, VapidKey, new_private_key
from tests.notices.channels.push_service import BODY_LIMIT, Browser, b64, decrypt, unb64

BROWSER = Browser("https://push.example/1")
KEYS = BROWSER.subscription()["keys"]


def test_the_reader_of_these_tests_reads_the_published_example() -> None:
    """RFC 8291, section 5."""
    number = int.from_bytes(unb64("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"), "big")
    body = unb64(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8w"
        "EqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )
    private = ec.derive_private_key(number, ec.SECP256R1())
    plain = decrypt(body, private, unb64("BTBZMqHH6r4Tts7J_aSIgg"))
    assert plain == b"When I grow up, I want to be a watermelon"


@pytest.mark.parametrize("size", [16, 100, PLAIN_LIMIT])
def test_the_browser_reads_what_was_sealed_for_it(size: int) -> None:
    plain = secrets.token_bytes(size)
    sealed = BrowserKeys.read(**KEYS).encrypt(plain)
    assert len(sealed) <= BODY_LIMIT
    assert plain not in sealed
    assert decrypt(sealed, BROWSER.key, BROWSER.auth) == plain


def test_nobody_else_reads_it() -> None:
    sealed = BrowserKeys.read(**KEYS).encrypt(b"hello")
    with pytest.raises(InvalidTag):
        decrypt(sealed, BROWSER.key, secrets.token_bytes(16))


def test_the_same_twice_looks_different() -> None:
    keys = BrowserKeys.read(**KEYS)
    assert keys.encrypt(b"hello") != keys.encrypt(b"hello")


def test_more_than_a_push_carries_is_an_error_of_ours() -> None:
    with pytest.raises(ValueError, match="at most"):
        BrowserKeys.read(**KEYS).encrypt(b"x" * (PLAIN_LIMIT + 1))


BAD_POINTS = ["", "!", "AA", b64(b"\4" + b"\0" * 64), b64(b"\0" * 65), b64(b"\2" * 33 + b"x"), "é" * 87]


@pytest.mark.parametrize("p256dh", BAD_POINTS)
def test_a_point_that_is_none_is_refused(p256dh: str) -> None:
    with pytest.raises(BadSubscription) as refused:
        BrowserKeys.read(p256dh, KEYS["auth"])
    assert refused.value.name == "keys.p256dh"


@pytest.mark.parametrize("auth", ["", "!", b64(b"x" * 15), b64(b"x" * 17), "é" * 22])
def test_a_secret_that_is_none_is_refused(auth: str) -> None:
    with pytest.raises(BadSubscription) as refused:
        BrowserKeys.read(KEYS["p256dh"], auth)
    assert refused.value.name == "keys.auth"


def test_a_key_is_read_as_it_was_made() -> None:
    text = new_private_key()
    key = VapidKey.read(text)
    assert key.public == VapidKey.read(text + "=").public
    assert len(unb64(key.public)) == 65
    assert text not in repr(key)


@pytest.mark.parametrize("text", ["", "x", "=" * 43, "A" * 43, "_" * 43, b64(b"x" * 31), "-----BEGIN"])
def test_a_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadKey):
        VapidKey.read(text)
