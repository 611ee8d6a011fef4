"""What a buyer who cancels has back, as a matter of arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.bookings.refund_policy import HOUR_MS, Terms, buyer_refund, full_refund
from server.inventory.rules import RefundTier

START = 1_900_000_000_000
TIERS = (
    RefundTier(hours=24, percent=50),
    RefundTier(hours=168, percent=100),
    RefundTier(hours=0, percent=10),
)


def terms(
    *, value: int = 1_000, starts_at: int | None = START, tiers: tuple[RefundTier, ...] | None = TIERS
) -> Terms:
    return Terms(value=value, starts_at=starts_at, tiers=tiers)


@pytest.mark.parametrize(
    ("hours", "percent", "until"),
    [
        (1_000, 100, 168),
        (168, 100, 168),
        (167.999, 50, 24),
        (24, 50, 24),
        (23, 10, 0),
        (0, 10, 0),
        (-0.001, 0, None),
        (-500, 0, None),
    ],
)
def test_the_tier_with_the_most_hours_that_are_left_counts_until_the_next(
    hours: float, percent: int, until: int | None
) -> None:
    found = buyer_refund([terms()], 1_000, START - round(hours * HOUR_MS))
    assert (found.amount, found.percent, found.kept) == (10 * percent, percent, 1_000 - 10 * percent)
    assert found.until == (None if until is None else START - until * HOUR_MS)


def test_without_a_policy_it_is_all_until_it_begins_and_then_nothing() -> None:
    plain = terms(tiers=None)
    assert buyer_refund([plain], 999, START) == full_refund(999, until=START)
    assert buyer_refund([plain], 999, START + 1).amount == 0


def test_a_policy_of_no_tiers_gives_nothing_back() -> None:
    assert buyer_refund([terms(tiers=())], 999, 0).amount == 0


def test_what_has_no_beginning_gives_what_its_best_tier_does_for_good() -> None:
    found = buyer_refund([terms(starts_at=None, tiers=TIERS[:1])], 999, START)
    assert (found.amount, found.percent, found.until) == (500, 50, None)
    assert buyer_refund([terms(starts_at=None, tiers=None)], 999, START).amount == 999


def test_each_part_has_its_own_policy_and_time() -> None:
    parts = [
        terms(value=3_000, tiers=None, starts_at=START + 1_000 * HOUR_MS),
        terms(value=1_000, tiers=(RefundTier(hours=10, percent=20),), starts_at=START),
    ]
    found = buyer_refund(parts, 4_000, START - 20 * HOUR_MS)
    assert (found.amount, found.percent, found.until) == (3_200, 80, START - 10 * HOUR_MS)
    assert buyer_refund(parts, 4_000, START).amount == 3_000


def test_it_is_a_part_of_what_is_left_where_some_went_back_before() -> None:
    assert buyer_refund([terms()], 601, START - 24 * HOUR_MS).amount == 301


def test_a_provider_of_larger_steps_is_given_one() -> None:
    half = terms(value=1_230)
    assert buyer_refund([half], 1_230, START - 24 * HOUR_MS, step=100).amount == 600
    assert buyer_refund([terms(value=1_230, tiers=None)], 1_230, 0, step=100).amount == 1_230


def test_what_costs_nothing_gives_nothing_back() -> None:
    assert buyer_refund([terms(value=0)], 0, START - HOUR_MS).amount == 0


@given(
    st.integers(0, 10**12),
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 100)), min_size=1, max_size=4),
    st.sampled_from([1, 10, 100]),
)
def test_never_more_than_was_paid_nor_less_than_nothing(
    paid: int, parts: list[tuple[int, int]], step: int
) -> None:
    policies = [terms(value=value, tiers=(RefundTier(hours=0, percent=percent),)) for value, percent in parts]
    found = buyer_refund(policies, paid, 0, step=step)
    assert 0 <= found.amount <= paid
    assert found.amount + found.kept == paid
