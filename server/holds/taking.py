"""Taking: from a request to a hold in its cart.

The session's index says which cart it joins and notes the intent, then the resource takes it, all or nothing:
one call where one server has all of Redis and the cart is in one resource, else two. Its holds elsewhere
follow, one resource after another.
"""

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from redis.exceptions import ClusterCrossSlotError

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
from server.holds.gathering import Command, Common, Reply
from server.holds.index import MADE_WITHIN_MS, ON_ITS_WAY_MS, Index, Joined, Listing, OpenCart, lasting
from server.holds.loading import Loader
from server.holds.places import Asked, Begun, Held, Place, held, recent
from server.holds.policies import Policies
from server.holds.rules import Hold, HoldRequest, hold_id, new_reference, opened_at
from server.holds.sources import Loaded, Resources
from server.holds.store import Answer, Newer, NotReady, read
from server.holds.trust import LivenessTrust
from server.inventory.rules import Resource
from server.times import Clock

if TYPE_CHECKING:
    from collections.abc import Callable


class _Said(NamedTuple):
    """What was said of a resource on behalf of all who want something of it, while it stood so."""

    resource: Resource
    process: str | None
    trusts: bool
    common: Common


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
        clock: Clock,
    ) -> None:
        self._loader = loader
        self._index = index
        self._carts = carts
        self._inventory = inventory
        self._policies = policies
        self._trust = trust
        self._clock = clock
        self._said: _Said | None = None
        self.on_taken: Callable[[str, str, str], object] = lambda _session, _resource, _hold: None

    async def hold(self, session: str, request: HoldRequest, *, op: str | None, process: str | None) -> Held:
        """Take what the request names; `process` is where the session has a socket, if it has one."""
        loaded, wanted = await self._wanted(request)
        return await self._in_turn(request, Asked(session, hold_id(session, op), loaded, wanted, op, process))

    def begin(
        self, session: str, request: HoldRequest, loaded: Loaded, *, op: str | None, process: str | None
    ) -> Begun[Held] | None:
        """The same of a resource that is `loaded`, sent at once; None where something comes before."""
        if not self._index.is_beside_resources:
            return None
        try:
            wanted = requests.wanted(loaded, request, now=self._clock())
        except UnknownSlot:
            return None  # there may be a newer layout
        asked = Asked(session, hold_id(session, op), loaded, wanted, op, process)
        reply = self._ask(asked)
        return Begun(
            reply, partial(self._simply, asked, reply), partial(self._in_turn, request, asked, reply)
        )

    def wants(self, request: HoldRequest, loaded: Loaded) -> requests.Items | None:
        """The items that the request wants; None if anything against it can be seen without Redis."""
        try:
            items = requests.wanted(loaded, request, now=self._clock()).items
        except HoldfastError:
            return None
        limit = self._policies.terms(loaded).max_items
        is_too_much = items is None or 0 < limit < sum(quantity for _, quantity in items)
        return None if is_too_much else items

    def _simply(self, asked: Asked, reply: Reply) -> Held | None:
        """A new hold in its cart, all of it here, which nearly every one is; None for any other outcome."""
        try:
            answer = read(reply.result(), asked.resource)
        except (ClusterCrossSlotError, NotReady, Newer):
            return None
        hold, joined = answer.hold, answer.joined
        if hold is None or joined is None or answer.replayed:
            return None
        if hold.id != asked.hold or hold.reference != joined.reference:
            return None
        self._tell_taken(asked, answer)
        return held(answer, hold, answer.others, asked.loaded)

    async def _in_turn(self, request: HoldRequest, asked: Asked, reply: Reply | None = None) -> Held:
        """Take it, with all that has to be done for that; `reply` if the command was sent already."""
        joined: Joined | None = None
        while True:
            try:
                answer, joined = await self._at_once(asked, reply) if joined is None else (None, joined)
                place = await self._place(asked, joined)
                if place is None:
                    return await self._recall(asked)
                joined = place.joined
                answer = answer or await self._take(asked, place)
                break
            except Newer as newer:
                asked, reply = await self._anew(request, newer.layout, asked), None
        if answer.hold is None:
            await self._index.write(asked.session, drop=[asked.hold])
            raise self._refusal(answer, asked.loaded, asked.wanted)
        self._tell_taken(asked, answer)
        followed = await self._follow(asked.session, answer.hold, place, created=answer.created)
        await self._note(asked, answer, place)
        return held(answer, answer.hold, [*answer.others, *followed], asked.loaded)

    def _tell_taken(self, asked: Asked, answer: Answer) -> None:
        if asked.process is not None and answer.created and not answer.replayed:
            self.on_taken(asked.session, asked.resource, asked.hold)

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

    async def _anew(self, request: HoldRequest, layout: int, asked: Asked) -> Asked:
        """The same request of a grid whose hours or prices are others by now."""
        loaded = await self._inventory.get(request.resource, layout)
        try:
            wanted = requests.wanted(loaded, request, now=self._clock())
        except HoldfastError:
            await self._index.write(asked.session, drop=[asked.hold])
            raise
        return asked._replace(loaded=loaded, wanted=wanted)

    async def _recall(self, asked: Asked) -> Held:
        """The first answer to an op whose hold has ended, or was refused."""
        answer = await self._loader.run(
            "recall", asked.resource, id=asked.hold, session=asked.session, op=asked.op
        )
        if answer.status == "ended":
            raise HoldExpired("The hold that this op made has ended")
        if answer.hold is None:
            raise self._refusal(answer, asked.loaded, asked.wanted)
        return held(answer, answer.hold, answer.others, asked.loaded)

    async def _at_once(self, asked: Asked, reply: Reply | None) -> tuple[Answer | None, Joined]:
        """Note the intent and take, in one call; no answer where what the cart has elsewhere comes first."""
        if not self._index.is_beside_resources:
            return None, await self._join(asked)
        sent = [] if reply is None else [reply]

        async def once() -> Answer:
            packed = await (sent.pop() if sent else self._ask(asked))
            return read(packed, asked.resource, asked.loaded.resource.layout)

        try:
            answer = await self._loader.with_loaded(asked.resource, once)
        except ClusterCrossSlotError:
            self._index.is_beside_resources = False
            return None, await self._join(asked)
        assert answer.joined is not None, "hold_many.lua says so"
        return (None if answer.status == "apart" else answer), answer.joined

    def _ask(self, asked: Asked) -> Reply:
        """Send it to hold_many.lua, along with what others want of the same resource."""
        own, items = asked.wanted.content(), asked.wanted.items
        own["id"], own["session"], own["fresh"] = asked.hold, asked.session, new_reference()
        own["op"], own["is_new"] = asked.op, asked.op is None
        count = 1 if items is None else len(items)
        command = Command(self._index.key(asked.session), self._common(asked), own, asked.wanted.blobs, count)
        return self._loader.store.ask("hold_many", asked.resource, command)

    def _common(self, asked: Asked) -> Common:
        """What all say who want anything of the resource on these terms; the last one's is kept at hand."""
        said, trusts = self._said, bool(self._trust)
        resource = asked.loaded.resource
        if said and said.resource is resource and said.process == asked.process and said.trusts is trusts:
            return said.common
        terms = self._policies.terms(asked.loaded)
        common = {
            "owner": resource.owner,
            "currency": resource.currency,
            "lasts_ms": lasting(terms.max_ms),
            "on_its_way_ms": ON_ITS_WAY_MS,
            **self._terms(asked, terms.hold_ms, terms.max_ms),
        }
        self._said = _Said(resource, asked.process, trusts, Common.of(common))
        return self._said.common

    async def _join(self, asked: Asked) -> Joined:
        """Note the intent."""
        lasts_ms = self._policies.terms(asked.loaded).max_ms
        opening = self._opening(asked)
        return await self._index.join(asked.session, asked.hold, asked.resource, opening, lasts_ms=lasts_ms)

    def _opening(self, asked: Asked) -> OpenCart:
        """The cart to open if none is."""
        resource = asked.loaded.resource
        return OpenCart(
            reference=new_reference(), owner=resource.owner, currency=resource.currency, first_hold_at=0
        )

    async def _place(self, asked: Asked, joined: Joined) -> Place | None:
        """The cart that the hold joins; Conflict for one of another owner or currency, if it still lives.

        None if this id was used before, and what it made has ended or was refused.
        """
        if joined.status == "differs":
            await self._close_dead_cart(asked.session, joined)
            joined = await self._join(asked)
        if joined.status == "ended" and joined.resource == asked.resource:
            return None
        if joined.status == "ended":
            raise BadRequest("This op has been used for another resource")
        if joined.status == "differs":
            raise Conflict("The cart was filled with something else just now", retry_after=1)
        elsewhere = tuple(entry for entry in joined.entries if entry.resource != asked.resource)
        if joined.created or not elsewhere:
            return Place(joined, [], on_its_way=False)
        standing = await self._standing(joined)
        on_its_way = any(map(standing.is_on_its_way, elsewhere))
        others = [hold for hold in standing.held if hold.resource != asked.resource]
        return Place(joined, others, on_its_way)

    async def _close_dead_cart(self, session: str, joined: Joined) -> None:
        standing = await self._standing(joined)
        if standing.held or any(map(standing.is_on_its_way, joined.entries)):
            raise Conflict(
                "A cart is for one owner and one currency: book what is in it, or release it, and try again"
            )
        await self._index.write(session, close=joined.reference)

    async def _standing(self, joined: Joined) -> Standing:
        return await self._carts.look(Listing(now=joined.now, entries=joined.entries))

    async def _take(self, asked: Asked, place: Place) -> Answer:
        """Take what is wanted, the intent being noted."""
        joined, alive = place.joined, place.is_alive_elsewhere
        hold_ms, max_ms = await self._policies.shortest(
            {asked.resource, *(each.resource for each in place.elsewhere)}
        )
        return await self._loader.run(
            "hold",
            asked.resource,
            *asked.wanted.blobs,
            **self._terms(asked, hold_ms, max_ms),
            **asked.wanted.content(),
            id=asked.hold,
            session=asked.session,
            op=asked.op,
            reference=joined.reference if alive else None,
            first_hold_at=opened_at(place.elsewhere) if place.elsewhere else None,
            fresh=joined.reference if joined.created else new_reference(),
            joining=joined.reference,
            pending=recent(joined, asked.resource),
            latest=joined.now + MADE_WITHIN_MS,
        )

    def _terms(self, asked: Asked, hold_ms: int, max_ms: int) -> dict[str, Any]:
        """What both scripts that take are told of the resource, and on what terms it gives holds."""
        terms = self._policies.terms(asked.loaded)
        return {
            "resource": asked.resource,
            "layout": asked.loaded.resource.layout,
            "hold_ms": hold_ms,
            "max_ms": max_ms,
            "limit": terms.max_items,
            "liveness": bool(self._trust),
            "process": asked.process,
            "live_ms": self._policies.live_ms(terms),
        }

    def _refusal(self, answer: Answer, loaded: Loaded, wanted: requests.Wanted) -> Exception:
        if answer.status == "limit":
            limit = self._policies.terms(loaded).max_items
            return LimitExceeded(
                f"One buyer may hold {limit} places of this at a time, and holds {answer.has} already"
            )
        if wanted.best is not None:
            return SlotTaken("There are not that many places left together", slots=[])
        return SlotTaken(slots=requests.names(loaded, answer.slots))

    async def _follow(self, session: str, hold: Hold, place: Place, *, created: bool) -> list[Hold]:
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

    async def _note(self, asked: Asked, answer: Answer, place: Place) -> None:
        """The index says what became of the intent, if that is not what it says already."""
        session, intent, hold = asked.session, asked.hold, answer.hold
        assert hold is not None, "refusals were told before"
        if hold.id != intent or (answer.replayed and not await self._is_known_live(hold)):
            await self._index.write(session, drop=[intent])
        elif hold.reference != place.joined.reference:
            # Only of this resource are all live holds known here: what is being paid elsewhere stays listed.
            live = {hold.id, *ids(answer.others)}
            noted_before = place.joined.now - ON_ITS_WAY_MS  # younger ones may be on their way
            entries = [
                each
                for each in place.joined.entries
                if each.resource == hold.resource and each.written_at <= noted_before
            ]
            await self._index.write(
                session,
                drop=[each.hold for each in entries if each.hold not in live],
                put=[(each.id, hold.reference, each.resource) for each in (hold, *place.elsewhere)],
                cart=_open_cart(hold, asked.loaded.resource.owner),
            )

    async def _is_known_live(self, hold: Hold) -> bool:
        found = await self._loader.store.holds({hold.resource: [hold.id]})
        return hold.id in found and found[hold.id].status in {"held", "paying"}


def _open_cart(hold: Hold, owner: str) -> OpenCart:
    return OpenCart(
        reference=hold.reference, owner=owner, currency=hold.currency, first_hold_at=hold.first_hold_at
    )
