"""Protocol v1: every message by direction, every close code and every error code with what to do next.

docs/protocol.md says what each message is for. Times are integer milliseconds since the Unix epoch. How a
message becomes bytes is in codec.py; how a client's bytes become a message, in hearing.py.

Positions are (epoch, version): versions rise by any amount within an epoch. Arrays of numbers (`available`,
`held`) are held as one `bytes` each, little-endian, `width` bytes a number.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

MAX_FRAME_BYTES = 64 * 1024
"""The longest frame a client may send; the connection of a longer one is closed with 1009."""

MAX_NAMES = 64
"""Keys of one map in a client's message: several times what any has."""

MAX_SAFE_INTEGER = 2**53 - 1
"""The largest integer a browser holds exactly; no number of the protocol is beyond it."""

Retry = Literal["never", "now", "later", "refresh"]

ERRORS: Mapping[str, tuple[int, Retry]] = {
    "bad_request": (400, "never"),
    "unauthorized": (401, "refresh"),
    "token_expired": (401, "refresh"),
    "forbidden": (403, "never"),
    "self_booking": (403, "never"),
    "not_found": (404, "never"),
    "unknown_resource": (404, "never"),
    "slot_taken": (409, "never"),
    "hold_expired": (409, "never"),
    "conflict": (409, "never"),
    "unknown_slot": (422, "never"),
    "invalid_range": (422, "never"),
    "limit_exceeded": (422, "never"),
    "invalid_fields": (422, "never"),
    "rate_limited": (429, "later"),
    "internal": (500, "later"),
    "overloaded": (503, "later"),
    "unavailable": (503, "later"),
}
"""Each error code: its HTTP status, and what a client does next unless the message says otherwise."""


class CloseCode(IntEnum):
    """Why a socket was closed. A client needs only the range: see `next_step`."""

    WRONG_KIND = 1003  # a text frame under msgpack, a binary one under JSON
    TOO_BIG = 1009
    POLICY = 1008  # a flood of control frames or fragments
    DRAIN = 4100  # this process is going away
    SILENT = 4101  # nothing came for too long, pongs included
    HELLO_TIMEOUT = 4102  # no `hello` in time
    OVERLOADED = 4200
    SLOW = 4201  # 1 MB of its own answers unread, or nothing read for 60 s
    RATE_LIMITED = 4202
    TOKEN_EXPIRED = 4400
    UNAUTHORIZED = 4401
    BAD_FRAMES = 4500  # the third malformed frame
    FORBIDDEN = 4501


NextStep = Literal["reconnect", "delay", "refresh", "stop"]


def next_step(code: int) -> NextStep:
    """What a client does after a close: reconnect with jitter, after a delay, with a new token, or not."""
    if 4200 <= code < 4400:
        return "delay"
    if 4400 <= code < 4500:
        return "refresh"
    if code in (CloseCode.WRONG_KIND, CloseCode.TOO_BIG, CloseCode.POLICY) or 4500 <= code < 5000:
        return "stop"
    return "reconnect"


def close_reason(words: str, retry_after: float | None = None) -> str:
    """A close frame's reason; with a delay in seconds it reads `too slow; retry_after=5`."""
    return words if retry_after is None else f"{words}; retry_after={retry_after:g}"


Identifier = Annotated[str, Meta(min_length=1, max_length=200)]
Token = Annotated[str, Meta(min_length=1, max_length=8192)]
Number = Annotated[int, Meta(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)]
Version = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
Ref = Annotated[str, Meta(max_length=128)] | Number
Op = Annotated[str, Meta(pattern="^[!-~]{1,64}$")]
"""A client's own name for one change, a ULID: the same twice is one effect and the first answer."""

Position = tuple[Identifier, Version]


class ClientMessage(Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    """What a browser, kiosk or program sends. Unknown fields are refused. `ref` is echoed by the answer."""

    ref: Ref | None = None


class Hello(ClientMessage, tag="hello", frozen=True, kw_only=True):
    """Who is there. `token` is the session's or a user's JWT, beside which `session` is the session's."""

    token: Token | None = None
    session: Token | None = None


class SectionsView(Struct, frozen=True, forbid_unknown_fields=True):
    """Only the slots of these sections."""

    sections: Annotated[tuple[Annotated[str, Meta(max_length=200)], ...], Meta(min_length=1, max_length=100)]


View = SectionsView | Literal["totals"] | None
"""What of a channel a client sees: all slots (None), some sections, or sums by section."""


class Subscribe(ClientMessage, tag="subscribe", frozen=True, kw_only=True):
    """Follow a channel, from `position` if the client has one for this view."""

    channel: Identifier
    position: Position | None = None
    view: View = None


class Unsubscribe(ClientMessage, tag="unsubscribe", frozen=True, kw_only=True):
    """Follow a channel no longer."""

    channel: Identifier


Item = tuple[Identifier, Number]


class Best(Struct, frozen=True, forbid_unknown_fields=True):
    """The best places there are, instead of named ones."""

    quantity: Number
    category: Identifier | None = None
    adjacent: bool = True


class Hold(ClientMessage, tag="hold", frozen=True, kw_only=True):
    """Take slots until a deadline: exactly one of `items` (slot, quantity), `range` and `best`."""

    resource: Identifier
    items: tuple[Item, ...] | None = None
    range: tuple[Identifier, Identifier] | None = None
    best: Best | None = None
    op: Op | None = None


class Release(ClientMessage, tag="release", frozen=True, kw_only=True):
    """Give a hold back, or a part of it."""

    hold: Identifier
    items: tuple[Item, ...] | None = None
    op: Op | None = None


class Extend(ClientMessage, tag="extend", frozen=True, kw_only=True):
    """Move the cart's deadline."""

    op: Op | None = None


class Leave(ClientMessage, tag="leave", frozen=True, kw_only=True):
    """The page is going away: the grace starts. Nothing answers it."""


class Refresh(ClientMessage, tag="refresh", frozen=True, kw_only=True):
    """A new token for the same subject."""

    token: Token


AnyClientMessage = Hello | Subscribe | Unsubscribe | Hold | Release | Extend | Leave | Refresh
CLIENT_MESSAGES: tuple[type[ClientMessage], ...] = (
    Hello,
    Subscribe,
    Unsubscribe,
    Hold,
    Release,
    Extend,
    Leave,
    Refresh,
)


class Money(Struct, frozen=True):
    """An amount in minor units, and its ISO 4217 code in lower case."""

    amount: int
    currency: str


class HoldView(Struct, frozen=True, kw_only=True):
    """A hold as its owner sees it. `items` are (slot, quantity); `price` is of all of them."""

    id: str
    resource: str
    items: tuple[tuple[str, int], ...]
    range: tuple[str, str] | None = None
    price: Money
    status: str
    expires_at: int


class CartView(Struct, frozen=True, kw_only=True):
    """A cart in short; its holds are told apart."""

    reference: str
    expires_at: int
    total: Money


class ServerMessage(Struct, frozen=True, kw_only=True, tag_field="type"):
    """What the server sends. A field that is UNSET is left out."""


class Welcome(ServerMessage, tag="welcome", frozen=True, kw_only=True):
    """The answer to `hello`. `token` is always the session's; `cart` is null if there is none."""

    ref: str | int | UnsetType = UNSET
    session: str
    token: str
    node: str
    server_time: int
    heartbeat_seconds: int
    cart: CartView | None
    holds: tuple[HoldView, ...]


class Snapshot(ServerMessage, tag="snapshot", frozen=True, kw_only=True):
    """All numbers of a view at a position; it replaces what the client had.

    `width` is 1, 2 or 4. Without `sections`, slot `first + i` has the i-th numbers. With `sections`, the
    arrays hold those sections' slots in index order, and `count` is how many they are.
    """

    channel: str
    layout: int
    epoch: str
    version: int
    first: int
    count: int
    width: int
    available: bytes
    held: bytes
    sections: tuple[str, ...] | UnsetType = UNSET


class Delta(ServerMessage, tag="delta", frozen=True, kw_only=True, rename={"from_": "from"}):
    """The final state of each slot that changed in (from, to]: index, available, held, flat and ascending.

    A client at `mine` applies it if from <= mine < to, ignores it if to <= mine, and else subscribes again.
    """

    channel: str
    epoch: str
    from_: int
    to: int
    changes: list[int]


class Totals(ServerMessage, tag="totals", frozen=True, kw_only=True):
    """Sums by section: (available, held, capacity)."""

    channel: str
    epoch: str
    version: int
    sections: dict[str, tuple[int, int, int]]


class Held(ServerMessage, tag="held", frozen=True, kw_only=True):
    """The answer to `hold`: what is now held, the cart it is in, and the version that shows it."""

    ref: str | int | UnsetType = UNSET
    hold: HoldView
    cart: CartView
    version: int


class HoldChanged(ServerMessage, tag="hold", frozen=True, kw_only=True):
    """A change of one of the session's holds: the whole hold, flat, and why."""

    id: str
    resource: str
    items: tuple[tuple[str, int], ...]
    range: tuple[str, str] | None = None
    price: Money
    status: str
    expires_at: int
    reason: str


class CartChanged(ServerMessage, tag="cart", frozen=True, kw_only=True):
    """The cart as it is now; an ended one has a null `reference`, `expires_at` and `total`, and no holds."""

    reference: str | None
    expires_at: int | None
    total: Money | None
    holds: tuple[HoldView, ...]


class BookingChanged(ServerMessage, tag="booking", frozen=True, kw_only=True):
    """A change of one of the session's or user's bookings; on the wire `fields` lie flat beside `type`."""

    fields: Mapping[str, Any]


class Notification(ServerMessage, tag="notification", frozen=True, kw_only=True):
    """Something a user should know. `data.booking` is the booking's id."""

    id: str
    kind: str
    title: str
    message: str
    data: Mapping[str, Any]
    created_at: int


class NotificationsRead(ServerMessage, tag="notifications_read", frozen=True, kw_only=True):
    """The user has read these, here or in another tab."""

    ids: tuple[str, ...]


class Heartbeat(ServerMessage, tag="heartbeat", frozen=True, kw_only=True, omit_defaults=True):
    """The server lives. `stale` is there, and true, while Redis is away and maps may be old."""

    server_time: int
    stale: bool = False


class Ok(ServerMessage, tag="ok", frozen=True, kw_only=True):
    """Done. `cart` is in the answer to `extend`."""

    ref: str | int | UnsetType = UNSET
    cart: CartView | UnsetType = UNSET


class Error(ServerMessage, tag="error", frozen=True, kw_only=True):
    """Refused, and what to do next. `retry_after` is in seconds, `slots` are ids."""

    ref: str | int | UnsetType = UNSET
    code: str
    message: str
    retry: Retry
    retry_after: float | UnsetType = UNSET
    slots: tuple[str, ...] | UnsetType = UNSET


class Goodbye(ServerMessage, tag="goodbye", frozen=True, kw_only=True):
    """The process goes away: reconnect after `after_ms` plus a random part of `spread_ms`."""

    reason: str
    after_ms: int
    spread_ms: int


SERVER_MESSAGES: tuple[type[ServerMessage], ...] = (
    Welcome,
    Snapshot,
    Delta,
    Totals,
    Held,
    HoldChanged,
    CartChanged,
    BookingChanged,
    Notification,
    NotificationsRead,
    Heartbeat,
    Ok,
    Error,
    Goodbye,
)
