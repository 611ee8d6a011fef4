"""How a booking's total is split among payers. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from server.payments.rules import Payment

SHARES_AT_MOST: Final = 50
ATTEMPTS_AT_MOST: Final = 200


def reserved(attempts: Iterable[Payment], *, besides: UUID | None = None) -> int:
    """What is spoken for, in minor units: every share that is not withdrawn, and the booking's own payment
    while it is live or its money is there. `besides` is the key of a share to be left out.
    """
    amounts: dict[UUID, int] = {}
    for payment in attempts:
        if payment.key != besides and _reserves(payment):
            amounts[payment.key] = max(amounts.get(payment.key, 0), payment.amount)
    return sum(amounts.values())


def of_share(attempts: Iterable[Payment], key: UUID) -> list[Payment]:
    """The attempts of one share, those asked for before the extra ones, oldest first."""
    return sorted((each for each in attempts if each.key == key), key=lambda each: not each.extra)


def secured(attempts: Iterable[Payment]) -> Payment | None:
    """The one whose money is there, if any."""
    return next((payment for payment in attempts if payment.is_secured), None)


def live(attempts: Iterable[Payment]) -> Payment | None:
    """The one to pay by, if any."""
    return next((each for each in attempts if each.status == "pending" and not each.extra), None)


def count(attempts: Iterable[Payment]) -> int:
    """How many shares there are that are not withdrawn."""
    return len({each.share for each in attempts if each.share is not None and not each.withdrawn})


def spread(amount: int, left: Sequence[int]) -> list[int]:
    """`amount` over what is left of each payment, in proportion, to the unit; at most all of it."""
    whole = sum(left)
    if not whole:
        return [0 for _ in left]
    wanted = min(amount, whole)
    parts = [wanted * each // whole for each in left]
    rest = wanted - sum(parts)
    by_remainder = sorted(range(len(left)), key=lambda place: -(wanted * left[place] % whole))
    for place in by_remainder[:rest]:
        parts[place] += 1
    return parts


def _reserves(payment: Payment) -> bool:
    if payment.share is not None:
        return not payment.withdrawn
    return payment.is_secured or (payment.status == "pending" and not payment.extra)
