"""The currencies of ISO 4217, and their amounts as text."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.currencies import EXPONENTS, exponent, format_amount, parse_amount, problem_of

CODES = st.sampled_from(sorted(EXPONENTS))


def test_currencies_know_their_digits() -> None:
    assert (exponent("usd"), exponent("jpy"), exponent("kwd")) == (2, 0, 3)
    assert (exponent("isk"), exponent("ugx"), exponent("iqd"), exponent("mga")) == (0, 0, 3, 2)
    assert all(len(code) == 3 and code.isascii() and code.islower() for code in EXPONENTS)
    assert not {"xxx", "xau", "xts", "clf", "USD"} & set(EXPONENTS)
    assert len(EXPONENTS) == 155


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("USD", '"usd" would be right'),
        (" eur ", '"eur" would be right'),
        ("bgn", '"eur" came in its place'),
        ("HRK", '"eur" came in its place'),
        ("esd", "did you mean"),
        ("", 'such as "usd"'),
        ("€", 'such as "usd"'),
        ("x" * 500, "xxxxxxxxxx…"),
    ],
)
def test_an_unknown_code_is_refused_with_what_would_be_right(code: str, hint: str) -> None:
    assert hint in problem_of(code)
    with pytest.raises(ValueError, match="ISO 4217"):
        exponent(code)


def test_a_known_code_has_no_problem() -> None:
    assert [problem_of(code) for code in ("usd", "jpy", "kwd")] == ["", "", ""]


@given(st.integers(-(10**12), 10**12), CODES)
def test_an_amount_written_and_read_is_the_same(amount: int, code: str) -> None:
    text = format_amount(amount, code)
    assert parse_amount(text, code) == amount
    assert len(text.partition(".")[2]) == exponent(code)


@given(st.text(max_size=12), CODES)
def test_whatever_is_read_is_written_the_same_but_for_zeros(text: str, code: str) -> None:
    try:
        amount = parse_amount(text, code)
    except ValueError:
        return
    assert float(text) == pytest.approx(amount / 10 ** exponent(code))
    assert parse_amount(format_amount(amount, code), code) == amount


@pytest.mark.parametrize(
    ("text", "code", "amount"),
    [
        ("85", "usd", 8500),
        ("85.5", "usd", 8550),
        ("0.05", "usd", 5),
        ("-0.05", "usd", -5),
        ("8500", "jpy", 8500),
        ("8.5", "kwd", 8500),
        ("0.001", "kwd", 1),
    ],
)
def test_amounts_are_read(text: str, code: str, amount: int) -> None:
    assert parse_amount(text, code) == amount


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "usd"),
        ("85,00", "usd"),
        ("85.001", "usd"),
        ("85.", "usd"),
        (".5", "usd"),
        ("1e3", "usd"),
        ("٣", "usd"),
        ("8.5", "jpy"),
        ("NaN", "usd"),
        ("1" * 40, "usd"),
    ],
)
def test_what_is_no_amount_is_refused(text: str, code: str) -> None:
    with pytest.raises(ValueError, match="is no amount"):
        parse_amount(text, code)


def test_amounts_are_written() -> None:
    shown = [format_amount(8500, code) for code in ("usd", "jpy", "kwd")]
    assert shown == ["85.00", "8500", "8.500"]
    assert format_amount(-5, "usd") == "-0.05"
    assert format_amount(0, "kwd") == "0.000"


def test_browsers_have_the_same_table() -> None:
    source = (Path(__file__).parent.parent / "static/client/currencies.js").read_text()
    named = dict(re.findall(r'const (\w+) = new Set\("([a-z ]+)"', source))
    for digits, name in ((0, "NO_DIGITS"), (3, "THREE_DIGITS")):
        assert set(named[name].split()) == {code for code, places in EXPONENTS.items() if places == digits}
