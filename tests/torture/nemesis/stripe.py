"""A Stripe that fails in every way it can, and one that tells late, three times, or nothing at all."""

import random
from typing import Final

from tests.fake_stripe.rim.deliveries import Deliveries
from tests.fake_stripe.rim.faults import Faults, Name

WAYS: Final[tuple[Name, ...]] = (
    "500_before", "500_after", "502_after", "503_before", "429", "409", "half_body", "html", "html_after",
    "cut_before_effect", "cut_after_effect", "stall", "stall_after_effect",
)  # fmt: skip
ONE_IN_TEN: Final = 0.1


class StripeFails:
    """One call in ten meets one of all ways; healing lets go on what stalls."""

    name = "stripe fails"

    def __init__(self, faults: Faults, share: float = ONE_IN_TEN) -> None:
        self._faults = faults
        self._rates = dict.fromkeys(WAYS, share / len(WAYS))

    async def strike(self, chance: random.Random) -> str:
        self._faults.at_random(self._rates, seed=chance.randrange(1 << 30))
        return f"{len(self._rates)} ways"

    async def heal(self) -> None:
        self._faults.clear()


class WebhooksFail:
    """Each event is lost, or late and told three times, as chance has it; once healed they flow again."""

    name = "webhooks fail"

    def __init__(self, deliveries: Deliveries, *, late: float = 2.0, copies: int = 3) -> None:
        self._deliveries = deliveries
        self._late = late
        self._copies = copies

    async def strike(self, chance: random.Random) -> str:
        if chance.random() < 0.5:
            self._deliveries.lose()
            return "none arrives"
        self._deliveries.delay_seconds, self._deliveries.copies = self._late, self._copies
        return f"each {self._copies} times, {self._late:g} s late"

    async def heal(self) -> None:
        self._deliveries.flow()
        self._deliveries.delay_seconds, self._deliveries.copies = 0, 1
