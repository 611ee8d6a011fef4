"""Every story ends the same whenever we hear of its steps, and in whatever order and number its events come.

PERMUTATIONS=5040 tries every order of up to seven events instead of a few.
"""

import itertools
import math
import os
import random
from collections.abc import Iterable
from typing import Any

import pytest

from tests.payments.stories import STORIES, Story, is_settled, shares_half, takes_the_rest
from tests.payments.stripe_house import StripeBuyer, StripeHouse, receive

PERMUTATIONS = int(os.environ.get("PERMUTATIONS", "2"))
# What is done on our side tells nothing that could be heard.
NOT_STRIPES = (is_settled, shares_half, takes_the_rest)

Events = list[dict[str, Any]]
Told = list[tuple[Story, StripeBuyer, Events]]


@pytest.mark.timeout(600 if PERMUTATIONS < 50 else 36_000)
async def test_all_orders_and_repeats_of_events_end_the_same(stripe_house: StripeHouse) -> None:
    house, chance = stripe_house, random.Random(26)
    house.stripe.contract.enabled = False  # the test below makes the same calls, and is held to it
    told: Told = []
    for story in STORIES:
        await house.sells(_slots(PERMUTATIONS), resource=story.hall)
        for number, slot in enumerate(_slots(PERMUTATIONS)):
            ann = await _plays(house, story, slot, hears=())
            told.append((story, ann, _in_another_order(house.news(), number, chance)))
    await _delivers_side_by_side(house, [events for *_, events in told])
    await house.hears_all()
    await _have_ended(house, [(story, ann) for story, ann, _ in told])


@pytest.mark.timeout(600)
async def test_it_ends_the_same_whenever_we_hear_of_it(stripe_house: StripeHouse) -> None:
    """After each step somebody looks, or nobody does: all ways there are."""
    house = stripe_house
    anns: list[tuple[Story, StripeBuyer]] = []
    for story in STORIES:
        choices = [(True,) if step in NOT_STRIPES else (False, True) for step in story.steps]
        ways = list(itertools.product(*choices))
        await house.sells(_slots(len(ways)), resource=story.hall)
        for slot, way in zip(_slots(len(ways)), ways, strict=True):
            anns.append((story, await _plays(house, story, slot, hears=way)))
    await house.hears_all()
    await _have_ended(house, anns)


def _slots(number: int) -> list[str]:
    return [f"P-{each}" for each in range(number)]


def _in_another_order(events: Events, number: int, chance: random.Random) -> Events:
    """The n-th order where all are to be tried, one at random elsewhere; two of the events are told twice."""
    orders = math.factorial(len(events))
    if orders <= PERMUTATIONS:
        order = next(itertools.islice(itertools.permutations(events), number % orders, None))
    else:
        order = tuple(chance.sample(events, len(events)))
    return [*order, *chance.choices(order, k=2)]


async def _plays(house: StripeHouse, story: Story, slot: str, *, hears: Iterable[bool]) -> StripeBuyer:
    ann = await house.begins(story, f"{story.name} {slot}", slot)
    for step, heard in itertools.zip_longest(story.steps, hears, fillvalue=False):
        assert callable(step)
        await step(house, ann)
        if heard:
            await house.hears_all()
    return ann


async def _delivers_side_by_side(house: StripeHouse, stories: list[Events]) -> None:
    """Each story's events one after the other, those of different stories together."""
    money = house.office.payments
    for events in itertools.zip_longest(*stories):
        for event in events:
            if event is not None:
                await receive(money, event)
        await money.inbox.worker._work()
        await money.refunds.worker._work()


async def _have_ended(house: StripeHouse, anns: list[tuple[Story, StripeBuyer]]) -> None:
    for story, ann in anns:
        assert await ann.status() == story.end, ann.name
        assert house.kept(ann) == story.kept, ann.name
    house.clock.passes(house.settings.payment_seconds + 1)
    await house.office.loops_run()
    await house.is_whole(resources=[story.hall for story in STORIES])
    assert await house.value("select count(*) from inbox where dead_at is not null") == 0
