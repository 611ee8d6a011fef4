"""Exchange rates: exact, rounded once, never of yesterday."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.bookings.rates import (
    AHEAD_MS,
    MAX_AGE_MS,
    MAX_UNIT,
    Rates,
    RatesUnusable,
    convert,
    is_beyond,
    step,
)
from server.bookings.rates_file import LARGEST, FileRates, read_rates
from server.currencies import EXPONENTS, exponent

NOW = 1_795_000_000_000
AT = "2026-11-18T11:06:40Z"
GOOD = '{"base": "eur", "at": "2026-11-18T11:06:40Z", "rates": {"gbp": "0.8431", "usd": 1.1527, "jpy": 180}}'
CODES = st.sampled_from(sorted(EXPONENTS))
AMOUNTS = st.integers(0, 10**8)
RATES = st.decimals("0.0001", "10000", places=8)


@pytest.mark.parametrize(
    ("amount", "rate", "source", "target", "expected"),
    [
        (2500, "0.8", "eur", "gbp", 2000),
        (1, "0.5", "eur", "gbp", 1),  # half up
        (3, "0.5", "eur", "gbp", 2),
        (2500, "160.5", "eur", "jpy", 4013),  # 4012.5 yen, which have no smaller unit
        (160, "0.00623", "jpy", "eur", 100),  # 0.9968 euro
        (2500, "0.33335", "eur", "kwd", 8330),  # 8.33375 dinar, of which cards take 8.330
        (8330, "2.9999", "kwd", "eur", 2499),
        (2500, "5100", "eur", "mga", 12750000),
        (1, "0.001", "usd", "kwd", 10),  # what costs something is never free
        (1, "0.0001", "jpy", "eur", 1),
        (0, "0.8", "eur", "gbp", 0),
    ],
)
def test_a_price_is_converted_and_rounded_half_up(
    amount: int, rate: str, source: str, target: str, expected: int
) -> None:
    assert convert(amount, Decimal(rate), source, target) == expected


def test_a_rate_is_a_decimal_fraction_and_no_float() -> None:
    """A float has 100.49999999999999 here."""
    assert convert(100, Decimal("1.005"), "eur", "usd") == 101


def test_what_is_too_much_to_be_written_is_told() -> None:
    assert convert(MAX_UNIT, Decimal(1), "eur", "usd") == MAX_UNIT
    assert convert(MAX_UNIT, Decimal("1.000001"), "eur", "usd") is None
    assert convert(99_999_999, Decimal("1e9"), "jpy", "kwd") is None


@given(AMOUNTS, RATES, CODES, CODES)
def test_a_converted_price_is_off_by_half_a_step_at_most(
    amount: int, rate: Decimal, source: str, target: str
) -> None:
    found = convert(amount, rate, source, target)
    exact = Decimal(amount) * rate * Decimal(10) ** (exponent(target) - exponent(source))
    if found is None:
        assert exact > MAX_UNIT - step(target)
        return
    assert found % step(target) == 0
    assert (found == 0) == (amount == 0)
    assert abs(found - exact) * 2 <= step(target) or found == step(target)


@given(AMOUNTS, AMOUNTS, RATES, CODES, CODES)
def test_what_costs_more_never_costs_less_elsewhere(
    one: int, other: int, rate: Decimal, source: str, target: str
) -> None:
    cheap, dear = (convert(amount, rate, source, target) for amount in sorted((one, other)))
    assert dear is None or (cheap is not None and cheap <= dear)


def test_rates_are_known_between_any_two_currencies() -> None:
    rates = Rates(base="eur", at=NOW, rates={"gbp": Decimal("0.8431"), "usd": Decimal("1.1527")})
    assert rates.between("eur", "gbp") == Decimal("0.8431")
    assert rates.between("usd", "usd") == 1
    assert rates.between("usd", "gbp") == Decimal("0.731413203782")  # by way of the euro, twelve digits
    assert rates.between("gbp", "eur") == Decimal("1.18609892065")
    assert rates.between("eur", "jpy") is None
    assert rates.between("jpy", "eur") is None
    assert rates.currencies("usd") == ["eur", "gbp"]
    assert rates.currencies("jpy") == []


@pytest.mark.parametrize(
    ("today", "beyond"), [("1", False), ("1.02", False), ("0.98", False), ("1.0200001", True), ("0.97", True)]
)
def test_a_rate_may_move_as_far_as_the_tolerance(today: str, *, beyond: bool) -> None:
    assert is_beyond(Decimal(1), Decimal(today), 2) is beyond
    assert is_beyond(Decimal(1), Decimal(today), 0) is (today != "1")


@pytest.mark.parametrize(
    ("age", "current"),
    [(0, True), (MAX_AGE_MS, True), (MAX_AGE_MS + 1, False), (-AHEAD_MS, True), (-AHEAD_MS - 1, False)],
)
def test_rates_count_for_a_day(age: int, *, current: bool) -> None:
    assert Rates(base="eur", at=NOW - age, rates={}).is_current(NOW) is current


def test_rates_are_read_as_they_are_written() -> None:
    rates = read_rates(GOOD.encode())
    assert (rates.base, rates.at) == ("eur", NOW)
    assert rates.rates == {"gbp": Decimal("0.8431"), "usd": Decimal("1.1527"), "jpy": Decimal(180)}


def test_codes_that_are_no_currencies_are_passed_over() -> None:
    found = read_rates(
        f'{{"base":"eur","at":"{AT}","rates":{{"xau":"x","BTC":0,"gbp":"0.8","eur":1}}}}'.encode()
    )
    assert found.rates == {"gbp": Decimal("0.8")}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no JSON"),
        ('{"base": "eur"', "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("\xff", "no JSON"),
        ("[]", "the rates are no"),
        ('{"base": "eur", "at": "2026-11-18T11:06:40Z"}', "the rates are no"),
        ('{"base": "EUR", "at": "x", "rates": {}}', "base is 'EUR'"),
        ('{"base": 1, "at": "x", "rates": {}}', "base is 1"),
        ('{"base": "eur", "at": "today", "rates": {}}', "at is 'today'"),
        ('{"base": "eur", "at": 1795000000, "rates": {}}', "at is 1795000000"),
        ('{"base": "eur", "at": "2026-11-18T11:06:40", "rates": {}}', "at is '2026-11-18T11:06:40'"),
        ('{"base": "eur", "base": "usd", "at": "x", "rates": {}}', "a key stands twice"),
        *(
            (f'{{"base": "eur", "at": "{AT}", "rates": {{"gbp": {rate}}}}}', "the rate of gbp")
            for rate in (
                "0",
                '"-0.8"',
                '"0,8"',
                '"NaN"',
                "NaN",
                "Infinity",
                "null",
                "true",
                "[]",
                "1e10",
                '"1e-10"',
                "9" * 5000,
                f"0.{'3' * 40}",
                f'"{"1" * 40}"',
            )
        ),
        (f'{{"base": "eur", "at": "{AT}", "rates": {{"eur": "1.1"}}}}', "the base, eur, is not 1"),
    ],
)
def test_what_is_no_rates_is_refused_whole(text: str, problem: str) -> None:
    with pytest.raises(RatesUnusable, match=problem):
        read_rates(text.encode("latin-1"))


def test_an_endless_file_is_not_read() -> None:
    with pytest.raises(RatesUnusable, match="bytes"):
        read_rates(b" " * (LARGEST + 1))


async def test_the_file_is_read_again_when_it_changed_and_only_then(tmp_path: Path) -> None:
    path = tmp_path / "rates.json"
    path.write_text(GOOD)
    source = FileRates(path)
    first = await source.latest(NOW)
    assert await source.latest(NOW) is first
    path.write_text(GOOD.replace("0.8431", "0.84310"))
    assert (await source.latest(NOW)).rates["gbp"].as_tuple().digits == (8, 4, 3, 1, 0)


async def test_a_file_that_vanishes_or_breaks_is_no_rates_until_it_is_back(tmp_path: Path) -> None:
    path = tmp_path / "rates.json"
    source = FileRates(path)
    with pytest.raises(RatesUnusable, match="No such file"):
        await source.latest(NOW)
    path.write_text(GOOD)
    await source.latest(NOW)
    path.write_text(GOOD[:40])
    for _ in range(2):
        with pytest.raises(RatesUnusable, match="no JSON"):
            await source.latest(NOW)
    path.unlink()
    with pytest.raises(RatesUnusable, match="No such file"):
        await source.latest(NOW)
    path.write_text(GOOD)
    assert (await source.latest(NOW)).base == "eur"


async def test_a_file_of_yesterday_is_no_rates(tmp_path: Path) -> None:
    path = tmp_path / "rates.json"
    path.write_text(GOOD)
    source = FileRates(path)
    await source.latest(NOW + MAX_AGE_MS)
    with pytest.raises(RatesUnusable, match="older than a day"):
        await source.latest(NOW + MAX_AGE_MS + 1)


def test_the_docs_show_a_file_that_can_be_read() -> None:
    page = (Path(__file__).parents[2] / "docs/prices.md").read_text(encoding="utf-8")
    shown = page.split("```json\n")[1].split("```")[0]
    assert read_rates(shown.encode()).rates["gbp"] == Decimal("0.8431")
