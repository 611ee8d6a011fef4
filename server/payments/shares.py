"""How a booking's total is split among payers. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from server.errors import LimitExceeded
from server.payments.rules import Payment

SHARES_AT_MOST: Final = 50
# Withdrawn ones with them.
SHARES_EVER: Final = 200
# Of one share, each a call or two to its provider; the buyer's own makes room for many a share.
ATTEMPTS_AT_MOST: Final = 20
OWN_ATTEMPTS_AT_MOST: Final = 100
# The first few at any pace, for whoever mistypes a card; then one after a pause.
ATTEMPTS_AT_ANY_PACE: Final = 5
PAUSE_MS: Final = 2_000


def reserved(attempts: Iterable[Payment], *, besides: UUID | None = None) -> int:
    """What is spoken for, in minor units: every share that is not withdrawn, and the booking's own payment
    while it is live or its money is there. `besides` is the `share_key` of a share to be left out.
    """
    amounts: dict[UUID, int] = {}
    for payment in attempts:
        if payment.share_key != besides and _reserves(payment):
            amounts[payment.share_key] = max(amounts.get(payment.share_key, 0), payment.amount)
    return sum(amounts.values())


def of_share(attempts: Iterable[Payment], share_key: UUID) -> list[Payment]:
    """The attempts of one share, those asked for before the extra ones, oldest first."""
    return sorted((each for each in attempts if each.share_key == share_key), key=lambda each: not each.extra)


def secured(attempts: Iterable[Payment]) -> Payment | None:
    """The one whose money is there, if any."""
    return next((payment for payment in attempts if payment.is_secured), None)


def live(attempts: Iterable[Payment]) -> Payment | None:
    """The one to pay by, if any."""
    return next((each for each in attempts if each.status == "pending" and not each.extra), None)


def count(attempts: Iterable[Payment], *, withdrawn: bool = False) -> int:
    """How many shares there are, those that were withdrawn only if they are asked for."""
    counted = (each for each in attempts if withdrawn or not each.withdrawn)
    return len({each.share for each in counted if each.share is not None})


def room_for_another(attempts: Iterable[Payment], share_key: UUID, *, own: bool) -> bool:
    """Whether a share may be tried once more."""
    at_most = OWN_ATTEMPTS_AT_MOST if own else ATTEMPTS_AT_MOST
    return len(of_share(attempts, share_key)) < at_most


def pause_before_another(attempts: Iterable[Payment], share_key: UUID, now: int) -> int:
    """How many milliseconds a share's next attempt has to wait."""
    tried = of_share(attempts, share_key)
    if len(tried) < ATTEMPTS_AT_ANY_PACE:
        return 0
    return max(0, max(each.created_at for each in tried) + PAUSE_MS - now)


def require_few(attempts: Sequence[Payment], payment: Payment) -> None:
    """LimitExceeded where a booking that has these has no room for one more."""
    require_room(attempts, payment.booking, payment.share_key)
    if payment.share != payment.id:
        return
    if count(attempts) >= SHARES_AT_MOST:
        raise LimitExceeded(f"a booking has at most {SHARES_AT_MOST} shares")
    if count(attempts, withdrawn=True) >= SHARES_EVER:
        raise LimitExceeded(f"a booking is split into at most {SHARES_EVER} shares over time")


def require_room(attempts: Sequence[Payment], booking: UUID, share_key: UUID) -> None:
    """LimitExceeded where a share was tried too often."""
    if not room_for_another(attempts, share_key, own=share_key == booking):
        raise LimitExceeded("this was tried too often; ask for a new link, or pay by what stands")


def spread(amount: int, left: Sequence[int], step: int = 1) -> list[int]:
    """`amount` over what is left of each payment, in proportion, to the step; at most all of it."""
    return [step * part for part in _spread(amount // step, [each // step for each in left])]


def _spread(amount: int, left: Sequence[int]) -> list[int]:
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
