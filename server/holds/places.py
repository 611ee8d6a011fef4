"""What somebody asked to take, the cart that it joins, and what came of it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from server.holds import requests
from server.holds.gathering import Reply
from server.holds.index import ON_ITS_WAY_MS, Joined
from server.holds.rules import Cart, Hold, cart_of
from server.holds.sources import Loaded
from server.holds.store import Answer

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Held:
    """What a request for a hold came to; `created` is False if the session had just that already.

    `is_news` unless nothing was changed: the session had it, or this is the answer to a repeat.
    """

    hold: Hold
    cart: Cart
    version: int
    created: bool
    is_news: bool = field(compare=False)


class Begun(NamedTuple, Generic[Result]):
    """A command that was sent to Redis. Once `reply` is there, `simply` says what came of it, or None: then
    something is left to be done, and `in_turn` does that. Both raise what refuses it.
    """

    reply: Reply
    simply: Callable[[], Result | None]
    in_turn: Callable[[], Awaitable[Result]]


@dataclass(frozen=True, slots=True)
class Place:
    """The cart that a new hold joins: what the index says, and what of it lives in other resources."""

    joined: Joined
    elsewhere: list[Hold]
    on_its_way: bool

    @property
    def is_alive_elsewhere(self) -> bool:
        return bool(self.elsewhere) or self.on_its_way


class Asked(NamedTuple):
    """A request as it goes to Redis: the hold's id, by which layout, what of it, for whom."""

    session: str
    hold: str
    loaded: Loaded
    wanted: requests.Wanted
    op: str | None
    process: str | None

    @property
    def resource(self) -> str:
        return self.loaded.resource.id


def recent(joined: Joined, resource: str) -> list[str]:
    """The cart's holds in this resource that may be on their way."""
    return [
        entry.hold
        for entry in joined.entries
        if entry.resource == resource
        and entry.reference == joined.reference
        and joined.now - entry.written_at < ON_ITS_WAY_MS
    ]


def held(answer: Answer, hold: Hold, others: Sequence[Hold], loaded: Loaded) -> Held:
    """The answer with its cart, which is the hold alone if none is held any more, as after a repeat."""
    in_cart = [each for each in (hold, *others) if each.status == "held"]
    cart = cart_of(in_cart or [hold], owner=loaded.resource.owner)
    assert cart is not None, "there is a hold"
    return Held(hold, cart, answer.version, answer.created, answer.created and not answer.replayed)
