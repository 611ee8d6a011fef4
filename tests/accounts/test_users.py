"""Rows 90 to 96 of the bad inputs: whom a JWT proves, and whom it does not."""

from base64 import urlsafe_b64encode
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from server.accounts.users import SharedSecret, Users, mint
from server.errors import TokenExpired, Unauthorized
from server.settings import Settings

SECRET = "a-shared-secret-of-32-characters-or-more"
NOW = 1_774_000_000
CLAIMS: dict[str, Any] = {"sub": "ann", "name": "Ann", "roles": ["buyer", "owner"], "exp": NOW + 60}


@pytest.fixture
def users() -> Users:
    return Users(Settings(public_url="https://tickets.example"), SharedSecret(SECRET))


def signed(
    claims: Any, *, headers: dict[str, Any] | None = None, algorithm: str = "HS256", key: Any = SECRET
) -> str:
    return jwt.encode(claims, key, algorithm=algorithm, headers=headers)


def raw(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = (msgspec.json.encode(header), msgspec.json.encode(claims), signature)
    return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


async def test_a_good_token_names_its_user(users: Users) -> None:
    user = await users.verify(signed(CLAIMS), NOW * 1000)
    assert (user.id, user.name, user.roles) == ("ann", "Ann", frozenset({"buyer", "owner"}))
    assert user.expires_at == (NOW + 60) * 1000


async def test_what_is_minted_is_taken(users: Users) -> None:
    token = mint(SECRET, user="kiosk-1", now=NOW * 1000, roles=["display"], seconds=30)
    user = await users.verify(token, (NOW + 29) * 1000)
    assert (user.id, user.name, user.roles) == ("kiosk-1", None, frozenset({"display"}))


def test_nothing_is_minted_without_a_secret() -> None:
    with pytest.raises(ValueError, match="JWT_SECRET"):
        mint("", user="ann", now=0)


async def test_a_token_for_us_may_say_so(users: Users) -> None:
    for audience in ("holdfast", "https://tickets.example", ["elsewhere", "holdfast"]):
        assert (await users.verify(signed({**CLAIMS, "aud": audience}), NOW * 1000)).id == "ann"


async def test_roles_that_nobody_knows_are_left_out(users: Users) -> None:
    assert (await users.verify(signed({**CLAIMS, "roles": ["root", "buyer"]}), NOW * 1000)).roles == {"buyer"}
    assert (await users.verify(signed({"sub": "ann", "exp": NOW + 1}), NOW * 1000)).roles == frozenset()


async def test_clocks_may_differ_by_a_little(users: Users) -> None:
    late = {**CLAIMS, "exp": NOW - 9, "nbf": NOW + 9, "iat": NOW + 9}
    assert (await users.verify(signed(late), NOW * 1000)).id == "ann"


async def test_times_may_have_fractions(users: Users) -> None:
    user = await users.verify(
        signed({**CLAIMS, "exp": NOW + 60.9, "iat": NOW - 0.5, "nbf": NOW - 0.25}), NOW * 1000
    )
    assert user.expires_at == (NOW + 60) * 1000
    for never in (float("nan"), float("inf")):
        with pytest.raises(Unauthorized, match="exp is not a time"):
            await users.verify(signed({**CLAIMS, "exp": never}), NOW * 1000)


async def test_a_token_ends(users: Users) -> None:
    with pytest.raises(TokenExpired):
        await users.verify(signed({**CLAIMS, "exp": NOW - 10}), NOW * 1000)


REFUSED: dict[str, dict[str, Any]] = {
    "no exp": {"exp": None},
    "exp as text": {"exp": str(NOW + 60)},
    "exp before all years by a fraction": {"exp": -0.5},
    "exp as a truth": {"exp": True},
    "exp beyond all years": {"exp": 10**18},
    "exp before all years": {"exp": -1},
    "nbf in the future": {"nbf": NOW + 11},
    "iat in the future": {"iat": NOW + 10**6},
    "iat as text": {"iat": "now"},
    "no sub": {"sub": None},
    "sub as a number": {"sub": 7},
    "sub empty": {"sub": ""},
    "sub too long": {"sub": "a" * 256},
    "sub of two lines": {"sub": "ann\nroot"},
    "name of two lines": {"name": "Ann\r\nBcc: x"},
    "roles as text": {"roles": "operator"},
    "roles of numbers": {"roles": [1]},
    "another audience": {"aud": "https://elsewhere.example"},
    "an audience of no kind": {"aud": 7},
}


@pytest.mark.parametrize("changed", REFUSED.values(), ids=REFUSED.keys())
async def test_94_claims_that_do_not_hold_are_refused(users: Users, changed: dict[str, Any]) -> None:
    claims = {name: value for name, value in {**CLAIMS, **changed}.items() if value is not None}
    secret_bytes = SECRET.encode()
    header = raw({"alg": "HS256", "typ": "JWT"}, claims).rpartition(".")[0]
    algorithm = jwt.get_algorithm_by_name("HS256")
    signature = urlsafe_b64encode(algorithm.sign(header.encode(), secret_bytes)).rstrip(b"=").decode()
    with pytest.raises(Unauthorized):
        await users.verify(f"{header}.{signature}", NOW * 1000)


def forgeries() -> dict[str, str]:
    public = rsa.generate_private_key(65537, 2048)
    pem = public.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    hs256 = {"alg": "HS256"}
    as_secret = raw(hs256, CLAIMS).rpartition(".")[0]
    signature = jwt.get_algorithm_by_name("HS256").sign(as_secret.encode(), pem)
    return {
        "alg none": raw({"alg": "none"}, CLAIMS),
        "alg None": raw({"alg": "None"}, CLAIMS),
        "no alg": raw({}, CLAIMS),
        "RS256": signed(CLAIMS, algorithm="RS256", key=public),
        "HS256 by the public key": f"{as_secret}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}",
        "HS512": signed(CLAIMS, algorithm="HS512", key=SECRET * 2),
        "no signature": signed(CLAIMS).rpartition(".")[0] + ".",
        "another secret": signed(CLAIMS, key="x" * 40),
        "a critical extension": signed(CLAIMS, headers={"crit": ["exp"], "exp": 1}),
        "a key of its own": signed(CLAIMS, key="x" * 40, headers={"jwk": {"kty": "oct", "k": "eHh4"}}),
        "a key elsewhere": signed(
            CLAIMS, key="x" * 40, headers={"jku": "http://127.0.0.1/keys", "x5u": "http://127.0.0.1/x"}
        ),
        "a kid that is a path": signed(CLAIMS, key="\0", headers={"kid": "../../../../dev/null"}),
        "a kid that is SQL": signed(CLAIMS, key="x" * 40, headers={"kid": "' union select 'x' --"}),
        "20 KB": signed({**CLAIMS, "x": "x" * 20_000}),
        "no JSON": "eyJ.eyJ.eyJ",
        "deep JSON": f"{urlsafe_b64encode(b'[' * 5_000).decode()}.e30.x",
        "a list": signed(CLAIMS).replace("eyJ", "W10", 1),
        "words": "not a token",
        "nothing": "",
        "other letters": "é.é.é",
    }


@pytest.mark.filterwarnings("ignore:.*HMAC key:Warning")  # the forgeries' keys are short on purpose
async def test_90_to_93_and_96_forgeries_are_refused(users: Users) -> None:
    for token in forgeries().values():
        with pytest.raises(Unauthorized):
            await users.verify(token, NOW * 1000)


async def test_a_kid_on_a_good_token_is_not_looked_at(users: Users) -> None:
    token = signed(CLAIMS, headers={"kid": "http://127.0.0.1/keys"})
    assert (await users.verify(token, NOW * 1000)).id == "ann"


async def test_nobody_is_known_without_a_secret() -> None:
    users = Users(Settings(), SharedSecret(""))
    with pytest.raises(Unauthorized):
        await users.verify(signed(CLAIMS), NOW * 1000)
