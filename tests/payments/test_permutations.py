"""Every story ends the same whenever we hear of its steps, and in whatever order and number its events come.

PERMUTATIONS=5040 tries every order of up to seven events instead of a few; bench/ has the figures.
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

PERMUTATIONS = int(os.environ.get("PERMUTATIONS", "6"))
HALL = "plenty"

# What is done on our side tells nothing that could be heard.
NOT_STRIPES = (is_settled, shares_half, takes_the_rest)

Events = list[dict[str, Any]]


@pytest.mark.timeout(120 if PERMUTATIONS < 50 else 36_000)
@pytest.mark.parametrize("story", STORIES, ids=str)
async def test_all_orders_and_repeats_of_events_end_the_same(stripe_house: StripeHouse, story: Story) -> None:
    house = stripe_house
    house.stripe.contract.enabled = PERMUTATIONS < 50
    names = [f"P-{number}" for number in range(PERMUTATIONS)]
    await house.sells(names, resource=HALL)
    told: list[tuple[StripeBuyer, Events]] = []
    chance = random.Random(story.name)
    for number, name in enumerate(names):
        ann = await _plays(house, story, name, hears=())
        told.append((ann, _in_another_order(house.news(), number, chance)))
    await _delivers_side_by_side(house, [events for _, events in told])
    await house.hears_all()
    await _have_ended(house, story, [ann for ann, _ in told])


@pytest.mark.parametrize("story", STORIES, ids=str)
async def test_it_ends_the_same_whenever_we_hear_of_it(stripe_house: StripeHouse, story: Story) -> None:
    """After each step somebody looks, or nobody does: all ways there are."""
    house = stripe_house
    choices = [(True,) if step in NOT_STRIPES else (False, True) for step in story.steps]
    ways = list(itertools.product(*choices))
    await house.sells([f"P-{number}" for number in range(len(ways))], resource=HALL)
    anns = [await _plays(house, story, f"P-{number}", hears=way) for number, way in enumerate(ways)]
    await house.hears_all()
    await _have_ended(house, story, anns)


def _in_another_order(events: Events, number: int, chance: random.Random) -> Events:
    """The n-th order where all are to be tried, one at random elsewhere; two of the events are told twice."""
    if math.factorial(len(events)) <= PERMUTATIONS:
        order = next(
            itertools.islice(itertools.permutations(events), number % math.factorial(len(events)), None)
        )
    else:
        order = tuple(chance.sample(events, len(events)))
    return [*order, *chance.choices(order, k=2)]


async def _plays(house: StripeHouse, story: Story, slot: str, *, hears: Iterable[bool]) -> StripeBuyer:
    ann = house.buyer(slot)
    await ann.holds(slot, resource=HALL)
    await ann.books()
    if story.via is not None:
        await ann.goes_by(story.via)
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


async def _have_ended(house: StripeHouse, story: Story, anns: list[StripeBuyer]) -> None:
    for ann in anns:
        assert await ann.status() == story.end, ann.name
        assert house.kept(ann) == story.kept, ann.name
    if story.end[0] == "pending":
        house.clock.passes(house.settings.payment_seconds + 1)
    await house.office.loops_run()
    await house.is_whole(resources=[HALL])
    assert await house.value("select count(*) from inbox where dead_at is not null") == 0
