"""Where the money is, by the movements that were written down: the oracle that tests ask."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.fake_stripe.core.account import Account
from tests.fake_stripe.core.intent import Intent


@dataclass(frozen=True)
class Entry:
    """One intent's money, summed up.

    `held` is promised and not taken. `refunded` counts refunds that have not failed, pending ones too;
    `reversed` is what the buyer's bank has taken back and not returned: disputes that are open or lost.
    """

    held: int
    captured: int
    refunded: int
    reversed: int
    status: str
    amount: int
    currency: str
    metadata: dict[str, str]

    @property
    def kept(self) -> int:
        """What the seller has of it."""
        return self.captured - self.refunded - self.reversed


class Ledger:
    """`ledger[intent_id]`; iterating gives the ids of all intents."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def __getitem__(self, intent_id: str) -> Entry:
        intent = self._account.get(Intent, intent_id)
        sums = self._account.movements
        return Entry(
            held=sums.sum(intent_id, "held"),
            captured=sums.sum(intent_id, "captured"),
            refunded=sums.sum(intent_id, "refunded"),
            reversed=sums.sum(intent_id, "reversed"),
            status=intent.status,
            amount=intent.amount,
            currency=intent.currency,
            metadata=dict(intent.metadata),
        )

    def __iter__(self) -> Iterator[str]:
        return (intent.id for intent in self._account.all(Intent))

    def __len__(self) -> int:
        return sum(1 for _ in self)
