"""Who has what, until when: what the other rooms call.

Only a resource's scripts decide, and each sees one resource; a cart that has holds in several is changed in
one after another.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from redis.asyncio import Redis

from channels.replica import Change, Position, State
from server.accounts.rules import Caller
from server.errors import (
    Conflict,
    HoldExpired,
    NotFound,
    SelfBooking,
    Unauthorized,
)
from server.holds import finding, live_state
from server.holds.carts import Carts, Standing, by_resource, ids
from server.holds.index import Index, Listing
from server.holds.live_state import Choose, whole_horizon
from server.holds.loading import Loader
from server.holds.paying import Paying
from server.holds.places import Begun, Held
from server.holds.policies import Policies
from server.holds.releasing import Released, Releasing
from server.holds.requests import Items
from server.holds.rules import (
    Cart,
    EndReason,
    Hold,
    HoldRequest,
    cart_of,
)
from server.holds.scripts import Scripts
from server.holds.sources import BookedSource, Loaded, Resources
from server.holds.store import BATCH, HoldStore
from server.holds.taking import Taking
from server.holds.trust import LivenessTrust
from server.inventory.grid.calendar import Calendar
from server.settings import Settings
from server.times import Clock, now_milliseconds


class Holds:
    """All holds and carts. Everything raises Unavailable at once while Redis is away.

    `redis` comes from client.connect, so that nothing repeats by itself; `process` names this process;
    `clock` is the wall's, in ms. `op` is a caller's own name for a change: the same one twice, for the same
    command on the same thing, is one effect and the first answer.
    """

    def __init__(
        self,
        redis: Redis,
        inventory: Resources,
        booked: BookedSource,
        settings: Settings,
        *,
        process: str,
        clock: Clock = now_milliseconds,
        scripts: Scripts | None = None,
    ) -> None:
        scripts = scripts or Scripts(redis)
        self.process = process
        self.settings = settings
        self.store = HoldStore(scripts)
        self.index = Index(scripts)
        self.policies = Policies(inventory, settings)
        self.carts = Carts(self.index, self.store, self.policies)
        self.loader = Loader(self.store, self.index, inventory, booked)
        self.trust = LivenessTrust(settings.disconnect_grace_seconds + 0.5)
        self._inventory = inventory
        self._taking = Taking(
            self.loader, self.index, self.carts, inventory, self.policies, trust=self.trust, clock=clock
        )
        self._releasing = Releasing(self.loader, self.index, inventory)
        self._paying = Paying(self.loader, self.index, self.carts, self.policies)

    @property
    def is_behind(self) -> bool:
        """Whether as many hold commands wait as are sent to Redis at once."""
        return self.store.is_behind

    def on_taken(self, listener: Callable[[str, str, str], object]) -> None:
        """Call with a session, a resource and the hold that it took there by a socket of this process.

        Redis knows by that how alive the session is.
        """
        self._taking.on_taken = listener

    # Holding.

    async def hold(self, caller: Caller, request: HoldRequest, *, op: str | None, connected: bool) -> Held:
        """Take what the request names, all or nothing; `connected` says that the session has a socket here.

        Raises SlotTaken with the slots that cannot be had (none for `best`), Conflict for a cart of another
        owner or currency, LimitExceeded, SelfBooking, and what requests.py refuses.
        """
        session = _session_of(caller)
        if caller.user is not None:
            _refuse_owner(caller, await self._inventory.get(request.resource))
        process = self.process if connected else None
        return await self._taking.hold(session, request, op=op, process=process)

    def begin_hold(self, caller: Caller, request: HoldRequest, *, op: str | None) -> Begun[Held] | None:
        """The same by a socket here, sent to Redis at once; None where something comes before that."""
        session, loaded = _session_of(caller), self._inventory.at_hand(request.resource)
        if loaded is None:
            return None
        _refuse_owner(caller, loaded)
        return self._taking.begin(session, request, loaded, op=op, process=self.process)

    def nothing_against(self, caller: Caller, request: HoldRequest, loaded: Loaded) -> Items | None:
        """The items of a request that a session without holds could only be refused because others have them.

        None for a request that there may be something else against.
        """
        if caller.user is not None and loaded.resource.owner == caller.user:
            return None
        return self._taking.wants(request, loaded)

    # Giving back, prolonging.

    async def release(
        self,
        caller: Caller,
        hold: str,
        items: Sequence[tuple[str, int]] | None = None,
        *,
        op: str | None,
        resource: str | None = None,
    ) -> Released:
        """Give a hold back, or `items` (slot id, quantity) of it; one that has ended is answered as it is.

        It is one call to Redis where the caller knows in which `resource` the hold is.
        """
        session = _session_of(caller)
        return await self._releasing.release(
            session, hold, items, op=_of(f"release {hold}", op), resource=resource
        )

    def begin_release(
        self, caller: Caller, hold: str, *, op: str | None, resource: str
    ) -> Begun[Released] | None:
        """The same of all of a hold in this `resource`, sent to Redis at once; None if it can't be."""
        session = _session_of(caller)
        return self._releasing.begin(session, hold, op=_of(f"release {hold}", op), resource=resource)

    async def extend(self, caller: Caller, *, op: str | None) -> Cart:
        """Move the cart's deadline to now + its hold's length, below its ceiling."""
        session = _session_of(caller)
        standing = await self.carts.read(session)
        cart = standing.cart
        if cart is None:
            raise _nothing_to_extend(standing)
        hold_ms, max_ms = await self.policies.shortest({hold.resource for hold in cart.holds})
        moved: list[Hold] = []
        expires_at = None
        for resource, holds in by_resource(cart.holds).items():
            answer = await self.loader.run(
                "move",
                resource,
                session=session,
                holds=ids(holds),
                op=_of("extend", op),
                expires_at=expires_at,
                hold_ms=hold_ms,
                max_ms=max_ms,
                first_hold_at=cart.first_hold_at,
            )
            expires_at = answer.expires_at
            moved += answer.holds
        extended = cart_of(moved, owner=cart.owner)
        if extended is None:
            raise HoldExpired("The cart ended just now")
        return extended

    async def release_cart(self, caller: Caller, *, op: str | None) -> None:
        """Give all of the cart back at once; without a cart there is nothing to do."""
        session = _session_of(caller)
        standing = await self.carts.read(session)
        await self._releasing.release_all(session, standing.held, op=_of("release cart", op))
        if standing.listing.cart is not None:
            dropped = [entry.hold for entry in standing.listing.of_cart()]
            await self.index.write(session, drop=dropped)

    async def leave(self, caller: Caller) -> None:
        """An HTTP `leave`: the grace starts, unless a socket of the session keeps its holds up."""
        session = _session_of(caller)
        for resource in await self.resources_of(session):
            grace_ms = (await self.policies.of(resource)).grace_ms
            await self.store.run("leave", resource, field="leave", grace_ms=grace_ms, sessions=[session])

    # Reading.

    async def cart(self, session: str) -> Cart | None:
        """The session's cart of `held` holds."""
        return (await self.carts.read(session)).cart

    async def ended(self, session: str) -> list[Hold]:
        """What the session's cart lost by no act of its buyer, until the next one is opened."""
        return (await self.carts.read(session)).ended

    async def holds(self, session: str) -> list[Hold]:
        """The session's holds, held and paying, the oldest first."""
        return (await self.carts.read(session)).live

    async def standing(self, session: str, listing: Listing | None = None) -> Standing:
        """Cart and holds of one moment; `listing` is the session's index, where that was just read."""
        return await self.carts.read(session, listing)

    async def cart_to_book(self, session: str) -> Standing:
        """The cart as it is read to be booked: holds with less than five seconds left get five.

        Once, until an extension moves them (decision 25).
        """
        return await self.carts.cart_to_book(session)

    async def find(self, session: str, hold: str) -> Hold:
        """One of the session's own holds; an ended one is known for ten minutes more."""
        resource = await self.index.resource_of(session, hold)
        found = {} if resource is None else await self.store.holds({resource: [hold]})
        if hold not in found or found[hold].session != session:
            raise NotFound
        return found[hold]

    async def resources_of(self, session: str) -> list[str]:
        """Where the session may have holds."""
        listing = await self.index.read(session)
        return sorted({entry.resource for entry in listing.entries})

    # For bookings: all of it safe to repeat, told apart by the booking's id.

    async def begin_paying(self, holds: Sequence[Hold], booking: str, until_ms: int) -> list[Hold]:
        """From held to paying until `until_ms`, all or none; answers those that had ended."""
        return await self._paying.begin(holds, booking, until_ms)

    async def confirm(self, holds: Sequence[Hold], booking: str) -> None:
        """From held or paying to booked."""
        await self._paying.confirm(holds, booking)

    async def retake(self, holds: Sequence[Hold], booking: str, until_ms: int) -> bool:
        """Take the same again as paying; False if somebody has any of it, and then nothing changed."""
        return await self._paying.retake(holds, booking, until_ms)

    async def return_to_cart(self, holds: Sequence[Hold], booking: str) -> Cart | None:
        """From paying back to held, in one cart with what the session has held meanwhile.

        Raises Conflict if that has another owner or currency.
        """
        return await self._paying.return_to_cart(holds, booking)

    async def end(
        self,
        holds: Sequence[Hold],
        booking: str,
        status: Literal["released", "expired"],
        reason: EndReason,
    ) -> None:
        """From paying to free."""
        await self._paying.end(holds, booking, status, reason)

    async def unbook(self, holds: Sequence[Hold], booking: str, epoch: str) -> None:
        """From booked to free, once, if Redis still has this epoch."""
        await self._paying.unbook(holds, booking, epoch)

    # The live state as a whole.

    async def expire(self, reference: str | None = None) -> list[Hold]:
        """Give back all that is due now, in every resource; `reference` narrows it to one cart."""
        ended: list[Hold] = []
        for resource in sorted(await self.store.resources()):
            while True:
                answer = await self.loader.run(
                    "expire", resource, limit=1000, liveness=bool(self.trust), reference=reference
                )
                ended += answer.holds
                if len(answer.holds) < 1000:
                    break
        return ended

    async def swept(self, resource: str) -> Position | None:
        """Where a resource stands once all that was due in it has ended; None where more is due.

        Unloaded where Redis does not know it.
        """
        answer = await self.store.expire(resource, liveness=bool(self.trust))
        return None if len(answer.holds) >= BATCH else (answer.epoch, answer.version)

    async def load(self, resource: str) -> None:
        """Rebuild a resource from PostgreSQL under a new epoch, keeping the holds that still fit."""
        await self.loader.load(resource)

    async def load_edited(self, resource: str) -> None:
        """The same after an edit, which whoever is rebuilding it meanwhile may not have read."""
        await self.loader.load_anew(resource)

    async def ensure(self, resource: str) -> None:
        """Load the resource unless Redis knows it."""
        await self.loader.ensure(resource)

    async def ensure_current(self, resource: str) -> None:
        """Load the resource unless Redis knows it, and is the Redis that it was built in.

        One that came back may have an older file: what it does not know may be PostgreSQL's by now.
        """
        await self.loader.ensure_current(resource)

    async def epoch(self, resource: str) -> str | None:
        """The epoch Redis was last built for; None: it knows nothing of the resource."""
        meta = await self.store.meta(resource)
        return None if meta is None else meta.epoch

    async def read(self, resource: str, choose: Choose = whole_horizon) -> State:
        """The whole live state, for replicas and snapshots; of a grid the steps that `choose` names."""
        return await live_state.read(self.loader, resource, choose)

    async def free(self, wanted: Mapping[str, tuple[Calendar, int, int]]) -> dict[str, int]:
        """Of many grids at once: how many can have all the steps that are wanted there."""
        return await finding.free(self.loader, wanted)

    async def changes_since(self, resource: str, epoch: str, version: int) -> list[Change] | None:
        """The log after a position; None if the log does not know it."""
        return await live_state.changes_since(self.loader, resource, epoch, version)

    async def positions(self, resources: Sequence[str]) -> dict[str, Position | None]:
        """Where each resource stands, None for one that must be loaded again.

        Of a cluster, those of a server that does not answer are left out; Unavailable if none does.
        """
        return await live_state.positions(self.store, resources)

    async def went_back(self, resource: str, epoch: str, version: int) -> None:
        """Rebuild a resource that stands at an older version of this epoch; once, however many ask."""
        await self.loader.repair(resource, lambda meta: meta.epoch == epoch and meta.version < version)


def _session_of(caller: Caller) -> str:
    if not caller.session:
        raise Unauthorized("A session is needed; POST /api/sessions opens one")
    return caller.session


def _refuse_owner(caller: Caller, loaded: Loaded) -> None:
    """Nobody takes what is their own; who signs in only later is refused when it is booked."""
    if caller.user is not None and loaded.resource.owner == caller.user:
        raise SelfBooking


def _of(change: str, op: str | None) -> str | None:
    """The op as this change's alone: an Idempotency-Key, too, counts for one route (decision 8)."""
    return None if op is None else f"{change} {op}"


def _nothing_to_extend(standing: Standing) -> Exception:
    if standing.ended:
        return HoldExpired("The cart has ended")
    return Conflict("There is no cart to extend")
