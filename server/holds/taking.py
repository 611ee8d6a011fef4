"""Taking: from a request to a hold in its cart.

The session's index says which cart it joins and notes the intent, then the resource takes it, all or nothing:
two calls where the cart is in one resource. Its holds elsewhere follow, one resource after another.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from server.errors import (
    BadRequest,
    Conflict,
    HoldExpired,
    HoldfastError,
    LimitExceeded,
    SlotTaken,
    UnknownSlot,
)
from server.holds import requests
from server.holds.carts import Carts, Standing, by_resource, ids
from server.holds.index import ON_ITS_WAY_MS, Index, Joined, Listing, OpenCart
from server.holds.loading import Loader
from server.holds.policies import Policies
from server.holds.rules import Cart, Hold, HoldRequest, cart_of, hold_id, new_reference, opened_at
from server.holds.sources import Loaded, Resources
from server.holds.store import Answer, Newer
from server.holds.trust import LivenessTrust


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


class Taking:
    """`trust` says whether liveness may free what a request runs into; `clock` is the wall's, in ms."""

    def __init__(
        self,
        loader: Loader,
        index: Index,
        carts: Carts,
        inventory: Resources,
        policies: Policies,
        *,
        trust: LivenessTrust,
        clock: Callable[[], int],
    ) -> None:
        self._loader = loader
        self._index = index
        self._carts = carts
        self._inventory = inventory
        self._policies = policies
        self._trust = trust
        self._clock = clock

    async def hold(self, session: str, request: HoldRequest, *, op: str | None, process: str | None) -> Held:
        """Take what the request names; `process` is where the session has a socket, if it has one."""
        loaded, wanted = await self._wanted(request)
        hold = hold_id(session, op)
        place = await self._join(session, hold, loaded)
        if place is None:
            return await self._recall(session, hold, loaded, wanted, op)
        while True:
            try:
                answer = await self._take(session, hold, loaded, wanted, place, op=op, process=process)
                break
            except Newer as newer:
                loaded, wanted = await self._wanted_anew(request, newer.layout, session, hold)
        if answer.hold is None:
            await self._index.write(session, drop=[hold])
            raise self._refusal(answer, loaded, wanted)
        followed = await self._follow(session, answer.hold, place, created=answer.created)
        await self._note(session, hold, answer, place, loaded)
        return _held(answer, answer.hold, [*answer.holds, *followed], loaded)

    async def _wanted(self, request: HoldRequest) -> tuple[Loaded, requests.Wanted]:
        loaded = await self._inventory.get(request.resource)
        try:
            return loaded, requests.wanted(loaded, request, now=self._clock())
        except UnknownSlot:
            meta = await self._loader.store.meta(request.resource)
            if meta is None or meta.layout <= loaded.resource.layout:
                raise
        newer = await self._inventory.get(request.resource, meta.layout)
        return newer, requests.wanted(newer, request, now=self._clock())

    async def _wanted_anew(
        self, request: HoldRequest, layout: int, session: str, hold: str
    ) -> tuple[Loaded, requests.Wanted]:
        """What the request wants of a grid whose hours or prices are others by now."""
        loaded = await self._inventory.get(request.resource, layout)
        try:
            return loaded, requests.wanted(loaded, request, now=self._clock())
        except HoldfastError:
            await self._index.write(session, drop=[hold])
            raise

    async def _recall(
        self, session: str, hold: str, loaded: Loaded, wanted: requests.Wanted, op: str | None
    ) -> Held:
        """The first answer to an op whose hold has ended, or was refused."""
        answer = await self._loader.run("recall", loaded.resource.id, id=hold, session=session, op=op)
        if answer.status == "ended":
            raise HoldExpired("The hold that this op made has ended")
        if answer.hold is None:
            raise self._refusal(answer, loaded, wanted)
        return _held(answer, answer.hold, answer.holds, loaded)

    async def _join(self, session: str, hold: str, loaded: Loaded) -> _Place | None:
        """Note the intent; a cart of another owner or currency is a Conflict only if it still lives.

        None if the intent is an old one, which has come to its end.
        """
        resource, terms = loaded.resource, self._policies.terms(loaded)
        opening = OpenCart(
            reference=new_reference(), owner=resource.owner, currency=resource.currency, first_hold_at=0
        )
        joined = await self._index.join(session, hold, resource.id, opening, lasts_ms=terms.max_ms)
        if joined.status == "differs":
            await self._close_dead_cart(session, joined)
            joined = await self._index.join(session, hold, resource.id, opening, lasts_ms=terms.max_ms)
        if joined.status == "ended" and joined.resource == resource.id:
            return None
        if joined.status == "ended":
            raise BadRequest("This op has been used for another resource")
        if joined.status == "differs":
            raise Conflict("The cart was filled with something else just now", retry_after=1)
        return await self._place(joined, resource.id)

    async def _close_dead_cart(self, session: str, joined: Joined) -> None:
        standing = await self._standing(joined)
        if standing.held or any(map(standing.is_on_its_way, joined.entries)):
            raise Conflict(
                "A cart is for one owner and one currency: book what is in it, or release it, and try again"
            )
        await self._index.write(session, close=joined.reference)

    async def _place(self, joined: Joined, resource: str) -> _Place:
        elsewhere = tuple(entry for entry in joined.entries if entry.resource != resource)
        if joined.created or not elsewhere:
            return _Place(joined, [], on_its_way=False)
        standing = await self._standing(joined)
        on_its_way = any(map(standing.is_on_its_way, elsewhere))
        return _Place(joined, [hold for hold in standing.held if hold.resource != resource], on_its_way)

    async def _standing(self, joined: Joined) -> Standing:
        return await self._carts.look(Listing(now=joined.now, entries=joined.entries))

    async def _take(
        self,
        session: str,
        hold: str,
        loaded: Loaded,
        wanted: requests.Wanted,
        place: _Place,
        *,
        op: str | None,
        process: str | None,
    ) -> Answer:
        resource, joined = loaded.resource.id, place.joined
        terms = self._policies.terms(loaded)
        hold_ms, max_ms = await self._policies.shortest(
            {resource, *(each.resource for each in place.elsewhere)}
        )
        alive = place.is_alive_elsewhere
        return await self._loader.run(
            "hold",
            resource,
            *wanted.blobs,
            id=hold,
            session=session,
            resource=resource,
            layout=loaded.resource.layout,
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
            liveness=bool(self._trust),
            process=process,
            live_ms=self._policies.live_ms(terms),
        )

    def _refusal(self, answer: Answer, loaded: Loaded, wanted: requests.Wanted) -> Exception:
        if answer.status == "limit":
            limit = self._policies.terms(loaded).max_items
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
            answer = await self._loader.run(
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
            await self._index.write(session, drop=[intent])
        elif hold.reference != place.joined.reference:
            # Only of this resource are all live holds known here: what is being paid elsewhere stays listed.
            live = {hold.id, *ids(answer.holds)}
            entries = [each for each in place.joined.entries if each.resource == hold.resource]
            await self._index.write(
                session,
                drop=[each.hold for each in entries if each.hold not in live],
                put=[(each.id, hold.reference, each.resource) for each in (hold, *place.elsewhere)],
                cart=_open_cart(hold, loaded.resource.owner),
            )

    async def _is_known_live(self, hold: Hold) -> bool:
        found = await self._loader.store.holds({hold.resource: [hold.id]})
        return hold.id in found and found[hold.id].status in {"held", "paying"}


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


def _held(answer: Answer, hold: Hold, together: Sequence[Hold], loaded: Loaded) -> Held:
    """The answer with its cart; a repeated answer's hold may have been alone in it."""
    in_cart = [each for each in together if each.status == "held"]
    cart = cart_of(in_cart or [hold], owner=loaded.resource.owner)
    assert cart is not None, "there is a hold"
    return Held(hold, cart, answer.version, answer.created)
