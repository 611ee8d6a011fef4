"""What happens to this caller's own: holds, carts, bookings and notices, in order, bounded."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeVar

from channels.client.connection import Connection, Message
from channels.client.errors import HoldfastError, LineClosed
from channels.client.models import Booking, Cart, Hold, Notice, from_socket

QUEUE_LIMIT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Standing:
    """What this session has, at the beginning of each connection: whatever happened without one is in it."""

    cart: Cart | None
    holds: tuple[Hold, ...]


@dataclass(frozen=True, slots=True)
class CartChanged:
    """The cart as it is now; None: it has ended."""

    cart: Cart | None


@dataclass(frozen=True, slots=True)
class Missed:
    """More came than was taken, and was let go: read again what matters."""

    count: int


Event = Standing | Hold | CartChanged | Booking | Notice | Missed
Kind = TypeVar("Kind", bound=Event)


class News:
    """Use it as a context and iterate over it. It ends with LineClosed, or what else ends the connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: deque[Event] = deque()
        self._came = asyncio.Event()
        self._error: HoldfastError | None = None
        self._missed = 0

    async def __aenter__(self) -> Self:
        await self._connection.listen(self)
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._connection.leave(self)
        self.ended(LineClosed(1000))

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while True:
            if self._missed:
                missed, self._missed = self._missed, 0
                return Missed(missed)
            if self._waiting:
                return self._waiting.popleft()
            if self._error is not None:
                raise self._error
            self._came.clear()
            await self._came.wait()

    async def next(self, kind: type[Kind], holds: Callable[[Kind], bool] = lambda _event: True) -> Kind:
        """The next event of this kind of which that is true; those before it are passed over."""
        while True:
            event = await anext(self)
            if isinstance(event, kind) and holds(event):
                return event

    # As the connection's listener.

    async def welcomed(self, message: Message) -> None:
        """A new connection, or one that stood before."""
        if message:
            cart = message["cart"] and from_socket(message["cart"], Cart)
            self._put(Standing(cart, tuple(from_socket(hold, Hold) for hold in message["holds"])))

    def lost(self) -> None:
        """The next welcome says how things stand."""

    def ended(self, error: HoldfastError) -> None:
        """Nothing more comes."""
        self._error = self._error or error
        self._came.set()

    async def heard(self, message: Message) -> None:
        """A message of the connection's."""
        kind = message.get("type")
        if kind == "hold":
            self._put(from_socket(message, Hold))
        elif kind == "cart":
            self._put(CartChanged(from_socket(message, Cart) if message["reference"] else None))
        elif kind == "booking":
            self._put(from_socket(message, Booking))
        elif kind == "notification":
            self._put(from_socket(message, Notice))

    def _put(self, event: Event) -> None:
        if len(self._waiting) >= QUEUE_LIMIT:
            self._missed += len(self._waiting)
            self._waiting.clear()
        self._waiting.append(event)
        self._came.set()
