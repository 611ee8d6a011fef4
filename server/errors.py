"""Every refusal Holdfast makes, as one tree; each leaf says what the other side does next.

    HoldfastError
    ├── BadRequest          400  never     LimitExceeded      422  never
    ├── Unauthorized        401  refresh   InvalidFields      422  never
    ├── TokenExpired        401  refresh   RateLimited        429  later
    ├── Forbidden           403  never     Internal           500  later
    ├── SelfBooking         403  never     Overloaded         503  later
    ├── NotFound            404  never     Unavailable        503  later
    ├── UnknownResource     404  never
    ├── SlotTaken           409  never
    ├── HoldExpired         409  never
    ├── Conflict            409  later (with retry_after) or never
    ├── UnknownSlot         422  never
    └── InvalidRange        422  never

docs/errors.md says what each means.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

Retry = Literal["never", "now", "later", "refresh"]


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that does not hold: its path in the request and what would be right."""

    field: str
    message: str


class HoldfastError(Exception):
    """A refusal with a code. `detail` is a sentence for a person; it never carries a secret."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong here"
    retry: Retry = "never"

    def __init__(
        self,
        detail: str = "",
        *,
        slots: Sequence[str] | None = None,
        errors: Sequence[FieldError] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.slots = None if slots is None else list(slots)
        self.errors = None if errors is None else list(errors)
        self.retry_after = retry_after


class BadRequest(HoldfastError):
    code, status, title = "bad_request", 400, "The request is not understood"


class Unauthorized(HoldfastError):
    code, status, title = "unauthorized", 401, "A valid token is needed"
    retry: Retry = "refresh"


class TokenExpired(HoldfastError):
    code, status, title = "token_expired", 401, "The token has expired"
    retry: Retry = "refresh"


class Forbidden(HoldfastError):
    code, status, title = "forbidden", 403, "This is not allowed"


class SelfBooking(HoldfastError):
    code, status, title = "self_booking", 403, "Owners cannot book what is their own"


class NotFound(HoldfastError):
    code, status, title = "not_found", 404, "There is no such thing"


class UnknownResource(HoldfastError):
    code, status, title = "unknown_resource", 404, "There is no such resource"


class SlotTaken(HoldfastError):
    """`slots` names what cannot be had; it is empty when the best places were asked for."""

    code, status, title = "slot_taken", 409, "Somebody else has this already"


class HoldExpired(HoldfastError):
    code, status, title = "hold_expired", 409, "The hold has ended"


class Conflict(HoldfastError):
    code, status, title = "conflict", 409, "This does not go with the present state"

    def __init__(self, detail: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.retry = "never" if retry_after is None else "later"


class UnknownSlot(HoldfastError):
    code, status, title = "unknown_slot", 422, "The resource has no such slot"


class InvalidRange(HoldfastError):
    code, status, title = "invalid_range", 422, "The range of time cannot be booked"


class LimitExceeded(HoldfastError):
    code, status, title = "limit_exceeded", 422, "This is more than one buyer may have"


class InvalidFields(HoldfastError):
    """Fields that are well-formed and do not hold; `errors` names each."""

    code, status, title = "invalid_fields", 422, "Some fields do not hold"


class RateLimited(HoldfastError):
    code, status, title = "rate_limited", 429, "Too many requests"
    retry: Retry = "later"


class Internal(HoldfastError):
    code, status, title = "internal", 500, "Something went wrong here"
    retry: Retry = "later"


class Overloaded(HoldfastError):
    code, status, title = "overloaded", 503, "There is too much to do just now"
    retry: Retry = "later"


class Unavailable(HoldfastError):
    code, status, title = "unavailable", 503, "A server this depends on is away"
    retry: Retry = "later"
