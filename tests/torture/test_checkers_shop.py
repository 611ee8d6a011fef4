"""Whole histories: a right shop is never accused, a wrong one is, and of what it did."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.torture.checkers import check_all
from tests.torture.shop import BUGS, Shop

SEEDS = range(40)


def accusations(shop: Shop) -> set[str]:
    shop.runs()
    found = check_all(shop.history, shop.ledger, shop.intents, terms=shop.terms)
    return {violation.promise for violation in found}


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.integers(0, 1 << 30), st.integers(1, 3))
def test_a_right_shop_is_never_accused(seed: int, capacity: int) -> None:
    shop = Shop(seed, capacity=capacity)
    shop.runs(buyers=5, steps=15)
    assert check_all(shop.history, shop.ledger, shop.intents, terms=shop.terms) == []


@pytest.mark.parametrize(("bug", "promise"), BUGS.items())
def test_a_wrong_shop_is_accused_of_what_it_did(bug: str, promise: str) -> None:
    assert promise in set.union(*(accusations(Shop(seed, bug)) for seed in SEEDS))
