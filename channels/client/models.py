"""What the server answers, typed. Fields that this version does not know are left out. Times are in UTC."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self, TypeVar

import msgspec

Model = TypeVar("Model")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TOOK: Final = frozenset({"paid", "partially_refunded", "refunded", "disputed"})


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """One object of an answer."""


class Money(Answered, frozen=True, kw_only=True):
    """Integer minor units, and the ISO 4217 code in lower case."""

    amount: int
    currency: str


class Session(Answered, frozen=True, kw_only=True):
    """The session of a program; its token is as good as a password until then."""

    session: str
    token: str
    expires_at: datetime


class Hold(Answered, frozen=True, kw_only=True):
    """Something of a resource that is the session's until `expires_at`; `price` is of all of it."""

    id: str
    resource: str
    items: tuple[tuple[str, int], ...]
    range: tuple[datetime, datetime] | None = None
    price: Money
    status: str
    expires_at: datetime
    reference: str = ""
    reason: str = ""


class Cart(Answered, frozen=True, kw_only=True):
    """The session's holds with one deadline and one reference; over the socket without its holds."""

    reference: str
    expires_at: datetime
    total: Money
    holds: tuple[Hold, ...] = ()


class Held(Answered, frozen=True, kw_only=True):
    """A new hold and the cart it is in."""

    hold: Hold
    cart: Cart


class Slot(Answered, frozen=True, kw_only=True):
    """A seat, a start time, a step of time. Absent fields are the server's defaults."""

    index: int
    id: str
    label: str
    price: Money | int | None = None
    capacity: int = 1
    category: str = ""
    section: str = ""
    row: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    accessible: bool = False


class Resource(Answered, frozen=True, kw_only=True):
    """What can be booked. In a list `slots` is empty, and a search by time says `price` and `free`."""

    id: str
    kind: str
    title: str
    owner: str
    time_zone: str
    currency: str
    layout: int
    description: str = ""
    address: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    policy: dict[str, Any] | None = None
    grid: dict[str, Any] | None = None
    price_from: Money | None = None
    price_per_hour: Money | None = None
    range: tuple[datetime, datetime] | None = None
    price: Money | None = None
    free: int | None = None
    slots: tuple[Slot, ...] = ()


class Availability(Answered, frozen=True, kw_only=True):
    """The numbers of one moment: slot `first + i` has the i-th."""

    layout: int
    epoch: str
    version: int
    first: int
    available: tuple[int, ...]
    held: tuple[int, ...]


class Length(Answered, frozen=True, kw_only=True):
    """A usual length from a start; `reason` says why one cannot be booked."""

    minutes: int
    end: datetime
    price: Money | None
    available: bool
    reason: str | None = None


class Item(Answered, frozen=True, kw_only=True):
    """A line of a booking; of a range, `slot` is its first step and `price` the whole."""

    resource: str
    slot: str
    label: str
    quantity: int
    price: Money
    hold: str = ""
    range: tuple[datetime, datetime] | None = None


class Approval(Answered, frozen=True, kw_only=True):
    """What the owner said, or until when there is time for it."""

    state: str
    expires_at: datetime


class Booking(Answered, frozen=True, kw_only=True):
    """A booking; `owed` is what nobody has paid yet, `payment` the latest attempt to."""

    id: str
    reference: str
    status: str
    payment_status: str
    items: tuple[Item, ...]
    total: Money
    owed: Money | None = None
    refunded: Money | None = None
    customer: dict[str, Any] = {}
    attendees: tuple[dict[str, Any], ...] = ()
    special_requests: str = ""
    driver_location: dict[str, Any] | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    created_at: datetime
    expires_at: datetime
    confirmed_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    approval: Approval | None = None
    payment: str | None = None


class Payment(Answered, frozen=True, kw_only=True):
    """An attempt to pay; only its payer is told the ways to (`client_secret`, `redirect_url`, `pay_url`).

    `accepted`: the booking is paid by it; what else brought money (paid twice, too late) goes back.
    """

    id: str
    booking: str
    provider: str
    status: str
    amount: Money
    refunded: Money | None = None
    accepted: bool = True
    created_at: datetime
    client_secret: str | None = None
    redirect_url: str | None = None
    pay_url: str | None = None


class Receipt(Answered, frozen=True, kw_only=True):
    """What a confirmed booking was, who pays for it, and what was paid; `paid` is what the seller keeps.

    What a bank has asked for and not got (`disputed`) is paid; once the bank has it, it is refunded.
    """

    reference: str
    customer: dict[str, Any]
    items: tuple[Item, ...]
    total: Money
    paid: Money
    refunded: Money
    confirmed_at: datetime
    payments: tuple[Payment, ...]

    @classmethod
    def of(cls, booking: Booking, attempts: Sequence[Payment]) -> Self:
        """Of a confirmed booking and the attempts to pay it, of which only those count that paid it."""
        payments = tuple(each for each in attempts if each.accepted and each.status in _TOOK)
        back = sum(each.refunded.amount for each in payments if each.refunded)
        taken = sum(each.amount.amount for each in payments)
        currency = booking.total.currency
        if booking.confirmed_at is None:
            raise ValueError("what is not confirmed has no receipt")
        return cls(
            reference=booking.reference,
            customer=booking.customer,
            items=booking.items,
            total=booking.total,
            paid=Money(amount=taken - back, currency=currency),
            refunded=Money(amount=back, currency=currency),
            confirmed_at=booking.confirmed_at,
            payments=payments,
        )


class Booked(Answered, frozen=True, kw_only=True):
    """A booking and, where it is to be paid, its payment."""

    booking: Booking
    payment: Payment | None = None


class Quote(Answered, frozen=True, kw_only=True):
    """What a booking would be, were it made now."""

    reference: str
    items: tuple[Item, ...]
    total: Money
    expires_at: datetime


class Cancellation(Answered, frozen=True, kw_only=True):
    """What goes back if one cancels before `until`; None: whenever."""

    refund: Money
    percent: int
    until: datetime | None = None


class Transfer(Answered, frozen=True, kw_only=True):
    """An offer of a booking to somebody else; `token` is told once, to who offers it."""

    id: str
    booking: str
    status: str
    created_at: datetime
    expires_at: datetime
    user: str | None = None
    token: str | None = None
    url: str | None = None


class Notice(Answered, frozen=True, kw_only=True):
    """Something a user should know; `data["booking"]` is the booking's id."""

    id: str
    kind: str
    title: str
    message: str
    data: dict[str, Any]
    created_at: datetime
    read_at: datetime | None = None


def moment(milliseconds: int) -> datetime:
    """A time of the socket."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def from_socket(message: Any, kind: type[Model]) -> Model:
    """A message, or a part of one, as a model: there times are integer milliseconds."""
    return msgspec.convert(_with_times(message), kind)


def _with_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: moment(each) if type(each) is int and name.endswith("_at") else _with_times(each)
            for name, each in value.items()
        }
    return [_with_times(each) for each in value] if isinstance(value, list) else value
