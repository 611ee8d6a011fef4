"""Stripe answers badly, at random and by seed: errors before and after the effect, cut and odd replies.

Everybody's story goes on as far as it can, and once Stripe is well everything ends in one state: nothing is
doubled, nothing is kept, nothing is lost. FAULT_SEEDS=200 tries more of them.
"""

import asyncio
import os
import random
from contextlib import suppress
from typing import Final

import pytest

from server.errors import HoldfastError
from tests.fake_stripe import Refused
from tests.fake_stripe.rim.faults import Name
from tests.payments.stories import STORIES, Story
from tests.payments.stripe_house import StripeBuyer, StripeHouse

SEEDS = int(os.environ.get("FAULT_SEEDS", "2"))
BUYERS = 10
HALL = "storm"
RATES: Final[dict[Name, float]] = {
    "500_before": 0.05,
    "500_after": 0.05,
    "502_before": 0.03,
    "502_after": 0.03,
    "503_before": 0.03,
    "cut_before_effect": 0.03,
    "cut_after_effect": 0.03,
    "half_body": 0.03,
    "429": 0.03,
    "409": 0.03,
    "html": 0.03,
    "html_after": 0.03,
}


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_whatever_stripe_answers_everything_ends_in_one_state(
    stripe_house: StripeHouse, seed: int
) -> None:
    house, chance = stripe_house, random.Random(seed)
    house.stripe.contract.enabled = SEEDS < 10
    await house.sells([f"S-{number}" for number in range(BUYERS)], resource=HALL)
    house.stripe.faults.at_random(RATES, seed)
    stories = [chance.choice(STORIES) for _ in range(BUYERS)]
    anns = [house.buyer(f"ann-{number}") for number in range(BUYERS)]
    await asyncio.gather(
        *(
            _plays(house, ann, story, f"S-{number}")
            for number, (ann, story) in enumerate(zip(anns, stories, strict=True))
        )
    )
    for _ in range(3):
        house.clock.passes(chance.randrange(1, 20))
        await house.office.loops_run(1)
    assert house.stripe.faults.met

    house.stripe.faults.clear()
    for seconds in (20, 30, 70, house.settings.payment_seconds, 300, 3600):
        house.clock.passes(seconds)
        await house.office.loops_run()
        await house.hears_all()

    await house.is_whole(resources=[HALL])
    assert await house.value("select count(*) from booking where status = 'pending'") == 0
    assert await house.value("select count(*) from refund where status = 'requested'") == 0
    _nobody_can_pay_what_is_over(house)


async def _plays(house: StripeHouse, ann: StripeBuyer, story: Story, slot: str) -> None:
    """As far as it goes; who meets an error tries again, as a page does, and then gives up."""
    await ann.holds(slot, resource=HALL)
    for _ in range(3):
        with suppress(HoldfastError):
            await ann.books()
            break
    else:
        return
    with suppress(HoldfastError, Refused, AssertionError):
        if story.via is not None:
            await ann.goes_by(story.via)
        for step in story.steps:
            await step(house, ann)


def _nobody_can_pay_what_is_over(house: StripeHouse) -> None:
    """R24: of all intents that name one booking, at most one share's worth was ever taken at a time."""
    for intent in house.stripe.ledger:
        entry = house.stripe.ledger[intent]
        assert entry.captured <= entry.amount, entry
        assert entry.refunded <= entry.captured, entry
