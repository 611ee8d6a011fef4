import hashlib
import hmac
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.accounts.tokens import SESSION_SECONDS, Signer, new_session
from server.errors import TokenExpired, Unauthorized

KEY = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"
NOW = 1_774_000_000_000


def a_token(signer: Signer, session: str = "A" * 22) -> str:
    return signer.sign(session, needs_user=False, expires_at=NOW + SESSION_SECONDS * 1000)


def test_what_was_signed_is_verified() -> None:
    found = Signer(KEY).verify(a_token(Signer(KEY)), NOW)
    assert (found.session, found.needs_user) == ("A" * 22, False)
    assert found.expires_at == NOW + SESSION_SECONDS * 1000


def test_tokens_are_signed_as_they_always_were() -> None:
    """With HMAC-SHA256 by the purpose's own key, whatever was signed before."""
    text = f"holdfast1.{hashlib.sha256(b'holdfast key id ' + KEY.encode()).hexdigest()[:8]}.a.{'A' * 22}"
    text += f".{NOW // 1000 + SESSION_SECONDS}"
    key = hmac.digest(KEY.encode(), b"session", "sha256")
    mac = urlsafe_b64encode(hmac.digest(key, text.encode(), "sha256")).rstrip(b"=").decode()
    signer = Signer(KEY)
    assert [a_token(signer), a_token(signer)] == [f"{text}.{mac}"] * 2


def test_a_token_ends() -> None:
    token = Signer(KEY).sign("A" * 22, needs_user=True, expires_at=NOW + 5_000)
    assert Signer(KEY).verify(token, NOW + 4_999).needs_user
    with pytest.raises(TokenExpired):
        Signer(KEY).verify(token, NOW + 5_000)


@given(st.data())
def test_no_changed_character_goes_unnoticed(data: st.DataObject) -> None:
    token = a_token(Signer(KEY))
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(
        st.characters(min_codepoint=33, max_codepoint=126).filter(lambda character: character != token[place])
    )
    with pytest.raises(Unauthorized):
        Signer(KEY).verify(token[:place] + other + token[place + 1 :], NOW)


@given(st.text())
def test_no_text_is_a_token(text: str) -> None:
    with pytest.raises(Unauthorized):
        Signer(KEY).verify(text, NOW)


def test_a_new_key_keeps_the_sessions_of_the_old_one() -> None:
    before, between, after = Signer(KEY), Signer(f"{OTHER} {KEY}"), Signer(OTHER)
    token, csrf = a_token(before), before.csrf("A" * 22)
    assert between.verify(token, NOW).session == "A" * 22
    assert between.csrf_holds("A" * 22, csrf)
    assert after.verify(a_token(between), NOW).session == "A" * 22
    assert not after.csrf_holds("A" * 22, csrf)
    with pytest.raises(Unauthorized):
        after.verify(token, NOW)


def test_a_csrf_token_is_good_for_its_session_alone() -> None:
    signer = Signer(KEY)
    assert signer.csrf_holds("A" * 22, signer.csrf("A" * 22))
    assert not signer.csrf_holds("B" * 22, signer.csrf("A" * 22))
    assert not signer.csrf_holds("A" * 22, "é\ud800")


def test_86_what_is_secret_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it, at its whole length, whatever of it is right."""
    compared: list[tuple[int, int]] = []
    real = hmac.compare_digest

    def compare(given: str, right: str) -> bool:
        compared.append((len(given), len(right)))
        return real(given, right)

    monkeypatch.setattr("server.accounts.tokens.hmac.compare_digest", compare)
    token = a_token(Signer(KEY))
    text, _, mac = token.rpartition(".")
    for wrong in ("A" * 43, mac[:-1] + ("A" if mac[-1] != "A" else "B")):
        with pytest.raises(Unauthorized):
            Signer(KEY).verify(f"{text}.{wrong}", NOW)
    with pytest.raises(Unauthorized):
        Signer(KEY).verify(token.replace("A" * 22, "B" * 22), NOW)  # another's session under one's own MAC
    assert compared == [(43, 43)] * 3


def test_sessions_differ() -> None:
    assert len({new_session() for _ in range(1_000)}) == 1_000


def test_a_key_is_needed() -> None:
    with pytest.raises(ValueError, match="SECRET_KEY"):
        Signer(" ")
