"""What can go wrong, by what to do about it.

HoldfastError
├── Unreachable        no answer came, although it was asked for again as long as there was patience
├── LineClosed         the server will not have this connection again (or it was closed here)
├── Declined           Stripe does not take this way of paying (channels.client.stripe)
├── StripeRefused      Stripe does not know the key or the payment, or may not do that with it
└── Refused            the server's answer; each problem `code` has a class of its own below it
    ├── NotSignedIn    unauthorized, token_expired: another token is needed
    ├── NotAllowed     forbidden, self_booking
    ├── NotFound       not_found, unknown_resource: there is none, or it is somebody else's
    ├── NotNow         rate_limited, internal, overloaded, unavailable: the same may go well later
    └── Wrong          bad_request, unknown_slot, invalid_range, limit_exceeded, invalid_fields
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from channels.protocol import ERRORS

Retry = Literal["never", "now", "later", "refresh"]


class HoldfastError(Exception):
    """Anything that went wrong; nothing else is raised for it."""


class Unreachable(HoldfastError):
    """No answer: the way to the server, or the server, is down. A change may have been made or not."""


class LineClosed(HoldfastError):
    """The socket is closed for good; `code` is its close code, 1000 for one that was closed here."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"closed with {code}: {reason}" if reason else f"closed with {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that does not hold."""

    field: str
    message: str


class Refused(HoldfastError):
    """The server's answer is no. `slots` are ids of what cannot be had, `retry_after` is in seconds."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        status: int = 0,
        retry: Retry = "never",
        retry_after: float | None = None,
        slots: tuple[str, ...] = (),
        errors: tuple[FieldError, ...] = (),
    ) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.status = status
        self.retry = retry
        self.retry_after = retry_after
        self.slots = slots
        self.errors = errors


class NotSignedIn(Refused):
    """Another token is needed."""


class TokenExpired(NotSignedIn):
    """The token's time is over."""


class NotAllowed(Refused):
    """Whoever asks may not do that."""


class SelfBooking(NotAllowed):
    """Nobody books what is their own."""


class NotFound(Refused):
    """There is no such thing, or it is somebody else's."""


class UnknownResource(NotFound):
    """There is no such resource."""


class SlotTaken(Refused):
    """Somebody else has some of it; `slots` says which, and is empty for the best places."""


class HoldExpired(Refused):
    """Something that was held is held no longer."""


class Conflict(Refused):
    """It does not go with the present state."""


class Wrong(Refused):
    """The request itself does not hold, whenever it is made."""


class UnknownSlot(Wrong):
    """The resource has no such slot."""


class InvalidRange(Wrong):
    """The range of time cannot be booked; the detail says what could."""


class LimitExceeded(Wrong):
    """More than one buyer may have."""


class InvalidFields(Wrong):
    """`errors` names the fields."""


class NotNow(Refused):
    """The same may go well later, after `retry_after` seconds where they are given."""


class RateLimited(NotNow):
    """Too many requests."""


BY_CODE: Final[Mapping[str, type[Refused]]] = {
    "bad_request": Wrong,
    "unauthorized": NotSignedIn,
    "token_expired": TokenExpired,
    "forbidden": NotAllowed,
    "self_booking": SelfBooking,
    "not_found": NotFound,
    "unknown_resource": UnknownResource,
    "slot_taken": SlotTaken,
    "hold_expired": HoldExpired,
    "conflict": Conflict,
    "unknown_slot": UnknownSlot,
    "invalid_range": InvalidRange,
    "limit_exceeded": LimitExceeded,
    "invalid_fields": InvalidFields,
    "rate_limited": RateLimited,
    "internal": NotNow,
    "overloaded": NotNow,
    "unavailable": NotNow,
}
"""Each code of the protocol; a code that is none is Refused, or NotNow for a 5xx."""


def refusal(status: int, problem: Mapping[str, Any], retry_after: float | None = None) -> Refused:
    """From a problem document, or from a socket's `error`, which has its own `retry` and no status."""
    code = str(problem.get("code") or f"http_{status}")
    known = ERRORS.get(code)
    kind = BY_CODE.get(code, NotNow if status >= 500 else Refused)
    given = problem.get("retry_after", retry_after)
    after = float(given) if isinstance(given, int | float) else retry_after
    retry = problem.get("retry") or (known[1] if known else "later" if status >= 500 else "never")
    return kind(
        code,
        str(problem.get("detail") or problem.get("message") or problem.get("title") or ""),
        status=status or (known[0] if known else 0),
        retry="later" if code == "conflict" and after is not None else retry,
        retry_after=after,
        slots=tuple(problem.get("slots") or ()),
        errors=tuple(FieldError(each["field"], each["message"]) for each in problem.get("errors") or ()),
    )
