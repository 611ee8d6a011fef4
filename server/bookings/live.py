"""What bookings ask of the live state; `server.holds.service.Holds` is one of these."""

from collections.abc import Sequence
from typing import Literal, Protocol

from server.holds.rules import Cart, EndReason, Hold


class CartNow(Protocol):
    """What a session has in its cart, and what that has lost, of one moment."""

    @property
    def cart(self) -> Cart | None:
        """Its `held` holds."""
        ...

    @property
    def ended(self) -> list[Hold]:
        """What it lost by its deadline or by no act of ours, until a new one is opened."""
        ...


class LiveHolds(Protocol):
    """Holds in Redis. Every call raises Unavailable while Redis is away and is safe to repeat."""

    async def cart(self, session: str) -> Cart | None:
        """The session's cart of `held` holds."""
        ...

    async def standing(self, session: str) -> CartNow:
        """The session's cart, and what it lost."""
        ...

    async def cart_to_book(self, session: str) -> CartNow:
        """The cart as it is read to be booked: holds with less than five seconds left get five."""
        ...

    async def epoch(self, resource_id: str) -> str | None:
        """The epoch Redis was last built for; None: it knows nothing of the resource."""
        ...

    async def ensure(self, resource_id: str) -> None:
        """Build the resource's live state if there is none."""
        ...

    async def load(self, resource_id: str) -> None:
        """Build it anew in any case, under a new epoch."""
        ...

    async def begin_paying(self, holds: Sequence[Hold], booking: str, until_ms: int) -> list[Hold]:
        """From held to paying, all or none; answers those that had ended."""
        ...

    async def confirm(self, holds: Sequence[Hold], booking: str) -> None:
        """To booked; what Redis does not know was counted when it was built."""
        ...

    async def retake(self, holds: Sequence[Hold], booking: str, until_ms: int) -> bool:
        """Take the same again as paying; False if somebody has any of it, and then nothing changed."""
        ...

    async def return_to_cart(self, holds: Sequence[Hold], booking: str) -> Cart | None:
        """From paying to held, in the cart under its reference."""
        ...

    async def end(
        self,
        holds: Sequence[Hold],
        booking: str,
        status: Literal["released", "expired"],
        reason: EndReason,
    ) -> None:
        """From paying to free."""
        ...

    async def unbook(self, holds: Sequence[Hold], booking: str, epoch: str) -> None:
        """From booked to free, once, if Redis still has this epoch."""
        ...
