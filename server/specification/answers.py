"""What each route answers, as types: for the document alone; tests hold them to what is really answered."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from server.bookings.outbox import NoticeKind
from server.bookings.rules import Approval, BookingStatus, CancelReason, PaymentStatus
from server.holds.rules import HoldStatus
from server.inventory.grid.rules import Hours, Weekday
from server.inventory.rules import Category, HoldPolicy, Kind, PriceList, Slot

Time = Annotated[str, msgspec.Meta(description="RFC 3339, UTC, milliseconds")]


class Answered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One JSON object of an answer."""


class Price(Answered, frozen=True):
    """Integer minor units, and the ISO 4217 code in lower case."""

    amount: int
    currency: str


class FieldProblem(Answered, frozen=True):
    """One field that does not hold."""

    field: str
    message: str


class Problem(Answered, frozen=True):
    """A refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: tuple[FieldProblem, ...] | msgspec.UnsetType = msgspec.UNSET
    slots: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    retry_after: float | msgspec.UnsetType = msgspec.UNSET


class Session(Answered, frozen=True):
    """A session; `token` is in its cookie too."""

    session: str
    token: str
    csrf: str
    expires_at: Time


class Hold(Answered, frozen=True):
    """A hold of the session's; `price` is of all its items."""

    id: str
    resource: str
    reference: str
    items: tuple[tuple[str, int], ...]
    range: tuple[str, str] | None
    price: Price
    status: HoldStatus
    created_at: Time
    expires_at: Time


class Cart(Answered, frozen=True):
    """The session's holds that share one deadline."""

    reference: str
    expires_at: Time
    total: Price
    holds: tuple[Hold, ...]


class HoldAnswer(Answered, frozen=True):
    hold: Hold


class CartAnswer(Answered, frozen=True):
    cart: Cart | None


class HeldAnswer(Answered, frozen=True):
    hold: Hold
    cart: Cart


class ReleasedHold(Answered, frozen=True):
    """A hold that the sweep gave back."""

    id: str
    resource: str
    reference: str
    status: HoldStatus


class Released(Answered, frozen=True):
    released: tuple[ReleasedHold, ...]


class ResourceSummary(Answered, frozen=True):
    """A resource in the list."""

    id: str
    kind: Kind
    title: str
    owner: str
    time_zone: str
    currency: str
    layout: int
    description: str
    starts_at: Time | None
    ends_at: Time | None
    categories: tuple[Category, ...]
    capacity: int
    price_from: Price | None
    address: str
    step_minutes: int | msgspec.UnsetType = msgspec.UNSET
    price_per_hour: Price | msgspec.UnsetType = msgspec.UNSET
    range: tuple[Time, Time] | msgspec.UnsetType = msgspec.UNSET
    price: Price | msgspec.UnsetType = msgspec.UNSET
    free: int | msgspec.UnsetType = msgspec.UNSET


class Resources(Answered, frozen=True):
    items: tuple[ResourceSummary, ...]
    next: str | None


class Rate(Answered, frozen=True):
    """Another price of an hour while clocks show `start` to `end`; no weekdays are all."""

    start: str
    end: str
    price_per_hour: Price
    weekdays: tuple[Weekday, ...]


class Grid(Answered, frozen=True):
    """When a place can be booked and what an hour of it costs; lengths in minutes."""

    step_minutes: int
    origin: Time
    opening_hours: dict[Weekday, Hours]
    exceptions: dict[str, Hours]
    price_per_hour: Price
    rates: tuple[Rate, ...]
    capacity: int
    buffer_minutes: int
    min_minutes: int
    max_minutes: int
    notice_minutes: int
    horizon_days: int


class Length(Answered, frozen=True):
    """A usual length of a range; `reason` says why one cannot be booked."""

    minutes: int
    end: Time
    price: Price | None
    available: bool
    reason: str | None


class Lengths(Answered, frozen=True):
    start: Time
    lengths: tuple[Length, ...]


class WholeResource(Answered, frozen=True):
    """A resource with its slots in index order, of a grid those of some days."""

    id: str
    kind: Kind
    title: str
    owner: str
    time_zone: str
    currency: str
    layout: int
    policy: HoldPolicy
    categories: tuple[Category, ...]
    plan: dict[str, Any]
    description: str
    starts_at: Time | None
    ends_at: Time | None
    price_lists: dict[str, PriceList]
    address: str
    grid: Grid | None
    slots: tuple[Slot, ...]


class Availability(Answered, frozen=True):
    """The live numbers; slot `first + i` has the i-th."""

    layout: int
    epoch: str
    version: int
    first: int
    available: tuple[int, ...]
    held: tuple[int, ...]


class Alive(Answered, frozen=True):
    status: Literal["ok"]


class Ready(Answered, frozen=True):
    """What the process can do its work with; 503 where something is away."""

    status: Literal["ok", "away", "draining"]
    parts: dict[str, Literal["ok", "away"]]


class Item(Answered, frozen=True):
    """A line of a booking: `price` is of one of its slot; or a range of time, `slot` its first step."""

    resource: str
    slot: str
    label: str
    quantity: int
    price: Price
    hold: str
    range: tuple[str, str] | None


class BookingQuote(Answered, frozen=True):
    """The rate its prices came about by, null where every one is an owner's own."""

    base: str
    rate: str | None
    quoted_at: Time | None


class BookingApproval(Answered, frozen=True):
    """What the owner said; silence declines at `expires_at`."""

    state: Approval
    expires_at: Time


class Booking(Answered, frozen=True):
    """A booking. `owed`: what nobody has paid yet; `payment` is the latest attempt to."""

    id: str
    reference: str
    status: BookingStatus
    payment_status: PaymentStatus
    items: tuple[Item, ...]
    total: Price
    owed: Price
    refunded: Price
    quote: BookingQuote | None
    customer: dict[str, Any]
    attendees: tuple[dict[str, Any], ...]
    special_requests: str
    driver_location: dict[str, Any] | None
    starts_at: Time | None
    ends_at: Time | None
    created_at: Time
    expires_at: Time
    confirmed_at: Time | None
    cancelled_at: Time | None
    cancel_reason: CancelReason | None
    approval: BookingApproval | None
    change: str | None
    change_of: str | None
    payment: str | None


class Transfer(Answered, frozen=True):
    """An offer of a booking: to `user`, or to whoever has the link. `token` and `url` are answered once."""

    id: str
    booking: str
    user: str | None
    status: Literal["offered", "accepted", "withdrawn", "expired"]
    created_at: Time
    expires_at: Time
    token: str | msgspec.UnsetType = msgspec.UNSET
    url: str | msgspec.UnsetType = msgspec.UNSET


class TransferAnswer(Answered, frozen=True):
    transfer: Transfer


class LastTransfer(Answered, frozen=True):
    transfer: Transfer | None


class OfferedItem(Answered, frozen=True):
    """What is handed on, without its price."""

    resource: str
    slot: str
    label: str
    quantity: int
    range: tuple[str, str] | None


class OfferedBooking(Answered, frozen=True):
    """What one may know of a booking before one takes it over."""

    reference: str
    status: BookingStatus
    items: tuple[OfferedItem, ...]


class TransferAndBooking(Answered, frozen=True):
    transfer: Transfer
    booking: OfferedBooking


class Transfers(Answered, frozen=True):
    items: tuple[TransferAndBooking, ...]
    next: str | None


class Payment(Answered, frozen=True):
    """An attempt to pay a booking or a share of it; the ways to pay are told to its payer alone."""

    id: str
    booking: str
    provider: str
    status: PaymentStatus
    attempt: int
    amount: Price
    refunded: Price
    share: str | None
    accepted: bool
    withdrawn: bool
    created_at: Time
    client_secret: str | msgspec.UnsetType = msgspec.UNSET
    redirect_url: str | msgspec.UnsetType = msgspec.UNSET
    pay_url: str | msgspec.UnsetType = msgspec.UNSET


class Refund(Answered, frozen=True):
    """Money on its way back; `dropped`: there turned out to be nothing left to give back."""

    id: str
    payment: str
    amount: Price
    reason: str
    note: str
    status: Literal["requested", "pending", "succeeded", "failed", "dropped"]
    created_at: Time
    done_at: Time | None


class BookingAnswer(Answered, frozen=True):
    booking: Booking


class BookingAndPayment(Answered, frozen=True):
    booking: Booking
    payment: Payment


class Cancellation(Answered, frozen=True):
    """What goes back to the buyer if the caller cancels before `until`; null: for good."""

    refund: Price
    percent: int
    until: Time | None


class ChangedBooking(Answered, frozen=True):
    """`payment` where places were asked for: what is to be paid before it has them, null if nothing."""

    booking: Booking
    payment: Payment | msgspec.UnsetType | None = msgspec.UNSET


class Bookings(Answered, frozen=True):
    items: tuple[Booking, ...]
    next: str | None


class PaymentAnswer(Answered, frozen=True):
    payment: Payment


class Payments(Answered, frozen=True):
    """`provider_available` is false while it is known that nobody can begin to pay."""

    items: tuple[Payment, ...]
    next: str | None
    provider_available: bool


class PayersBooking(Answered, frozen=True):
    """What somebody may know of a booking who pays a share of it."""

    id: str
    reference: str
    status: BookingStatus
    payment_status: PaymentStatus
    items: tuple[Item, ...]
    total: Price
    owed: Price
    refunded: Price
    expires_at: Time
    title: str
    currency: str


class ShareAnswer(Answered, frozen=True):
    payment: Payment
    booking: PayersBooking


class Month(Answered, frozen=True):
    """What a month's bookings brought in, in one currency."""

    month: str
    bookings: int
    taken: Price
    refunded: Price
    kept: Price


class Earnings(Answered, frozen=True):
    items: tuple[Month, ...]


class RefundedBooking(Answered, frozen=True):
    booking: Booking
    refunds: tuple[Refund, ...]


class Refunds(Answered, frozen=True):
    items: tuple[Refund, ...]
    next: str | None


class Validated(Answered, frozen=True):
    """`new` is false where the cart has a pending booking already."""

    valid: Literal[True]
    new: bool
    reference: str
    items: tuple[Item, ...]
    total: Price
    quote: BookingQuote | None
    expires_at: Time


class Quote(Answered, frozen=True):
    """The cart in a currency; one of `base` is `rate` of it."""

    reference: str
    base: str
    currency: str
    rate: str | None
    quoted_at: Time
    total: Price
    items: tuple[Item, ...]
    supported: tuple[str, ...]


class QuoteAnswer(Answered, frozen=True):
    quote: Quote | None


class Notice(Answered, frozen=True):
    """What its user was told. `data.booking` is the booking's id where there is one; texts are plain."""

    id: str
    kind: NoticeKind
    title: str
    message: str
    data: dict[str, Any]
    created_at: Time
    read_at: Time | None


class Notices(Answered, frozen=True):
    """The latest first; `unread` counts them all, up to 1,000."""

    items: tuple[Notice, ...]
    next: str | None
    unread: int


class Unread(Answered, frozen=True):
    """How many notices are left to be read, up to 1,000."""

    unread: int


class QuietTime(Answered, frozen=True):
    """From `start` to `end` (HH:MM) by the clocks of an IANA time zone nothing goes out."""

    start: str
    end: str
    time_zone: str


class Preferences(Answered, frozen=True):
    """How a user wants to be told; kinds that `channels` has not are told as usual."""

    email: str | None
    phone: str | None
    channels: dict[NoticeKind, tuple[Literal["email", "sms", "push"], ...]]
    batch_seconds: int
    quiet: QuietTime | None


class PreferencesAnswer(Answered, frozen=True):
    preferences: Preferences


class PushSubscription(Answered, frozen=True):
    """A browser that takes the user's pushes; `agent` is what it calls itself."""

    id: str
    agent: str
    created_at: Time
    expires_at: Time | None


class PushSubscriptionAnswer(Answered, frozen=True):
    push_subscription: PushSubscription


class PushSubscriptions(Answered, frozen=True):
    """`public_key`: what browsers subscribe with, in base64url; null where there are no pushes."""

    items: tuple[PushSubscription, ...]
    next: str | None
    public_key: str | None


class Webhook(Answered, frozen=True):
    """An owner's own system; `kinds` null is all. `secret` is shown while it is new, and never again.

    `failing_since`: it has taken nothing since; a disabled one is told nothing until it is enabled again.
    """

    id: str
    url: str
    kinds: tuple[NoticeKind, ...] | None
    description: str
    created_at: Time
    failing_since: Time | None
    disabled_at: Time | None
    last_error: str | None
    secret: str | msgspec.UnsetType = msgspec.UNSET


class WebhookAnswer(Answered, frozen=True):
    webhook: Webhook


class Webhooks(Answered, frozen=True):
    items: tuple[Webhook, ...]
    next: str | None


ANSWERS: Final[Mapping[str, Mapping[int, Any]]] = {
    "POST /api/sessions": {201: Session},
    "GET /api/notifications": {200: Notices},
    "POST /api/notifications/read": {200: Unread},
    "GET /api/preferences": {200: PreferencesAnswer},
    "PUT /api/preferences": {200: PreferencesAnswer},
    "GET /api/resources": {200: Resources},
    "POST /api/resources": {201: WholeResource},
    "GET /api/resources/{id}": {200: WholeResource, 304: None},
    "PATCH /api/resources/{id}": {200: WholeResource},
    "DELETE /api/resources/{id}": {204: None},
    "GET /api/resources/{id}/lengths": {200: Lengths},
    "GET /api/resources/{id}/availability": {200: Availability},
    "POST /api/holds": {201: HeldAnswer, 200: HeldAnswer},
    "GET /api/holds/{id}": {200: HoldAnswer},
    "DELETE /api/holds/{id}": {200: HoldAnswer},
    "GET /api/cart": {200: CartAnswer},
    "POST /api/cart/extend": {200: CartAnswer},
    "POST /api/cart/release": {204: None},
    "POST /api/cart/leave": {204: None},
    "GET /api/cart/quote": {200: QuoteAnswer},
    "POST /api/cart/quote": {200: QuoteAnswer},
    "POST /api/bookings/validate": {200: Validated},
    "POST /api/bookings": {201: BookingAndPayment, 200: BookingAndPayment},
    "GET /api/bookings": {200: Bookings},
    "GET /api/bookings/{id}": {200: BookingAnswer},
    "PUT /api/bookings/{id}/confirm": {200: BookingAnswer},
    "PUT /api/bookings/{id}/cancel": {200: BookingAnswer},
    "PATCH /api/bookings/{id}": {200: ChangedBooking},
    "DELETE /api/bookings/{id}": {200: BookingAnswer},
    "GET /api/bookings/{id}/cancellation": {200: Cancellation},
    "POST /api/bookings/{id}/transfer": {201: TransferAnswer},
    "GET /api/bookings/{id}/transfer": {200: LastTransfer},
    "DELETE /api/bookings/{id}/transfer": {204: None},
    "GET /api/transfers": {200: Transfers},
    "GET /api/transfers/{token}": {200: TransferAndBooking},
    "POST /api/transfers/{token}/accept": {200: BookingAnswer},
    "GET /api/bookings/{id}/payments": {200: Payments},
    "POST /api/bookings/{id}/payments": {201: PaymentAnswer},
    "GET /api/bookings/{id}/refunds": {200: Refunds},
    "POST /api/bookings/{id}/refunds": {201: RefundedBooking},
    "GET /api/earnings": {200: Earnings},
    "GET /api/payments/{id}": {200: PaymentAnswer},
    "DELETE /api/payments/{id}": {200: PaymentAnswer},
    "POST /api/payments/webhook": {200: None},
    "POST /api/payments/{id}/open": {200: ShareAnswer},
    "POST /api/payments/{id}/check": {200: PaymentAnswer},
    "POST /api/sandbox/payments/{id}": {200: PaymentAnswer},
    "GET /api/push-subscriptions": {200: PushSubscriptions},
    "POST /api/push-subscriptions": {201: PushSubscriptionAnswer},
    "DELETE /api/push-subscriptions": {204: None},
    "DELETE /api/push-subscriptions/{id}": {204: None},
    "GET /api/webhooks": {200: Webhooks},
    "POST /api/webhooks": {201: WebhookAnswer},
    "DELETE /api/webhooks": {204: None},
    "GET /api/webhooks/{id}": {200: WebhookAnswer},
    "DELETE /api/webhooks/{id}": {204: None},
    "POST /api/webhooks/{id}/secret": {200: WebhookAnswer},
    "POST /api/webhooks/{id}/enable": {200: WebhookAnswer},
    "POST /api/maintenance/expire": {200: Released},
    "GET /healthz": {200: Alive},
    "GET /readyz": {200: Ready, 503: Ready},
    "GET /metrics": {200: str},
    "GET /openapi.json": {200: dict[str, Any]},
    "GET /asyncapi.json": {200: dict[str, Any]},
}
"""Method and path → status → type; None has no body."""

_PAGE: Final = {"after": "`next` of the page before", "limit": "how many, at the most"}
_DAYS: Final = {"from": "of a grid the first day, 2026-11-21", "to": "the last day, 62 at the most"}
QUERIES: Final[Mapping[str, Mapping[str, str]]] = {
    "GET /api/resources": {
        "kind": "seats, sessions or grid",
        "owner": "a user's id",
        "q": "words of the title, description or address",
        "date": "a day, 2026-11-21",
        "from": "RFC 3339: grids that are free from then on …",
        "to": "… until then",
        **_PAGE,
    },
    "GET /api/resources/{id}": _DAYS,
    "GET /api/resources/{id}/availability": _DAYS,
    "GET /api/resources/{id}/lengths": {"start": "RFC 3339, when the range begins"},
    "GET /api/notifications": {"unread": "true: those that are not read yet", **_PAGE},
    "GET /api/bookings": {
        "role": "buyer: what one booked; owner: what others booked of one's own",
        "status": "one, or some with commas between",
        "payment_status": "one, or some with commas between",
        "approval": "one, or some with commas between",
        "resource": "a resource's id",
        "from": "what takes place then or later: a day in UTC, 2026-11-21, or RFC 3339 …",
        "to": "… until then, the day included",
        "q": "a part of the reference or of the customer's name",
        **_PAGE,
    },
}
"""What a query may say."""
