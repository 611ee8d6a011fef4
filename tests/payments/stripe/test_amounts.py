"""Amounts as Stripe counts them, and those it can't be asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.payments.provider import ProviderRefused
from server.payments.stripe.amounts import from_stripe, refusal_of, to_stripe


@pytest.mark.parametrize(
    ("currency", "ours", "stripes"),
    [
        ("usd", 4300, 4300),
        ("jpy", 4300, 4300),
        ("kwd", 5120, 5120),
        ("isk", 5, 500),
        ("ugx", 5, 500),
        ("mga", 500, 5),
        ("huf", 17501, 17501),
        ("twd", 80045, 80045),
    ],
)
def test_an_amount_is_counted_stripes_way_and_back(currency: str, ours: int, stripes: int) -> None:
    assert to_stripe(ours, currency) == stripes
    assert from_stripe(stripes, currency) == ours


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        (5124, "kwd", "steps of 10"),
        (550, "mga", "steps of 100"),
        (4300, "irr", "does not take irr"),
        (49, "usd", "50 minor units of usd at least"),
        (0, "xof", "1 minor units of xof at least"),
        (17_499, "huf", "17500"),
        (99_999_999 + 1, "usd", "99999999 minor units of usd at most"),
        (1_000_000, "isk", "999999 minor units of isk at most"),
    ],
)
def test_what_stripe_would_not_take_is_told_beforehand(amount: int, currency: str, words: str) -> None:
    assert words in (refusal_of(amount, currency) or "")


@pytest.mark.parametrize(
    ("amount", "currency"), [(50, "usd"), (99_999_999, "usd"), (10**12 - 1, "idr"), (10**9 - 1, "inr")]
)
def test_the_edges_are_taken(amount: int, currency: str) -> None:
    assert refusal_of(amount, currency) is None


def test_an_amount_that_does_not_exist_at_stripe_is_never_rounded() -> None:
    with pytest.raises(ProviderRefused, match="steps of 10"):
        to_stripe(5124, "kwd")


def test_a_small_rest_can_be_refunded() -> None:
    assert to_stripe(1, "usd") == 1


@given(st.integers(0, 10**12), st.sampled_from(["usd", "jpy", "isk", "ugx", "mga", "kwd", "bhd"]))
def test_no_amount_changes_on_its_way(amount: int, currency: str) -> None:
    try:
        assert from_stripe(to_stripe(amount, currency), currency) == amount
    except ProviderRefused:
        assert refusal_of(amount, currency)
