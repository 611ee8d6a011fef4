"""What holds need from the other rooms, as protocols: the inventory's slots and what is booked of them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from server.holds.rules import Hold
from server.inventory.blocks import Block
from server.inventory.grid.calendar import Calendar
from server.inventory.rules import Resource, Slot


class Loaded(Protocol):
    """A resource with its slots by index, their ids, and its blocks, best first; or a grid's calendar."""

    @property
    def resource(self) -> Resource: ...
    @property
    def slots(self) -> Sequence[Slot]: ...
    @property
    def by_id(self) -> Mapping[str, int]: ...
    @property
    def blocks(self) -> Sequence[Block]: ...
    @property
    def calendar(self) -> Calendar | None: ...


class Resources(Protocol):
    """server.inventory.service.Inventory, as far as holds know it."""

    async def get(self, resource_id: str, layout: int | None = None) -> Loaded:
        """The resource, at `layout` or newer; raises UnknownResource, or Unavailable."""
        ...

    def at_hand(self, resource_id: str, layout: int | None = None) -> Loaded | None:
        """What `get` would answer at once; None where it has to look."""
        ...


@dataclass(frozen=True, slots=True)
class Booked:
    """What PostgreSQL knows of a resource, under the epoch it has just been given.

    `lines` maps slot index → places of confirmed lines; `pending` are the holds of pending ones, each
    `paying`, with its booking's id and with `expires_at` at the end of its payment. `confirmed` are the holds
    of confirmed ones that Redis has not been told of, or not long ago. `given_up` are `booking:hold` of lines
    that are released, and of which Redis may yet be told that they are not booked any more; `returned` are
    those holds among them that Redis will be told to give back to their carts.
    """

    epoch: str
    layout: int
    lines: Mapping[int, int]
    pending: Sequence[Hold]
    confirmed: Sequence[str] = ()
    given_up: Sequence[str] = ()
    returned: Sequence[str] = ()


class BookedSource(Protocol):
    """PostgreSQL's side of a rebuild; bookings implement it."""

    async def bump_epoch_and_read(
        self, resource_id: str, require: Callable[[], Awaitable[None]] = ...
    ) -> Booked:
        """In one transaction: a new epoch, all lines, and their bookings marked as applied.

        `require` is asked while nobody else can have a new epoch: what it raises leaves everything as it was.
        Raises UnknownResource, or Unavailable.
        """
        ...
