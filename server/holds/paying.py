"""What bookings do to holds: begin paying, confirm, return to the cart, end. PostgreSQL has decided before.

Each step may come twice, or after a rebuild that has done it already; the booking's id on the hold tells.
"""

from collections.abc import Sequence
from typing import Literal

from server.errors import Conflict
from server.holds.carts import Carts, Standing, by_resource, ids
from server.holds.index import Index, OpenCart
from server.holds.loading import Loader
from server.holds.policies import Policies
from server.holds.rules import Cart, EndReason, Hold, cart_of, opened_at


class Paying:
    """One resource after another; what was done of a step that fails as a whole is undone."""

    def __init__(
        self,
        loader: Loader,
        index: Index,
        carts: Carts,
        policies: Policies,
    ) -> None:
        self._loader = loader
        self._index = index
        self._carts = carts
        self._policies = policies

    async def begin(self, holds: Sequence[Hold], booking: str, until_ms: int) -> list[Hold]:
        """From held to paying, all or none; answers those that had ended."""
        done: list[Hold] = []
        for resource, group in by_resource(holds).items():
            answer = await self._loader.run(
                "pay", resource, holds=ids(group), booking=booking, until_ms=until_ms
            )
            if answer.ended:
                if done:
                    await self._undo(done, booking)
                return [hold for hold in group if hold.id in answer.ended]
            done += group
        for session, reference in {(hold.session, hold.reference) for hold in holds}:
            await self._index.write(session, close=reference)
        return []

    async def _undo(self, holds: Sequence[Hold], booking: str) -> None:
        """Back to the cart, each at the deadline it had."""
        hold_ms, max_ms = await self._policies.shortest({hold.resource for hold in holds})
        for resource, group in by_resource(holds).items():
            await self._loader.run(
                "return_to_cart",
                resource,
                holds=ids(group),
                booking=booking,
                undone=True,
                hold_ms=hold_ms,
                max_ms=max_ms,
            )

    async def confirm(self, holds: Sequence[Hold], booking: str) -> None:
        """From held or paying to booked."""
        for resource, group in by_resource(holds).items():
            await self._loader.run("confirm", resource, holds=ids(group), booking=booking)

    async def retake(self, holds: Sequence[Hold], booking: str, until_ms: int) -> bool:
        """Take the same again as paying, all or none."""
        done: list[Hold] = []
        for resource, group in by_resource(holds).items():
            steps = (item.index for hold in group for item in hold.items)
            answer = await self._loader.run_laid(
                "retake", resource, steps, holds=group, booking=booking, until_ms=until_ms
            )
            if answer.status == "taken":
                await self.end(done, booking, "expired", "deadline")
                return False
            done += group
        await self._index.find_again(done)
        return True

    async def end(
        self,
        holds: Sequence[Hold],
        booking: str,
        status: Literal["released", "expired"],
        reason: EndReason,
    ) -> None:
        """From paying to free."""
        for resource, group in by_resource(holds).items():
            content = {"holds": ids(group), "booking": booking, "as": status, "reason": reason}
            await self._loader.run("end", resource, **content)

    async def unbook(self, holds: Sequence[Hold], booking: str, epoch: str) -> None:
        """From booked to free."""
        for resource, group in by_resource(holds).items():
            await self._loader.run("unbook", resource, holds=group, booking=booking, epoch=epoch)

    async def return_to_cart(self, holds: Sequence[Hold], booking: str) -> Cart | None:
        """From paying back to held, in one cart with what the session put into another one meanwhile."""
        if not holds:
            return None
        session, reference = holds[0].session, holds[0].reference
        standing = await self._carts.read(session)
        owner = await self._policies.owner(holds[0].resource)
        paying = await self._still_paying(holds, booking)
        if not paying:
            return standing.cart
        _refuse_other_cart(standing, owner, paying[0].currency)
        together = await self._merge(reference, booking, paying, standing.held)
        cart = cart_of(together, owner=owner)
        await self._open(cart)
        return cart

    async def _still_paying(self, holds: Sequence[Hold], booking: str) -> list[Hold]:
        wanted = {resource: ids(group) for resource, group in by_resource(holds).items()}
        found = await self._loader.store.holds(wanted)
        return [hold for hold in found.values() if hold.status == "paying" and hold.booking == booking]

    async def _merge(
        self, reference: str, booking: str, paying: Sequence[Hold], others: Sequence[Hold]
    ) -> list[Hold]:
        """All under one reference and deadline; the first resource reckons it, the others follow."""
        first_hold_at = opened_at([*paying, *others])
        hold_ms, max_ms = await self._policies.shortest({hold.resource for hold in (*paying, *others)})
        together: list[Hold] = []
        expires_at: int | None = None
        for resource, group in by_resource(paying).items():
            answer = await self._loader.run(
                "return_to_cart",
                resource,
                holds=ids(group),
                booking=booking,
                expires_at=expires_at,
                hold_ms=hold_ms,
                max_ms=max_ms,
                first_hold_at=first_hold_at,
            )
            expires_at = answer.expires_at
            together += answer.holds
        for resource, group in by_resource(others).items():
            answer = await self._loader.run(
                "move",
                resource,
                session=group[0].session,
                holds=ids(group),
                expires_at=expires_at,
                reference=reference,
                first_hold_at=first_hold_at,
            )
            together += answer.holds
        return together

    async def _open(self, cart: Cart | None) -> None:
        if cart is None:
            return
        await self._index.write(
            cart.session,
            put=[(hold.id, cart.reference, hold.resource) for hold in cart.holds],
            cart=OpenCart(
                reference=cart.reference,
                owner=cart.owner,
                currency=cart.currency,
                first_hold_at=cart.first_hold_at,
            ),
        )


def _refuse_other_cart(standing: Standing, owner: str, currency: str) -> None:
    other = standing.cart
    if other is not None and (other.owner, other.currency) != (owner, currency):
        raise Conflict(
            "The cart has things of another owner or currency by now: release them first,"
            " or cancel with release, and these are given up"
        )
