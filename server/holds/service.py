"""Who has what, until when: what the other rooms call.

A resource's scripts are the only ones that decide. A hold is two calls: the session's index says which cart
it joins and notes the intent, then the resource takes it, all or nothing. Over several resources it goes one
by one, and the cart's other holds follow the first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from redis.asyncio import Redis

from channels.replica import Change, State
from server.accounts.rules import Caller
from server.errors import (
    BadRequest,
    Conflict,
    HoldExpired,
    LimitExceeded,
    NotFound,
    SlotTaken,
    Unauthorized,
    UnknownSlot,
)
from server.holds import live_state, requests
from server.holds.carts import Carts, Standing, by_resource, ids
from server.holds.index import ON_ITS_WAY_MS, Index, Joined, Listing, OpenCart
from server.holds.loading import Loader
from server.holds.paying import Paying
from server.holds.rules import (
    Cart,
    EndReason,
    Hold,
    HoldRequest,
    Terms,
    cart_of,
    hold_id,
    new_reference,
    opened_at,
    shortest,
    terms_of,
)
from server.holds.scripts import Scripts
from server.holds.sources import BookedSource, Loaded, Resources
from server.holds.store import Answer, HoldStore
from server.holds.trust import LivenessTrust
from server.http.times import now_milliseconds
from server.settings import Settings


@dataclass(frozen=True, slots=True)
class Held:
    """What a request for a hold came to; `created` is False if the session had just that already."""

    hold: Hold
    cart: Cart
    version: int
    created: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """The cart that a new hold joins: what the index says, and what of it lives in other resources."""

    joined: Joined
    elsewhere: list[Hold]
    on_its_way: bool

    @property
    def is_alive_elsewhere(self) -> bool:
        return bool(self.elsewhere) or self.on_its_way


class Holds:
    """All holds and carts. Everything raises Unavailable at once while Redis is away.

    `redis` comes from client.connect, so that nothing repeats by itself; `process` names this process;
    `clock` is the wall's, in ms. `op` is a caller's own name for a change: the same one twice is one effect
    and the first answer.
    """

    def __init__(
        self,
        redis: Redis,
        inventory: Resources,
        booked: BookedSource,
        settings: Settings,
        *,
        process: str,
        clock: Callable[[], int] = now_milliseconds,
        scripts: Scripts | None = None,
    ) -> None:
        scripts = scripts or Scripts(redis)
        self.process = process
        self.settings = settings
        self.store = HoldStore(scripts)
        self.index = Index(scripts)
        self.carts = Carts(self.index, self.store)
        self.loader = Loader(self.store, inventory, booked)
        self.trust = LivenessTrust(settings.disconnect_grace_seconds + 0.5)
        self._inventory = inventory
        self._clock = clock
        self._paying = Paying(self.loader, self.index, self.carts, self._shortest, self._owner)

    # Holding.

    async def hold(self, caller: Caller, request: HoldRequest, *, op: str | None, connected: bool) -> Held:
        """Take what the request names, all or nothing; `connected` says that the session has a socket here.

        Raises SlotTaken with the slots that cannot be had (none for `best`), Conflict for a cart of another
        owner or currency, LimitExceeded, and what requests.py refuses.
        """
        session = _session_of(caller)
        loaded, wanted = await self._wanted(request)
        hold = hold_id(session, op)
        place = await self._join(session, hold, loaded)
        answer = await self._take(session, hold, loaded, wanted, place, op=op, connected=connected)
        if answer.hold is None:
            await self.index.write(session, drop=[hold])
            raise self._refusal(answer, loaded, wanted)
        followed = await self._follow(session, answer.hold, place, created=answer.created)
        await self._note(session, hold, answer, place, loaded)
        held = [each for each in answer.holds if each.status == "held"]
        cart = cart_of(held + followed, owner=loaded.resource.owner)
        return Held(answer.hold, cart or _cart_of_one(answer.hold, loaded), answer.version, answer.created)

    async def _wanted(self, request: HoldRequest) -> tuple[Loaded, requests.Wanted]:
        loaded = await self._inventory.get(request.resource)
        try:
            return loaded, requests.wanted(loaded, request, now=self._clock())
        except UnknownSlot:
            meta = await self.store.meta(request.resource)
            if meta is None or meta.layout <= loaded.resource.layout:
                raise
        newer = await self._inventory.get(request.resource, meta.layout)
        return newer, requests.wanted(newer, request, now=self._clock())

    async def _join(self, session: str, hold: str, loaded: Loaded) -> _Place:
        """Note the intent; a cart of another owner or currency is a Conflict only if it still lives."""
        resource, terms = loaded.resource, self._terms(loaded)
        opening = OpenCart(
            reference=new_reference(), owner=resource.owner, currency=resource.currency, first_hold_at=0
        )
        joined = await self.index.join(session, hold, resource.id, opening, lasts_ms=terms.max_ms)
        if joined.status == "differs":
            await self._close_dead_cart(session, joined)
            joined = await self.index.join(session, hold, resource.id, opening, lasts_ms=terms.max_ms)
        if joined.status == "differs":
            raise Conflict("The cart was filled with something else just now", retry_after=1)
        return await self._place(joined, resource.id)

    async def _close_dead_cart(self, session: str, joined: Joined) -> None:
        standing = await self._standing(joined)
        if standing.held or any(map(standing.is_on_its_way, joined.entries)):
            raise Conflict(
                "A cart is for one owner and one currency: book what is in it, or release it, and try again"
            )
        await self.index.write(session, close=joined.reference)

    async def _place(self, joined: Joined, resource: str) -> _Place:
        elsewhere = tuple(entry for entry in joined.entries if entry.resource != resource)
        if joined.created or not elsewhere:
            return _Place(joined, [], on_its_way=False)
        standing = await self._standing(joined)
        on_its_way = any(map(standing.is_on_its_way, elsewhere))
        return _Place(joined, [hold for hold in standing.held if hold.resource != resource], on_its_way)

    async def _standing(self, joined: Joined) -> Standing:
        return await self.carts.look(Listing(now=joined.now, entries=joined.entries))

    async def _take(
        self,
        session: str,
        hold: str,
        loaded: Loaded,
        wanted: requests.Wanted,
        place: _Place,
        *,
        op: str | None,
        connected: bool,
    ) -> Answer:
        resource, joined = loaded.resource.id, place.joined
        terms = self._terms(loaded)
        hold_ms, max_ms = await self._shortest({resource, *(each.resource for each in place.elsewhere)})
        alive = place.is_alive_elsewhere
        return await self.loader.run(
            "hold",
            resource,
            id=hold,
            session=session,
            resource=resource,
            op=op,
            **wanted.content(),
            reference=joined.reference if alive else None,
            first_hold_at=opened_at(place.elsewhere) if place.elsewhere else None,
            fresh=joined.reference if joined.created else new_reference(),
            joining=joined.reference,
            pending=_recent(joined, resource),
            hold_ms=hold_ms,
            max_ms=max_ms,
            limit=terms.max_items,
            liveness=bool(self.trust),
            process=self.process if connected else None,
            live_ms=self.live_ms(terms) if connected else None,
        )

    def _refusal(self, answer: Answer, loaded: Loaded, wanted: requests.Wanted) -> Exception:
        if answer.status == "limit":
            limit = self._terms(loaded).max_items
            return LimitExceeded(
                f"One buyer may hold {limit} places of this at a time, and holds {answer.has} already"
            )
        if wanted.best is not None:
            return SlotTaken("There are not that many places left together", slots=[])
        return SlotTaken(slots=requests.names(loaded, answer.slots))

    async def _follow(self, session: str, hold: Hold, place: _Place, *, created: bool) -> list[Hold]:
        """The cart's holds in other resources move to the new deadline."""
        if not created:
            return place.elsewhere
        followed: list[Hold] = []
        for resource, holds in by_resource(place.elsewhere).items():
            answer = await self.loader.run(
                "move",
                resource,
                session=session,
                holds=ids(holds),
                expires_at=hold.expires_at,
                reference=hold.reference,
                first_hold_at=hold.first_hold_at,
            )
            followed += answer.holds
        return followed

    async def _note(self, session: str, intent: str, answer: Answer, place: _Place, loaded: Loaded) -> None:
        """The index says what became of the intent, if that is not what it says already."""
        hold = answer.hold
        assert hold is not None, "refusals were told before"
        if hold.id != intent or (answer.replayed and not await self._is_known_live(hold)):
            await self.index.write(session, drop=[intent])
        elif hold.reference != place.joined.reference:
            live = {hold.id, *ids(answer.holds), *ids(place.elsewhere)}
            entries = place.joined.entries
            await self.index.write(
                session,
                drop=[each.hold for each in entries if each.hold not in live],
                put=[(each.id, hold.reference, each.resource) for each in (hold, *place.elsewhere)],
                cart=_open_cart(hold, loaded.resource.owner),
            )

    async def _is_known_live(self, hold: Hold) -> bool:
        found = await self.store.holds({hold.resource: [hold.id]})
        return hold.id in found and found[hold.id].status in {"held", "paying"}

    # Giving back, prolonging.

    async def release(
        self, caller: Caller, hold: str, items: Sequence[tuple[str, int]] | None = None, *, op: str | None
    ) -> Hold:
        """Give a hold back, or `items` (slot id, quantity) of it; one that has ended is answered as it is."""
        session = _session_of(caller)
        resource = await self.index.resource_of(session, hold)
        if resource is None:
            raise NotFound
        indices = None
        if items is not None:
            indices = requests.indices(await self._inventory.get(resource), items)
        answer = await self.loader.run(
            "release", resource, session=session, holds=[hold], items=indices, op=op
        )
        _refuse_unreleased(answer)
        if not answer.holds:
            raise NotFound
        if answer.holds[0].status != "held":
            await self.index.write(session, drop=[hold])
        return answer.holds[0]

    async def extend(self, caller: Caller, *, op: str | None) -> Cart:
        """Move the cart's deadline to now + its hold's length, below its ceiling."""
        session = _session_of(caller)
        standing = await self.carts.read(session)
        cart = standing.cart
        if cart is None:
            raise _nothing_to_extend(standing)
        hold_ms, max_ms = await self._shortest({hold.resource for hold in cart.holds})
        moved: list[Hold] = []
        expires_at = None
        for resource, holds in by_resource(cart.holds).items():
            answer = await self.loader.run(
                "move",
                resource,
                session=session,
                holds=ids(holds),
                op=op,
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
        for resource, holds in by_resource(standing.held).items():
            answer = await self.loader.run("release", resource, session=session, holds=ids(holds), op=op)
            _refuse_unreleased(answer)
        if standing.listing.cart is not None:
            dropped = [entry.hold for entry in standing.listing.of_cart()]
            await self.index.write(session, drop=dropped)

    async def leave(self, caller: Caller) -> None:
        """An HTTP `leave`: the grace starts, unless a socket of the session keeps its holds up."""
        session = _session_of(caller)
        for resource in await self.resources_of(session):
            grace_ms = (await self.terms(resource)).grace_ms
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

    async def standing(self, session: str) -> Standing:
        """Cart and holds of one moment."""
        return await self.carts.read(session)

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

    async def give_back(self, holds: Sequence[Hold], booking: str) -> Cart | None:
        """From paying back to held, in one cart with what the session has held meanwhile.

        Raises Conflict if that has another owner or currency.
        """
        return await self._paying.give_back(holds, booking)

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

    async def load(self, resource: str) -> None:
        """Rebuild a resource from PostgreSQL under a new epoch, keeping the holds that still fit."""
        await self.loader.load(resource)

    async def ensure(self, resource: str) -> None:
        """Load the resource unless Redis knows it."""
        await self.loader.ensure(resource)

    async def epoch(self, resource: str) -> str | None:
        """The epoch Redis was last built for; None: it knows nothing of the resource."""
        meta = await self.store.meta(resource)
        return None if meta is None else meta.epoch

    async def read(self, resource: str) -> State:
        """The whole live state, for replicas and snapshots."""
        return await live_state.read(self.loader, resource)

    async def changes_since(self, resource: str, epoch: str, version: int) -> list[Change] | None:
        """The log after a position; None if the log does not know it."""
        return await live_state.changes_since(self.loader, resource, epoch, version)

    async def positions(self, resources: Sequence[str]) -> dict[str, tuple[str, int] | None]:
        """Where each resource stands, None for one that must be loaded again."""
        metas = await self.store.metas(resources)
        return {name: None if meta is None else (meta.epoch, meta.version) for name, meta in metas.items()}

    # Inside.

    def _terms(self, loaded: Loaded) -> Terms:
        return terms_of(loaded.resource.policy, self.settings)

    async def _shortest(self, resources: set[str]) -> tuple[int, int]:
        """A cart's hold length and ceiling (ms)."""
        return shortest([await self.terms(each) for each in resources])

    async def _owner(self, resource: str) -> str:
        return (await self._inventory.get(resource)).resource.owner

    async def terms(self, resource: str) -> Terms:
        """On what terms holds of the resource are given."""
        return self._terms(await self._inventory.get(resource))

    def live_ms(self, terms: Terms) -> int:
        """How long a renewal lasts: until a socket is known to be silent, and never less than its grace."""
        seconds = self.settings.liveness_seconds
        return max(1000 * seconds, terms.grace_ms + 1000 * seconds // 3)


def _session_of(caller: Caller) -> str:
    if not caller.session:
        raise Unauthorized("A session is needed; POST /api/sessions opens one")
    return caller.session


def _recent(joined: Joined, resource: str) -> list[str]:
    """The cart's holds in this resource that may be on their way."""
    return [
        entry.hold
        for entry in joined.entries
        if entry.resource == resource
        and entry.reference == joined.reference
        and joined.now - entry.written_at < ON_ITS_WAY_MS
    ]


def _open_cart(hold: Hold, owner: str) -> OpenCart:
    return OpenCart(
        reference=hold.reference, owner=owner, currency=hold.currency, first_hold_at=hold.first_hold_at
    )


def _refuse_unreleased(answer: Answer) -> None:
    if answer.status == "paying":
        raise Conflict("This is being paid: cancel its booking instead")
    if answer.status == "excess":
        raise BadRequest("The hold has less than that")


def _nothing_to_extend(standing: Standing) -> Exception:
    if standing.ended:
        return HoldExpired("The cart has ended")
    return Conflict("There is no cart to extend")


def _cart_of_one(hold: Hold, loaded: Loaded) -> Cart:
    """The cart of a repeated answer, whose hold may have ended since."""
    cart = cart_of([hold], owner=loaded.resource.owner)
    assert cart is not None
    return cart
