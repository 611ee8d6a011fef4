"""Keys of a real provider: rotation, outages and answers that must not be believed (rows 90 to 94)."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from server.accounts.jwks import AGAIN_SECONDS, BODY_LIMIT, FRESH_SECONDS, KeySet
from server.accounts.users import Users
from server.errors import Unauthorized, Unavailable
from server.settings import Settings
from tests.accounts.provider import Provider, certified, jwk_of, open_provider, response

NOW = 1_774_000_000
CLAIMS: dict[str, Any] = {"sub": "ann", "roles": ["owner"], "exp": NOW + 60}


class Seconds:
    """A monotonic clock that moves when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with open_provider() as opened:
        opened.issues("one")
        yield opened


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


@pytest.fixture
async def users(provider: Provider, clock: Seconds) -> AsyncIterator[Users]:
    found = Users(Settings(), KeySet(provider.url, clock=clock))
    yield found
    await found.close()


async def who(users: Users, token: str) -> str:
    return (await users.verify(token, NOW * 1000)).id


async def test_both_kinds_of_keys_are_taken_and_fetched_once(provider: Provider, users: Users) -> None:
    provider.issues("rsa", rsa.generate_private_key(65537, 2048))
    for kid in ("one", "rsa", "one"):
        assert await who(users, provider.sign(CLAIMS, kid)) == "ann"
    assert provider.asked == 1


async def test_over_https_only_a_known_certificate_will_do(tmp_path: Path) -> None:
    server, trusting = certified(tmp_path)
    async with open_provider(server) as provider:
        provider.issues("one")
        token = provider.sign(CLAIMS, "one")
        for context, known in ((trusting, True), (ssl.create_default_context(), False)):
            users = Users(Settings(), KeySet(provider.url, client=httpx.AsyncClient(verify=context)))
            try:
                assert await who(users, token) == "ann"
                assert known
            except Unavailable:
                assert not known
            finally:
                await users.close()


async def test_a_new_key_is_fetched_once_for_all_who_bring_it(provider: Provider, users: Users) -> None:
    assert await who(users, provider.sign(CLAIMS, "one")) == "ann"
    clock: Seconds = users._keys._clock  # type: ignore[attr-defined]  # the test's own
    clock.move(AGAIN_SECONDS)
    provider.issues("two")
    provider.gate.clear()
    waiting = [asyncio.create_task(who(users, provider.sign(CLAIMS, "two"))) for _ in range(20)]
    await asyncio.sleep(0)
    provider.gate.set()
    assert set(await asyncio.gather(*waiting)) == {"ann"}
    assert provider.asked == 2


async def test_unknown_keys_do_not_make_us_ask_and_ask(
    provider: Provider, users: Users, clock: Seconds
) -> None:
    foreign = ec.generate_private_key(ec.SECP256R1())
    for number in range(30):
        token = jwt.encode(CLAIMS, foreign, algorithm="ES256", headers={"kid": f"made up {number}"})
        with pytest.raises(Unauthorized):
            await who(users, token)
    assert provider.asked == 1
    clock.move(AGAIN_SECONDS)
    with pytest.raises(Unauthorized):
        await who(users, token)
    assert provider.asked == 2


async def test_a_key_that_was_taken_back_is_good_no_longer(
    provider: Provider, users: Users, clock: Seconds
) -> None:
    token = provider.sign(CLAIMS, "one")
    assert await who(users, token) == "ann"
    del provider.keys["one"]
    provider.issues("two")
    clock.move(FRESH_SECONDS)
    assert await who(users, token) == "ann"  # the old ones still serve while the new are fetched
    await users._keys._fetching  # type: ignore[attr-defined]  # as it would end by itself
    with pytest.raises(Unauthorized):
        await who(users, token)
    assert await who(users, provider.sign(CLAIMS, "two")) == "ann"


async def test_while_the_provider_is_away_the_old_keys_go_on(clock: Seconds) -> None:
    async with open_provider() as provider:
        provider.issues("one")
        users = Users(Settings(), KeySet(provider.url, clock=clock))
        assert await who(users, provider.sign(CLAIMS, "one")) == "ann"
    clock.move(10 * FRESH_SECONDS)
    for _ in range(3):
        assert await who(users, provider.sign(CLAIMS, "one")) == "ann"
        await users._keys._fetching  # type: ignore[attr-defined]  # its failure is known then
        clock.move(AGAIN_SECONDS)
    provider.issues("two")
    with pytest.raises(Unavailable):
        await who(users, provider.sign(CLAIMS, "two"))
    port = int(provider.url.rpartition(":")[2].partition("/")[0])
    async with open_provider(port=port) as again:
        again.keys = provider.keys
        clock.move(AGAIN_SECONDS)
        assert await who(users, again.sign(CLAIMS, "two")) == "ann"
    await users.close()


def elsewhere(provider: Provider) -> dict[str, bytes]:
    keys = b'{"keys": []}'
    good = provider._published()
    return {
        "an error": response(b"", "503 Service Unavailable"),
        "compressed": response(gzip.compress(keys), "200 OK", "Content-Encoding: gzip"),
        "too long": response(b" " * (BODY_LIMIT + 1)),
        "no keys": response(keys),
        "a page": response(b"<!doctype html>"),
        "no HTTP": b"hello\r\n\r\n",
        "cut short": good[:-10],
    }


@pytest.mark.parametrize("kind", list(elsewhere(Provider())))
async def test_other_answers_are_no_keys(provider: Provider, users: Users, clock: Seconds, kind: str) -> None:
    token, answer = provider.sign(CLAIMS, "one"), elsewhere(provider)[kind]
    provider.answer = lambda: answer
    with pytest.raises(Unavailable):
        await who(users, token)
    with pytest.raises(Unavailable):  # and nobody is asked again at once
        await who(users, token)
    assert provider.asked == 1
    provider.answer = provider._published
    clock.move(AGAIN_SECONDS)
    assert await who(users, token) == "ann"


async def test_no_way_elsewhere_is_followed(provider: Provider, users: Users) -> None:
    async with open_provider() as other:
        other.keys = provider.keys
        keys = provider._published().partition(b"\r\n\r\n")[2]
        provider.answer = lambda: response(keys, "302 Found", f"Location: {other.url}")
        with pytest.raises(Unavailable):
            await who(users, provider.sign(CLAIMS, "one"))
        assert other.asked == 0


async def test_a_provider_that_never_answers_keeps_nobody(
    provider: Provider, users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.accounts.jwks.FETCH_SECONDS", 0.05)
    provider.gate.clear()
    with pytest.raises(Unavailable):
        await who(users, provider.sign(CLAIMS, "one"))


async def test_90_to_93_a_token_chooses_nothing_but_the_key(provider: Provider, users: Users) -> None:
    """Rows 90 (none), 91 (HS256 by the public key), 92 (kid) and 93 (keys it brings itself)."""
    rsa_key = rsa.generate_private_key(65537, 2048)
    provider.issues("rsa", rsa_key)
    assert await who(users, provider.sign(CLAIMS, "rsa")) == "ann"
    pem = rsa_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    own = ec.generate_private_key(ec.SECP256R1())
    brought = {"jwk": jwk_of(own, "one"), "jku": provider.url, "x5u": provider.url, "x5c": ["MIIB"]}
    as_hmac = jwt.get_algorithm_by_name("HS256")
    head = jwt.encode(CLAIMS, "x" * 40, algorithm="HS256", headers={"kid": "rsa"}).rpartition(".")[0]
    forged = {
        "none": jwt.encode(CLAIMS, "", algorithm="none", headers={"kid": "rsa"}),
        "HS256": f"{head}.{jwt.utils.base64url_encode(as_hmac.sign(head.encode(), pem)).decode()}",
        "RS512": jwt.encode(CLAIMS, rsa_key, algorithm="RS512", headers={"kid": "rsa"}),
        "PS256": jwt.encode(CLAIMS, rsa_key, algorithm="PS256", headers={"kid": "rsa"}),
        "another kind's kid": jwt.encode(CLAIMS, rsa_key, algorithm="RS256", headers={"kid": "one"}),
        "a key it brings": jwt.encode(CLAIMS, own, algorithm="ES256", headers={"kid": "one", **brought}),
        "a path": jwt.encode(CLAIMS, own, algorithm="ES256", headers={"kid": "../../../dev/null"}),
        "an address": jwt.encode(CLAIMS, own, algorithm="ES256", headers={"kid": provider.url}),
        "SQL": jwt.encode(CLAIMS, own, algorithm="ES256", headers={"kid": "' or 1=1 --"}),
        "no kid among several": jwt.encode(CLAIMS, rsa_key, algorithm="RS256"),
        "words": "not a token",
    }
    for token in forged.values():
        with pytest.raises(Unauthorized):
            await who(users, token)
    assert provider.asked == 1
    assert await who(users, provider.sign(CLAIMS, "rsa", **brought)) == "ann"
    assert provider.asked == 1


async def test_the_only_key_needs_no_name(provider: Provider, users: Users) -> None:
    token = jwt.encode(CLAIMS, provider.keys["one"], algorithm="ES256")
    assert await who(users, token) == "ann"


async def test_94_issuer_and_audience_are_what_was_configured(provider: Provider) -> None:
    settings = Settings(jwt_issuer="https://id.example/", jwt_audience="tickets")
    users = Users(settings, KeySet(provider.url))
    good = {**CLAIMS, "iss": "https://id.example/", "aud": ["tickets", "more"]}
    assert await who(users, provider.sign(good, "one")) == "ann"
    changes: list[dict[str, Any]] = [
        {"iss": "https://id.example"},
        {"iss": ["https://id.example/"]},
        {"iss": None},
        {"aud": "holdfast"},
        {"aud": None},
        {"aud": []},
        {"aud": {"tickets": 1}},
    ]
    for wrong in changes:
        claims = {name: value for name, value in {**good, **wrong}.items() if value is not None}
        with pytest.raises(Unauthorized):
            await who(
                users, jwt.api_jws.encode(_bytes(claims), provider.keys["one"], "ES256", {"kid": "one"})
            )
    await users.close()


def _bytes(claims: dict[str, Any]) -> bytes:
    """PyJWT itself would refuse some of them."""
    return httpx.Request("POST", "http://x", json=claims).content


async def test_a_shared_secret_signs_nothing_where_keys_are_published(users: Users) -> None:
    with pytest.raises(Unauthorized):
        await who(users, jwt.encode(CLAIMS, "a-shared-secret-of-32-characters-or-more", algorithm="HS256"))
